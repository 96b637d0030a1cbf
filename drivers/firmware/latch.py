"""The panel's latch: presses that wait for their acknowledgement, and how they are kept through a restart.

Pure; `docs/panel-line.md` is the contract. Times in ms that only grow. This file also runs in the panel, under
MicroPython.
"""

import binascii
import struct
from collections import namedtuple

from drivers.firmware.frames import REPEAT_MS

CAPACITY = 64  # presses of people; one test press has a place beside them
_BURST = 8  # repetitions at a time: a full latch must not fill a 115200 baud line
_MAGIC = b"JTL1"
_HEAD, _ENTRY = ">4sIIB", ">IIBB"
_HEAD_BYTES, _ENTRY_BYTES, _CRC_BYTES = 13, 10, 4
_TEST = 0x01

# A press that waits. `at`: when it was made; for one from before a restart, when the panel started.
Waiting = namedtuple("Waiting", ("epoch", "number", "button", "test", "at"))


class Latch:
    """Numbers presses and keeps them until acknowledged.

    `epoch` and `last` are those of the latest press; `waiting` what an earlier life left unacknowledged.
    """

    def __init__(self, epoch: int, last: int = 0, waiting: tuple[Waiting, ...] = (), now: int = 0) -> None:
        self.epoch = epoch
        self.last = last
        self.full = False
        self._waiting = list(waiting)
        self._repeat_at = now

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def real(self) -> int:
        """How many of the waiting presses are people's."""
        return sum(not press.test for press in self._waiting)

    def waits_on(self, button: int) -> bool:
        """Whether a person's press of this button waits."""
        return any(press.button == button and not press.test for press in self._waiting)

    def press(self, button: int, test: bool, now: int) -> Waiting | None:
        """Keep a press under the next number; None when there is no room: a further one would say nothing new.

        Presses of people have 64 places, and a test press the one that is its own.
        """
        real = self.real
        if test:
            if len(self._waiting) > real:
                return None
        elif real >= CAPACITY:
            self.full = True
            return None
        self.last += 1
        press = Waiting(self.epoch, self.last, button, test, now)
        if not self._waiting:
            self._repeat_at = now + REPEAT_MS
        self._waiting.append(press)
        return press

    def rename(self, press: Waiting, epoch: int) -> Waiting:
        """Begin another epoch with the press that was just made: its number could not be kept."""
        self.epoch, self.last = epoch, 1
        renamed = Waiting(epoch, 1, press.button, press.test, press.at)
        self._waiting[self._waiting.index(press)] = renamed
        return renamed

    def acknowledge(self, epoch: int, number: int) -> bool:
        """Release a press that the host has made safe; False when it does not wait here."""
        for at, press in enumerate(self._waiting):
            if (press.epoch, press.number) == (epoch, number):
                del self._waiting[at]
                self.full = self.full and self.real >= CAPACITY
                return True
        return False

    def repeat(self, now: int) -> list[Waiting]:
        """Return the presses to be sent again now, at most eight, in turns: none may hide those behind it."""
        if not self._waiting or now < self._repeat_at:
            return []
        self._repeat_at = now + REPEAT_MS
        turn = self._waiting[:_BURST]
        self._waiting = self._waiting[_BURST:] + turn
        return turn

    def due_ms(self, now: int) -> int | None:
        """Return after how long `repeat` has something to send; None when nothing waits."""
        return max(0, self._repeat_at - now) if self._waiting else None

    def pack(self) -> bytes:
        """Return the bytes from which `unpack` makes this latch again."""
        data = struct.pack(_HEAD, _MAGIC, self.epoch, self.last, len(self._waiting))
        for press in self._waiting:
            data += struct.pack(_ENTRY, press.epoch, press.number, press.button, _TEST if press.test else 0)
        return data + struct.pack(">I", binascii.crc32(data) & 0xFFFFFFFF)


def unpack(data: bytes, now: int) -> Latch | None:
    """Return the latch that was packed, or None when these bytes are not whole."""
    if len(data) < _HEAD_BYTES + _CRC_BYTES:
        return None
    body = data[:-_CRC_BYTES]
    magic, epoch, last, count = struct.unpack(_HEAD, body[:_HEAD_BYTES])
    crc = struct.unpack(">I", data[-_CRC_BYTES:])[0]
    whole = len(body) == _HEAD_BYTES + count * _ENTRY_BYTES and crc == binascii.crc32(body) & 0xFFFFFFFF
    if magic != _MAGIC or not whole:
        return None
    waiting = []
    for at in range(_HEAD_BYTES, len(body), _ENTRY_BYTES):
        press_epoch, number, button, flags = struct.unpack(_ENTRY, body[at : at + _ENTRY_BYTES])
        waiting.append(Waiting(press_epoch, number, button, bool(flags & _TEST), now))
    return Latch(epoch, last, tuple(waiting), now)
