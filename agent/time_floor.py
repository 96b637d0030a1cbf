"""The wall clock is never believed below the newest time seen (`docs/enrolment.md`, "The kiosk's clock").

The floor outlives the process in a file of its own. Without it a kiosk whose battery is dead, and whose kernel was told
a wrong time, would hold good certificates for bad and bad ones for good.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from common.clock import Clock

SLACK_MS: Final = 10 * 60 * 1000
"""Headquarters' word lowers a floor that is more than this above it, in milliseconds."""

KEEP_EVERY_MS: Final = 3600 * 1000
"""The file is written when the floor has moved by so much, and at most so often: that spares the disk."""


class StationClock(Clock):
    """This machine's clock, held to the floor in `file`."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self._least_ms = 0
        self._kept_ms = self._floor_ms = _read(file)
        self._written_at_ns: int | None = None
        self._told = False
        self._known_ms, self._known_at_ns = self._floor_ms, self.mono_ns()

    @property
    def floor_ms(self) -> int:
        """The newest time seen, in milliseconds since 1970."""
        return self._floor_ms

    def trusted(self) -> bool:
        """Tell whether the kernel says that something keeps the wall clock synchronised, and it is above the floor."""
        return super().trusted() and self.wall_ms() >= self._floor_ms

    def believed_ms(self) -> int:
        """Return what time it is at least, as far as can be known; the wall clock while that is to be trusted."""
        if self.trusted():
            return self.wall_ms()
        return self._known_ms + max(0, self.mono_ns() - self._known_at_ns) // 1_000_000

    def known_ms(self) -> int | None:
        """Return what time it is, None while nobody knows: of a clock not to be trusted only headquarters' word counts.

        That word is signed, in each ack of this session or an earlier one of this process, and goes on from there.
        """
        if self.trusted():
            return self.wall_ms()
        return self.believed_ms() if self._told else None

    def never_below(self, least_ms: int) -> None:
        """Hear of a time before which it cannot be, such as when our certificate was made: nobody lowers that floor."""
        self._least_ms = max(self._least_ms, least_ms)
        self.seen(least_ms)

    def seen(self, wall_ms: int) -> None:
        """Hear of a time that was sure: the floor is not below it."""
        if wall_ms > self._floor_ms:
            self._set(wall_ms)

    def heard(self, time: str) -> None:
        """Hear headquarters' own time (RFC 3339): it raises the floor, and lowers one that is far above it.

        What is no time is ignored.
        """
        try:
            told_ms = round(datetime.fromisoformat(time).timestamp() * 1000)
        except (ValueError, OverflowError):
            return
        self._known_ms, self._known_at_ns = max(told_ms, self._least_ms), self.mono_ns()
        self._told = True
        if told_ms > self._floor_ms:
            self._set(told_ms)
        elif self._floor_ms - told_ms > SLACK_MS:
            self._set(max(told_ms, self._least_ms))

    def look(self) -> bool:
        """Note the time now, if it is sure; True when the floor is to be kept, by `keep`, since it has moved."""
        if self.trusted():
            self.seen(self.wall_ms())
        now_ns = self.mono_ns()
        due = self._written_at_ns is None or now_ns - self._written_at_ns >= KEEP_EVERY_MS * 1_000_000
        return due and abs(self._floor_ms - self._kept_ms) >= KEEP_EVERY_MS

    def keep(self) -> None:
        """Have the floor on the disk; costs an fsync. Raises OSError."""
        floor_ms, self._written_at_ns = self._floor_ms, self.mono_ns()
        _write(self._file, floor_ms)
        self._kept_ms = floor_ms

    def _set(self, floor_ms: int) -> None:
        self._floor_ms = floor_ms
        if self._known_ms < floor_ms:
            self._known_ms, self._known_at_ns = floor_ms, self.mono_ns()


def _read(file: Path) -> int:
    try:
        return max(0, int(file.read_text(encoding="ascii")))
    except (OSError, ValueError):
        return 0


def _write(file: Path, floor_ms: int) -> None:
    passing = file.with_name(f"{file.name}.new")
    with passing.open("w", encoding="ascii") as out:
        out.write(f"{floor_ms}\n")
        out.flush()
        os.fsync(out.fileno())
    passing.replace(file)
