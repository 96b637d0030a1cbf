"""What the firmware asks of its board. Read by people and by the type checker; no board has this file.

`hal_rp2.py` is a Raspberry Pi Pico; `hal_unix.py` a process whose pins are played by its parent.
"""

from typing import Protocol


class Sink(Protocol):
    """Who takes what the board has sensed."""

    def level(self, pin: int, value: int, ticks: int) -> None:
        """Take what an input reads (0 to 65535) since `ticks`: buttons from 0, then the case's contact."""

    def hear(self, data: bytes) -> None:
        """Take what came on the line."""


class Hal(Protocol):
    """A board. `watchdog_reset`: whether its watchdog has just restarted it."""

    watchdog_reset: bool

    def ticks_ms(self) -> int:
        """Return a clock in ms that begins anew every 2**30."""

    def wait(self, timeout_ms: int, sink: Sink) -> None:
        """Wait until something has come, at most so long, and hand it on."""

    def send(self, data: bytes) -> None:
        """Send as much as the line takes without waiting; the rest is lost, as on a wire."""

    def drive(self, output: int, on: bool) -> None:
        """Switch an output: 0 lamp, 1 buzzer, 2 relay."""

    def driven(self, output: int) -> bool:
        """Read back whether an output really is on."""

    def reference_well(self) -> bool:
        """Whether the converter reads something it must know as it should."""

    def load(self) -> bytes:
        """Return what was saved last; empty when nothing ever was. Raises OSError."""

    def save(self, data: bytes) -> None:
        """Keep these bytes instead of the last, whole or not at all, through a power cut. Raises OSError."""

    def random(self) -> int:
        """Return 32 bits of true chance."""

    def feed(self) -> None:
        """Tell the watchdog that all is well."""
