"""How much of the disk the journal may take, and the part of it that only a call for help may still use."""

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent import wal
from agent.database import JournalError

log = logging.getLogger(__name__)

MIB: Final = 2**20

WORDS: Final = "This station's memory is full. Calls for help still work; anything else cannot be saved now."
"""What a screen says to whoever wanted to save something else (an English message id)."""

_RESERVED: Final = frozenset({"clock.set", "clock.stepped", "order.applied", "order.failed"})
# They end a disagreement with headquarters, or bring over what would otherwise be lost: refused, the journal would
# be stuck, and full for ever.
_ALWAYS: Final = frozenset({"journal.opened", "rescued", "event.withheld"})
_PAGE: Final = 4096
_A_COMMIT: Final = 32 * _PAGE
"""What a commit may rewrite of pages that are there already: it goes through the WAL (bytes)."""
_BESIDE_A_LINE: Final = 512
"""Chain, cell and rows of the projections that come with a line (bytes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`max_bytes` for database, WAL and damaged files kept aside, all together; the last `reserve_bytes` of it wait.

    For calls for help, what the clock did and the outcomes of orders. Raises ValueError for a reserve that is not
    below the half.
    """

    max_bytes: int = 256 * MIB
    reserve_bytes: int = 16 * MIB

    def __post_init__(self) -> None:
        if not 0 <= self.reserve_bytes < self.max_bytes // 2:
            raise ValueError("the reserve has to be less than half of what the journal may take")


class JournalFullError(JournalError):
    """The journal has reached its limit of bytes: this event was refused, and nothing of it was written.

    The disk itself need not be full, and a call for help may still be recorded. `words` is what a screen can say.
    """

    words = WORDS

    def __init__(self, event_type: str, path: Path, size: int, limit: int) -> None:
        super().__init__(
            f"append {event_type} to",
            path,
            f"{size / MIB:.1f} of {limit / MIB:.1f} MiB are taken",
            "let headquarters receive what waits, move damaged files away, or raise journal.max_bytes",
        )


class Quota:
    """What the files of one journal take now, and who may still write. Belongs to the writer's thread.

    `size` (bytes), `full` and `refused` (events refused since the start) may be read anywhere; `on_change()` is called
    in the writer's thread when `full` has come or gone.
    """

    def __init__(self, path: Path, limits: Limits, on_change: Callable[[], object]) -> None:
        self.full = False
        self.refused = 0
        self.size = 0
        self._path = path
        self._limits = limits
        self._on_change = on_change
        self._disk_full = False
        self._promised = 0
        self._aside = 0
        self.count_aside()

    def count_aside(self) -> None:
        """Measure again what was set aside: it changes only when somebody removes it."""
        self._aside = sum(_size(file) for file in set_aside(self._path))

    def look(self, connection: sqlite3.Connection) -> None:
        """Measure at the beginning of a commit, inside its transaction."""
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        # The file may still be longer than the database, which gave pages back that no checkpoint has cut off yet; or
        # shorter: then what it will grow by stands in the WAL, which keeps its size when it is written over.
        database = max(pages * _PAGE, _size(self._path))
        self.size = database + wal.size(self._path) + self._aside
        self._promised = _A_COMMIT
        if self.full and not self._disk_full and self.size <= self._room_again:
            self.full = False
            log.warning("The journal %s has room again; new events are taken.", self._path)
            self._on_change()

    def admit(self, event_type: str, size: int) -> None:
        """Take in a line of `size` bytes; raises JournalFullError."""
        if event_type in _ALWAYS:
            return
        reserved = event_type.startswith("help.") or event_type in _RESERVED
        limit = self._limits.max_bytes if reserved else self._for_all
        needed = 2 * (size + _BESIDE_A_LINE)  # once in the WAL, once in the database
        if (self.full and not reserved) or self.size + self._promised + needed > limit:
            self._refuse(event_type)
            raise JournalFullError(event_type, self._path, self.size, limit)
        self._promised += needed

    def disk_is_full(self) -> None:
        """Hear that the disk has no room, and the reserve on it was given up: from now on it is for help alone."""
        self._disk_full = True
        if not self.full:
            self.full = True
            log.error(
                "The disk of the journal %s is full: free disk space. Nothing is taken but calls for help.", self._path
            )
            self._on_change()

    def disk_has_room(self) -> None:
        """Hear that the reserve on the disk is held again."""
        self._disk_full = False

    @property
    def reserve(self) -> int:
        """How much of the reserve is not used yet, in bytes."""
        return max(0, min(self._limits.reserve_bytes, self._limits.max_bytes - self.size))

    @property
    def _for_all(self) -> int:
        return self._limits.max_bytes - self._limits.reserve_bytes

    @property
    def _room_again(self) -> int:
        """Below the limit by more than a commit or two, lest it be full and not full in turns."""
        return self._for_all - max(self._for_all // 32, 2 * _A_COMMIT)

    def _refuse(self, event_type: str) -> None:
        self.refused += 1
        if not self.full:
            self.full = True
            log.error(
                "The journal %s is full (%.1f MiB): %s is refused, like all that follows but calls for help.",
                self._path,
                self.size / MIB,
                event_type,
            )
            self._on_change()


def set_aside(path: Path) -> list[Path]:
    """Return the damaged files kept beside the database `path`, their WALs included."""
    return sorted(path.parent.glob(f"{path.name}.damaged-*"))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
