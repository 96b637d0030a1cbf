"""A panel's board played by a parent process: for tests, the demo, and looking at the firmware without a Pico.

Stdin and stdout are the line, as USB serial is on a Pico. A further file descriptor is the pins: a socket on which both
sides send records of seven bytes, `>BHI`: pin, value, moment in ms. What the parent sends is an input's new reading,
since that moment; what the firmware sends is an output's, or a sign of life for the watchdog. Without its parent it
ends.

Runs under MicroPython's unix port and under CPython.
"""

import os
import select
import struct
import sys
import time

from drivers.firmware.clock import PERIOD

TYPE_CHECKING = False  # MicroPython has no typing
if TYPE_CHECKING:
    from drivers.firmware.hal import Sink

RECORD = ">BHI"
RECORD_BYTES = 7
ON = 0xFFFF
# Inputs beyond the buttons and the case, and outputs beyond lamp, buzzer and relay.
REFERENCE, STUCK_OUTPUTS = 0x80, 0x81
FED = 0x80

_CHUNK = 512
_FEED_MS = 500
_REFERENCE_LEAST, _REFERENCE_MOST = 13000, 16000


class UnixHal:
    """The board of one process: `pins_fd` leads to its parent, `store` is the file that plays the flash."""

    def __init__(self, pins_fd: int, store: str, *, watchdog_reset: bool) -> None:
        self.watchdog_reset = watchdog_reset
        self._store = store
        self._in = open(0, "rb", buffering=0)
        self._out = open(1, "wb", buffering=0)
        self._pins = open(pins_fd, "rb", buffering=0)
        self._pins_out = open(pins_fd, "wb", buffering=0)
        self._poll = select.poll()
        self._poll.register(self._in, select.POLLIN)
        self._poll.register(self._pins, select.POLLIN)
        self._half = b""
        self._outputs: dict[int, bool] = {}
        self._reference = (_REFERENCE_LEAST + _REFERENCE_MOST) // 2
        self._stuck_outputs = 0
        self._fed_at = -_FEED_MS

    def ticks_ms(self) -> int:
        """Return the clock that the parent knows too: CLOCK_MONOTONIC."""
        ms = time.ticks_ms() if hasattr(time, "ticks_ms") else time.monotonic_ns() // 1000000
        return ms % PERIOD

    def wait(self, timeout_ms: int, sink: "Sink") -> None:
        """Wait until something has come, at most so long, and hand it on."""
        self._poll.poll(timeout_ms)
        # Both are read whatever woke it, the pins first: a press is older than an acknowledgement can be.
        pins = self._pins.read(_CHUNK)
        line = self._in.read(_CHUNK)
        if pins == b"" or line == b"":
            sys.exit(0)
        if pins:
            self._sense(self._half + pins, sink)
        if line:
            sink.hear(line)

    def send(self, data: bytes) -> None:
        """Write to the line; what a parent that has stopped reading leaves no room for is lost."""
        self._out.write(data)

    def drive(self, output: int, on: bool) -> None:
        """Switch lamp, buzzer or relay."""
        self._outputs[output] = on and not self._stuck_outputs & 1 << output
        self._tell(output, ON if on else 0)

    def driven(self, output: int) -> bool:
        """Read back whether an output really is on."""
        return self._outputs.get(output, False)

    def reference_well(self) -> bool:
        """Whether the played converter reads its reference as it should."""
        return _REFERENCE_LEAST <= self._reference <= _REFERENCE_MOST

    def load(self) -> bytes:
        """Return what was saved last; empty when nothing ever was. Raises OSError."""
        try:
            with open(self._store, "rb") as store:
                return store.read()
        except OSError as error:
            if error.args[0] == 2:
                return b""
            raise

    def save(self, data: bytes) -> None:
        """Keep these bytes instead of the last, whole or not at all. Raises OSError."""
        beside = self._store + ".new"
        with open(beside, "wb") as store:
            store.write(data)
            store.flush()  # MicroPython's flush is an fsync
            if hasattr(os, "fsync"):
                os.fsync(store.fileno())
        os.rename(beside, self._store)

    def random(self) -> int:
        """Return 32 bits of the system's randomness."""
        return int.from_bytes(os.urandom(4), "big")

    def feed(self) -> None:
        """Tell the parent that all is well, not more often than it needs to know."""
        now = self.ticks_ms()
        if (now - self._fed_at) % PERIOD >= _FEED_MS:
            self._fed_at = now
            self._tell(FED, 0)

    def _sense(self, records: bytes, sink: "Sink") -> None:
        whole = len(records) - len(records) % RECORD_BYTES
        self._half = records[whole:]
        for at in range(0, whole, RECORD_BYTES):
            pin, value, ticks = struct.unpack(RECORD, records[at : at + RECORD_BYTES])
            if pin == REFERENCE:
                self._reference = value
            elif pin == STUCK_OUTPUTS:
                self._stuck_outputs = value
            else:
                sink.level(pin, value, ticks)

    def _tell(self, pin: int, value: int) -> None:
        self._pins_out.write(struct.pack(RECORD, pin, value, self.ticks_ms()))
