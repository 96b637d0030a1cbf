"""One help button: from levels to presses and faults. Pure; times in ms that only grow.

A supervised loop has a resistor at its far end and another behind the button, so that one voltage tells four things;
a plain contact tells two. Debouncing: GB 50394-2007, 5.2.3, asks that no alarm be lost; see `debounce.py`.

This file also runs in the panel, under MicroPython.
"""

from drivers.firmware.debounce import NEVER_MS, Debounce

PRESS_MS = 25  # made for so long: a press
RELEASE_MS = 50  # open for so long: released
STUCK_MS = 30000  # held for longer: nobody's hand
FAULT_MS = 200  # a loop shorted, cut or mended for so long

# Zones of a loop, by rising voltage.
SHORT, PRESSED, NORMAL, CUT = 0, 1, 2, 3
FULL_SCALE = 1 << 16


class Bands:
    """Where the zones of a loop meet, in thousandths of the supply, and how far past the border counts as beyond."""

    def __init__(self, short_below: int, pressed_below: int, normal_below: int, hysteresis: int) -> None:
        self._borders = (short_below, pressed_below, normal_below)
        self._hysteresis = hysteresis

    def zone(self, value: int, before: int) -> int:
        """Return the zone of a reading (0 to 65535) of a loop that was in zone `before`."""
        reading = value * 1000 // FULL_SCALE
        zone = 0
        for below, border in enumerate(self._borders):
            margin = self._hysteresis if before <= below else -self._hysteresis
            if reading >= border + margin:
                zone = below + 1
        return zone


class Contact:
    """A plain contact to ground with a pull-up, low while it is closed; pressing closes it, or opens it."""

    def __init__(self, pressed_when_closed: bool) -> None:
        self._pressed_when_closed = pressed_when_closed

    def zone(self, value: int, before: int) -> int:  # noqa: ARG002 - as of Bands
        """Return PRESSED or NORMAL."""
        closed = value < FULL_SCALE // 2
        return PRESSED if closed == self._pressed_when_closed else NORMAL


class Button:
    """A button on a loop (`Bands`) or on a `Contact`."""

    def __init__(self, wiring: Bands | Contact) -> None:
        self.zone = NORMAL
        self._wiring = wiring
        self._press = Debounce(PRESS_MS, RELEASE_MS)
        self._short = Debounce(FAULT_MS, FAULT_MS)
        self._cut = Debounce(FAULT_MS, FAULT_MS)

    def hold(self) -> None:
        """Take it as pressed already, until it is released: its press is known."""
        self._press.hold()

    def sample(self, value: int, now: int) -> bool:
        """Take what the pin reads since `now` (0 to 65535); True when the button has been pressed since."""
        self.zone = self._wiring.zone(value, self.zone)
        self._short.sample(self.zone == SHORT, now)
        self._cut.sample(self.zone == CUT, now)
        return self._press.sample(self.zone == PRESSED, now)

    def look(self, now: int) -> bool:
        """Let time pass at the same level; True when the button has been pressed since. To be called when due."""
        self._short.look(now)
        self._cut.look(now)
        return self._press.look(now)

    def due_ms(self, now: int) -> int:
        """Return after how long `look` has something to see, if the level stays."""
        due = min(self._press.due_ms(), self._short.due_ms(), self._cut.due_ms())
        if self._press.on and not self.stuck(now):
            due = min(due, self._press.on_since + STUCK_MS + 1 - now)
        return min(due, NEVER_MS)

    def stuck(self, now: int) -> bool:
        """Whether it is held for over 30 s."""
        return self._press.on and now - self._press.on_since > STUCK_MS

    @property
    def short(self) -> bool:
        """Whether its loop is shorted."""
        return self._short.on

    @property
    def cut(self) -> bool:
        """Whether its loop is open."""
        return self._cut.on
