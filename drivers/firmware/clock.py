"""A clock that only grows, made of one that begins anew every 2**30 ms (`time.ticks_ms` of an RP2040, 12.4 days).

This file also runs in the panel, under MicroPython.
"""

PERIOD = 1 << 30


class Clock:
    """Ms since the first look at it. To be asked at least every 6 days."""

    def __init__(self, ticks: int) -> None:
        self._ticks = ticks
        self._ms = 0

    def ms(self, ticks: int) -> int:
        """Return the time of `ticks`, which may be a little older than the newest that was asked for."""
        passed = (ticks - self._ticks + PERIOD // 2) % PERIOD - PERIOD // 2
        if passed > 0:
            self._ticks = ticks
            self._ms += passed
            passed = 0
        return self._ms + passed
