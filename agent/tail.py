"""The newest lines of the journal, kept in memory as well: what has just been written is what is sent next."""

from collections import deque
from collections.abc import Iterable
from typing import Final

from sync.batch import Line

_MOST: Final = 16
"""Lines kept: a few calls for help, at most 768 KiB."""


class Tail:
    """Consecutive lines up to the newest one; the same that the file holds, and empty at the start."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=_MOST)

    def add(self, lines: Iterable[Line]) -> None:
        """Hear of lines that were committed, in their order; those of another journal take the place of all."""
        for line in lines:
            if self._lines and line.number != self._lines[-1].number + 1:
                self._lines.clear()
            self._lines.append(line)

    def read(self, first: int, *, count: int, size: int) -> list[Line]:
        """Return lines from `first` as `sync.source.Source.read` does; none if `first` is not here."""
        at = self._at(first)
        lines: list[Line] = []
        while at is not None and at < len(self._lines) and len(lines) < count:
            line = self._lines[at]
            size -= len(line.line)
            if size < 0 and lines:
                break
            lines.append(line)
            at += 1
        return lines

    def chain(self, number: int) -> bytes | None:
        """Return the chain value at `number`; None if that is not here."""
        at = self._at(number)
        return None if at is None else self._lines[at].chain

    def _at(self, number: int) -> int | None:
        at = number - self._lines[0].number if self._lines else -1
        return at if 0 <= at < len(self._lines) else None
