"""The help panel's firmware: from contacts to frames, from wishes to lamp and buzzer. `docs/panel-line.md` is the line.

Everything that is of one board comes in as `hal`; everything here runs under MicroPython and CPython alike.
"""

from drivers.firmware import frames, patterns
from drivers.firmware.button import PRESSED
from drivers.firmware.clock import Clock
from drivers.firmware.debounce import NEVER_MS, Debounce
from drivers.firmware.latch import Latch, unpack

TYPE_CHECKING = False  # MicroPython has no typing
if TYPE_CHECKING:
    from drivers.firmware.button import Button
    from drivers.firmware.hal import Hal
    from drivers.firmware.latch import Waiting

VERSION = "panel 2.0"
LAMP, BUZZER, RELAY = 0, 1, 2

_HELLO_EVERY = 10  # heartbeats
_NEWS_MS = 50  # between a STATUS and one that comes early because something has changed
_SAVE_MS = 1000  # an acknowledgement that is not kept costs one more repetition, a write costs the flash
_WATCHDOG_TOLD_MS = 60000
_TEST_LAMP_MS, _TEST_BUZZER_MS = 300, 30
_TAMPER_MS = 100
_HALF = 1 << 15
_MAX_AGE_MS = 0xFFFFFFFF
_TESTED = ((LAMP, frames.TEST_LAMP), (BUZZER, frames.TEST_BUZZER))


