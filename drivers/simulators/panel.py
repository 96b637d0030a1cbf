"""How a help panel behaves (`docs/panel-line.md`): pure, the time comes in as nanoseconds of one monotonic clock."""

from collections.abc import Iterable
from dataclasses import dataclass

from drivers.firmware import frames

BUTTONS = 4
LATCH = 64  # presses that can wait for their acknowledgement
FIRMWARE = "simulator 1"
NEVER_NS = 1 << 63

_MS = 1_000_000
_HELLO_EVERY = 10  # heartbeats
_BURST = 8  # repetitions at a time: a full latch must not fill a 115200 baud line
_MAX_AGE_MS = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Latched:
    """A press that waits for its acknowledgement."""

    epoch: int
    number: int
    button: int
    pressed_ns: int


class HelpPanel:
    """Latches presses and repeats them until acknowledged; shows what the host wishes, and says when the host is gone.

    `latched` are the presses an earlier life left unacknowledged; new ones are numbered after `last_number`.
    """

    def __init__(self, *, epoch: int, last_number: int, latched: Iterable[Latched], now_ns: int) -> None:
        self.epoch = epoch
        self._last_number = last_number
        self._latched = {(press.epoch, press.number): press for press in latched}
        self._full = False
        self._wished = frames.Outputs("off", 0, False)  # noqa: FBT003 - a tuple of the line
        self._host_gone_ns: int | None = None
        self._heartbeat_ns = self._repeat_ns = now_ns
        self._beats = 0

    @property
    def host_here(self) -> bool:
        """Whether the host's heartbeat came within the last 3 s, as of the last `due`."""
        return self._host_gone_ns is not None

    @property
    def next_due_ns(self) -> int:
        """When `due` has something to do next."""
        repeat_ns = self._repeat_ns if self._latched else NEVER_NS
        return min(self._heartbeat_ns, repeat_ns, self._host_gone_ns or NEVER_NS)

    def press(self, button: int, now_ns: int) -> Latched | None:
        """Latch a press under the next number; None when the latch is full: a new press would say nothing new."""
        if len(self._latched) >= LATCH:
            self._full = True
            return None
        self._last_number += 1
        press = Latched(self.epoch, self._last_number, button, now_ns)
        if not self._latched:
            self._repeat_ns = now_ns + frames.REPEAT_MS * _MS
        self._latched[press.epoch, press.number] = press
        return press

    def acknowledged(self, ack: frames.PressAck) -> Latched | None:
        """Release the press that the host has made safe; None when it is not latched."""
        press = self._latched.pop((ack.epoch, ack.number), None)
        if press is not None:
            self._full = False
        return press

    def wish(self, outputs: frames.Outputs, now_ns: int) -> bool:
        """Take the host's heartbeat and what it wishes to show; True when that is another wish than before."""
        if self._host_gone_ns is None:
            self._heartbeat_ns, self._beats = now_ns, 0  # whoever comes back gets to know at once who is here
        changed: bool = outputs != self._wished
        self._wished = outputs
        self._host_gone_ns = now_ns + frames.GONE_MS * _MS
        return changed

    def due(self, now_ns: int) -> list[frames.Hello | frames.Press | frames.Status]:
        """Return what is to be sent now."""
        messages: list[frames.Hello | frames.Press | frames.Status] = []
        if self._host_gone_ns is not None and now_ns >= self._host_gone_ns:
            self._host_gone_ns = None
        if now_ns >= self._heartbeat_ns:
            self._heartbeat_ns = now_ns + frames.HEARTBEAT_MS * _MS
            if self._beats % _HELLO_EVERY == 0:
                messages.append(frames.Hello(FIRMWARE, self.epoch, BUTTONS))
            self._beats += 1
            messages.append(self.status())
        if now_ns >= self._repeat_ns and self._latched:
            self._repeat_ns = now_ns + frames.REPEAT_MS * _MS
            # In turns: one press that the host cannot take must not hide those behind it.
            for key in list(self._latched)[:_BURST]:
                press = self._latched[key] = self._latched.pop(key)
                messages.append(self.message(press, now_ns))
        return messages

    def message(self, press: Latched, now_ns: int) -> frames.Press:
        """Return a latched press as it goes on the line now."""
        age_ms = min(max(0, (now_ns - press.pressed_ns) // _MS), _MAX_AGE_MS)
        return frames.Press(press.epoch, press.number, press.button, age_ms)

    def status(self) -> frames.Status:
        """Return what the panel shows: alone, it holds the last tone, and sounds while a press is unacknowledged."""
        lamp, tone = self._wished.lamp, self._wished.tone
        if not self.host_here:
            lamp, tone = "host_gone", max(tone, 1 if self._latched else 0)
        return frames.Status(lamp, tone, self._wished.relay, len(self._latched), frames.FULL if self._full else 0)
