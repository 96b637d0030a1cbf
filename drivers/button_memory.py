"""One help button on a GPIO line: from edges and levels to presses that wait until acknowledged. Pure.

Times are CLOCK_MONOTONIC in nanoseconds, the clock of the kernel's edge events. An edge that survived the kernel's
debounce carries the time at which the debounce *ended* (Linux, drivers/gpio/gpiolib-cdev.c, `debounce_work_func`): the
press is older by the whole period, and no age told here adds it.

The kernel numbers the edges of a line one after the other (`line_seqno`) and throws away the oldest when nobody reads.
With both edges watched they alternate, so a gap tells how often the button must have been pressed in it.
"""

from dataclasses import dataclass

from drivers.panel import PressReading

STUCK_NS = 30_000_000_000
"""A button held for longer is stuck: a fault, after the call it has made."""

REPEAT_NS = 250_000_000
"""Between two repetitions of a press that nobody has acknowledged, as a panel repeats it."""

LATCH = 64
"""Most presses that wait for their acknowledgement; a further one would say nothing new. As in a panel."""

_MS = 1_000_000
_SEQNOS = 2**32  # `line_seqno` has 32 bits (include/uapi/linux/gpio.h)


@dataclass(frozen=True, slots=True)
class Edge:
    """One debounced edge as the kernel told it; `pressed` is where it led, `seqno` counts the line's edges from 1."""

    pressed: bool
    at_ns: int
    seqno: int


class ButtonMemory:
    """What is known of one button: whether it is held, and the presses nobody has acknowledged.

    It outlives the line it is told from: a chip may vanish and come back, and the driver be another one. `epoch` names
    this life of the memory, `number` counts presses from 1 in it; the two never come twice for two presses as long as
    the epoch is drawn by chance.
    """

    def __init__(self, name: str, epoch: int) -> None:
        self.edges_lost = 0
        self.latch_full = False
        self._name = name
        self._epoch = epoch
        self._number = 0
        self._latched: dict[int, int] = {}
        self._repeat_ns = 0
        self._held = False
        self._held_ns = 0
        self._held_before = False
        self._edge: Edge | None = None
        self._shown = 0  # presses that a level has shown since the last edge

    @property
    def waiting(self) -> bool:
        """Whether a press waits for its acknowledgement."""
        return bool(self._latched)

    def opened(self, now_ns: int, *, pressed: bool) -> None:
        """Hear that the line was requested anew, and stood so: its edges are counted from 1 again.

        A button that is held now and was not when last seen has been pressed while nobody looked.
        """
        self._edge = None
        self._held_before = self._held
        self._shown = 0
        self.level(now_ns, pressed=pressed)

    def edge(self, edge: Edge) -> bool:
        """Take an edge; True when edges before it were lost, and the line's level should be read.

        Presses that must have happened in the gap are presses, as old as this edge: the youngest they can be.
        """
        if self._edge is None:
            # How the line stood when it was requested, since when edges alternate; `opened` may have looked later.
            stood = edge.pressed == (edge.seqno % 2 == 0)
            presses, seqno = int(stood and not self._held_before), 0
        else:
            stood, presses, seqno = self._edge.pressed, 0, self._edge.seqno
        lost = (edge.seqno - seqno - 1) % _SEQNOS
        if lost > _SEQNOS // 2:
            return False  # told before
        # What was lost alternates, beginning with the opposite of how the line stood.
        presses += int(edge.pressed) + (lost + (not stood)) // 2
        new = max(0, presses - self._shown)
        self._shown = 0
        self._edge = edge
        self.edges_lost += lost
        self._become(edge.at_ns, pressed=edge.pressed, presses=new)
        return lost > 0

    def level(self, now_ns: int, *, pressed: bool) -> None:
        """Take the line's level, read when every edge told so far was taken: an edge may have been lost after them.

        An edge that is only on its way, and comes next, makes no second press of what the level has shown.
        """
        presses = int(pressed and not self._held)
        self._shown += presses
        self._become(now_ns, pressed=pressed, presses=presses)

    def stuck(self, now_ns: int) -> bool:
        """Tell whether the button has been held for too long."""
        return self._held and now_ns - self._held_ns > STUCK_NS

    def acknowledge(self, epoch: int, number: int) -> None:
        """Forget a press that is safe; harmless for one that is not known."""
        if epoch == self._epoch and self._latched.pop(number, None) is not None:
            self.latch_full = False

    def due(self, now_ns: int) -> list[PressReading]:
        """Return the presses to be told now: those never told, and every 250 ms all that wait."""
        if not self._latched or now_ns < self._repeat_ns:
            return []
        self._repeat_ns = now_ns + REPEAT_NS
        return [self._reading(number, pressed_ns, now_ns) for number, pressed_ns in self._latched.items()]

    def next_ns(self, now_ns: int) -> int | None:
        """Return when `due` or `stuck` will say something new; None when only another edge can make them."""
        times = [self._repeat_ns] if self._latched else []
        if self._held and not self.stuck(now_ns):
            times.append(self._held_ns + STUCK_NS + 1)
        return min(times, default=None)

    def _become(self, at_ns: int, *, pressed: bool, presses: int) -> None:
        if pressed and (presses or not self._held):
            self._held_ns = at_ns
        self._held = pressed
        for _ in range(presses):
            if len(self._latched) >= LATCH:
                self.latch_full = True
                return
            self._number += 1
            self._latched[self._number] = at_ns
            self._repeat_ns = 0

    def _reading(self, number: int, pressed_ns: int, now_ns: int) -> PressReading:
        age_ms = max(0, now_ns - pressed_ns) // _MS
        return PressReading(self._name, self._epoch, number, 0, age_ms)