class HelpPanel:
    """One panel: `run` it, or call `turn` and let `hal.wait` hand over what came.

    `tamper`: a contact watches the case, closed to ground while the case is shut.
    """

    def __init__(self, hal: "Hal", buttons: "list[Button]", *, tamper: bool) -> None:
        self._hal = hal
        self._buttons = buttons
        self._clock = Clock(hal.ticks_ms())
        self._case = Debounce(_TAMPER_MS, _TAMPER_MS)
        self._has_case = tamper
        self._decoder = frames.Decoder()
        self._sequence = 0
        self._wished = frames.Outputs("off", 0, False)
        self._host_at: int | None = None
        self._heartbeat_at = 0
        self._beats = 0
        self._told: frames.Status | None = None
        self._told_at = 0
        self._shown: tuple[str, int] = ("", 0)
        self._shown_at = 0
        self._driven = [False, False, False]
        self._tested: frames.TestResult | None = None
        self._test_at: int | None = None
        self._store_fails = False
        self._epoch_kept = True
        self._save_at: int | None = None
        self._latch = self._restored()
        self._unseen = list(range(len(buttons)))

    def run(self) -> None:
        """Be a panel, for ever."""
        while True:
            self._hal.wait(self.turn(), self)

    def level(self, pin: int, value: int, ticks: int) -> None:
        """Take what an input reads since `ticks`: buttons from 0, then the case's contact."""
        now = self._clock.ms(ticks)
        if pin < len(self._buttons):
            button = self._buttons[pin]
            if button.sample(value, now):
                self._press(pin, now)
            if pin in self._unseen:
                self._unseen.remove(pin)
                # A finger that was on the button through a restart is no second call; one nobody knows of is a call.
                if button.zone == PRESSED and self._latch.waits_on(pin):
                    button.hold()
        elif self._has_case:
            self._case.sample(value >= _HALF, now)

    def hear(self, data: bytes) -> None:
        """Take what came on the line."""
        now = self._now()
        for payload in self._decoder.feed(data):
            message = frames.decode(payload)
            if isinstance(message, frames.PressAck):
                if self._latch.acknowledge(message.epoch, message.number) and self._save_at is None:
                    self._save_at = now + _SAVE_MS
            elif isinstance(message, frames.Outputs):
                if self._host_at is None:
                    self._heartbeat_at, self._beats = now, 0  # whoever comes back gets to know at once who is here
                self._wished = message
                self._host_at = now
            elif isinstance(message, frames.SelfTest):
                self._test(message.number, now)

    def turn(self) -> int:
        """Do what is due; return in how many ms something is due again, if nothing comes before."""
        now = self._now()
        for number, button in enumerate(self._buttons):
            if button.look(now):
                self._press(number, now)
        if self._has_case:
            self._case.look(now)
        if self._host_at is not None and now - self._host_at >= frames.GONE_MS:
            self._host_at = None
        due = self._show(now)
        for press in self._latch.repeat(now):
            self._send_press(press, now)
        due = min(due, self._report(now), self._keep(now))
        for button in self._buttons:
            due = min(due, button.due_ms(now))
        repeat = self._latch.due_ms(now)
        if repeat is not None:
            due = min(due, repeat)
        if self._host_at is not None:
            due = min(due, self._host_at + frames.GONE_MS - now)
        self._hal.feed()
        return max(0, min(due, self._case.due_ms()))

    def _now(self) -> int:
        return self._clock.ms(self._hal.ticks_ms())

    def _restored(self) -> Latch:
        try:
            data = self._hal.load()
        except OSError:
            data = b"?"
        latch = unpack(data, 0)
        if latch is None:
            # The numbering begins anew. What was there and cannot be read is told until something can be kept again.
            self._store_fails = bool(data)
            self._epoch_kept = False
            return Latch(self._hal.random())
        return latch

    def _press(self, button: int, now: int, *, test: bool = False) -> bool:
        press = self._latch.press(button, test, now)
        if press is None:
            return False
        if not self._save() and self._epoch_kept:
            # After a restart this number would be given again, to another press: it gets one that never will be.
            self._epoch_kept = False
            press = self._latch.rename(press, self._hal.random())
            self._beats = 0
        self._send_press(press, now)
        return True

    def _save(self) -> bool:
        try:
            self._hal.save(self._latch.pack())
        except OSError:
            self._store_fails = True
            return False
        self._store_fails = False
        self._epoch_kept = True
        self._save_at = None
        return True

    def _keep(self, now: int) -> int:
        """Save what was acknowledged when no press is under way: writing the flash takes its time."""
        if self._save_at is None:
            return NEVER_MS
        if now >= self._save_at and not self._save():
            self._save_at = now + _SAVE_MS
        return NEVER_MS if self._save_at is None else self._save_at - now

    def _report(self, now: int) -> int:
        """Send the heartbeat, or news since the last one."""
        status = self._status(now)
        if now >= self._heartbeat_at:
            self._heartbeat_at = now + frames.HEARTBEAT_MS
            if self._beats % _HELLO_EVERY == 0:
                self._send(frames.Hello(VERSION, self._latch.epoch, len(self._buttons)))
            self._beats += 1
        elif status == self._told:
            return self._heartbeat_at - now
        elif now < self._told_at + _NEWS_MS:
            return min(self._heartbeat_at, self._told_at + _NEWS_MS) - now
        self._send(status)
        self._told, self._told_at = status, now
        return self._heartbeat_at - now

    def _status(self, now: int) -> frames.Status:
        faults = self._faults(now)
        lamp, tone = self._wished.lamp, self._wished.tone
        if self._host_at is None:
            # Alone, it holds the last tone, and sounds while a person's press is unacknowledged.
            lamp, tone = "host_gone", max(tone, 1 if self._latch.real else 0)
        elif lamp == "off" and faults:
            lamp = "fault"
        return frames.Status(lamp, tone, self._wished.relay, len(self._latch), faults)

    def _faults(self, now: int) -> int:
        faults = 0
        for button in self._buttons:
            if button.stuck(now):
                faults |= frames.STUCK
            if button.cut:
                faults |= frames.CUT
            if button.short:
                faults |= frames.SHORT
        if self._latch.full:
            faults |= frames.FULL
        if self._case.on:
            faults |= frames.TAMPER
        if self._hal.watchdog_reset and now < _WATCHDOG_TOLD_MS:
            faults |= frames.WATCHDOG
        if self._store_fails:
            faults |= frames.STORE
        if self._tested is not None and self._tested.failed & ~frames.TEST_WAITS:
            faults |= frames.SELF_TEST
        return faults

    def _show(self, now: int) -> int:
        """Drive lamp, buzzer and relay; return when a pattern goes on."""
        status = self._status(now)
        alone = self._host_at is None and not self._wished.tone
        shown = (status.lamp, patterns.ALONE if alone and status.tone else status.tone)
        if shown != self._shown:
            self._shown = shown
            self._shown_at = now
        lamp, lamp_due = patterns.at(patterns.LAMP[shown[0]], now - self._shown_at)
        buzzer, buzzer_due = patterns.at(patterns.SOUND[shown[1]], now - self._shown_at)
        due = min(lamp_due or NEVER_MS, buzzer_due or NEVER_MS)
        if self._test_at is not None:
            passed = now - self._test_at
            if passed < _TEST_BUZZER_MS:
                lamp = buzzer = True
                due = min(due, _TEST_BUZZER_MS - passed)
            elif passed < _TEST_LAMP_MS:
                lamp = True
                due = min(due, _TEST_LAMP_MS - passed)
            else:
                self._test_at = None
        self._drive(LAMP, lamp)
        self._drive(BUZZER, buzzer)
        self._drive(RELAY, status.relay)
        return due

    def _drive(self, output: int, on: bool) -> None:
        if self._driven[output] != on:
            self._driven[output] = on
            self._hal.drive(output, on)

    def _test(self, number: int, now: int) -> None:
        """Test what can be tested here, then press as a finger would; asked again, say again how it went."""
        if self._tested is None or self._tested.number != number:
            failed = 0
            for output, bit in _TESTED:
                if not self._follows(output):
                    failed |= bit
            if not self._hal.reference_well():
                failed |= frames.TEST_ADC
            if not self._keeps():
                failed |= frames.TEST_STORE
            if not self._press(0, now, test=True):
                failed |= frames.TEST_WAITS
            self._tested = frames.TestResult(number, failed)
            if self._wished.lamp == "off" and not self._latch.real:
                self._test_at = now  # seen and heard, unless that hid a call
        self._send(self._tested)

    def _follows(self, output: int) -> bool:
        was = self._driven[output]
        self._hal.drive(output, not was)
        changed = self._hal.driven(output) != was
        self._hal.drive(output, was)
        return changed and self._hal.driven(output) == was

    def _keeps(self) -> bool:
        try:
            return self._save() and self._hal.load() == self._latch.pack()
        except OSError:
            return False

    def _send_press(self, press: "Waiting", now: int) -> None:
        age_ms = min(max(0, now - press.at), _MAX_AGE_MS)
        self._send(frames.Press(press.epoch, press.number, press.button, age_ms, press.test))

    def _send(self, message: "frames.Hello | frames.Press | frames.Status | frames.TestResult") -> None:
        self._hal.send(frames.encode(message, self._sequence))
        self._sequence = frames.following(self._sequence)
