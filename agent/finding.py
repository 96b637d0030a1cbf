"""What the city lets people find, kept up to date: its files are looked at now and then, and taken when they are right.

A file that is replaced by a wrong one, by half of one or by none costs nobody anything: the one before stays, also over
a restart, since what was right last is kept in the station's own folder.
"""

import asyncio
import contextlib
import logging
import os
import stat
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final, Generic, Literal, Protocol, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from agent import grid, places, whereabouts
from agent.city_files import MOST_BYTES, Mistake, NamedBytes
from agent.grid import Table
from agent.places import Places
from agent.settings import FindingSettings
from agent.view import FindingView
from agent.whereabouts import Spot

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 5.0
"""How often the files are looked at, in seconds; one that has changed must have stayed as it is from look to look."""

_ASK: Final = "All of them: jingting station check --config FILE"

_Mark: TypeAlias = tuple[int, ...] | str
"""What tells one state of a file from another; a text: why there is none."""


class _Counted(Protocol):
    def __len__(self) -> int: ...


_Table = TypeVar("_Table", bound=_Counted)


class DayClock(Protocol):
    """What tells the day."""

    def wall_ms(self) -> int:
        """Return the wall clock in milliseconds since 1970."""

    def trusted(self) -> bool:
        """Tell whether it can be trusted."""


class Watched(Generic[_Table]):
    """One table of the city's, from one file or from several that are read together.

    `read` gets each file by name and bytes, and returns the table with its mistakes. What was right last is kept in
    `folder`, under `city-` and the files' roles in the settings. `look` waits for the disk.
    """

    def __init__(
        self,
        name: str,
        files: dict[str, Path],
        folder: Path,
        read: Callable[[Sequence[NamedBytes]], tuple[_Table, tuple[Mistake, ...]]],
    ) -> None:
        self.table: _Table | None = None
        self.view = FindingView(name=name, entries=0, problem="", mistakes=0, first="")
        self._files = tuple(files.values())
        self._kept = tuple(folder / f"city-{role}.csv" for role in files)
        self._read = read
        self._seen: tuple[_Mark, ...] | None = None
        self._judged: tuple[_Mark, ...] | None = None

    def look(self) -> bool:
        """Take what is new and right; True when `table` or `view` is another than before.

        Files that have changed since the last look are left alone until the next one: they may be half copied.
        """
        marks = tuple(map(_mark, self._files))
        settled = self._seen in (None, marks)
        self._seen = marks
        if not settled or marks == self._judged:
            return False
        content = self._content(marks)
        if content is None:
            return False
        if isinstance(content, str):
            return self._refuse("unreadable", 0, content)
        self._judged = marks
        table, mistakes = self._read(content)
        if mistakes:
            return self._refuse("wrong", len(mistakes), mistakes[0].where)
        self._take(table, content)
        return True

    def _content(self, marks: Sequence[_Mark]) -> list[NamedBytes] | str | None:
        """Return each file's name and bytes; a text: why not; None: they were written meanwhile."""
        for file, mark in zip(self._files, marks, strict=True):
            if isinstance(mark, str):
                return f"{file.name}: {mark}"
        try:
            content = [named_bytes(file) for file in self._files]
        except OSError as error:
            return f"{Path(str(error.filename)).name}: {_reason(error)}"
        return content if tuple(map(_mark, self._files)) == marks else None

    def _take(self, table: _Table, content: Sequence[NamedBytes]) -> None:
        self.table = table
        self.view = FindingView(name=self.view.name, entries=len(table), problem="", mistakes=0, first="")
        log.info("Finding %s: %d entries.", self.view.name, len(table))
        # The journal says what is wrong with the disk; after a restart there is an older copy then, or none.
        with contextlib.suppress(OSError):
            for file, (_, data) in zip(self._kept, content, strict=True):
                _keep(file, data)

    def _refuse(self, problem: Literal["unreadable", "wrong"], mistakes: int, first: str) -> bool:
        if self.table is None:
            self._fall_back()
        before, entries = self.view, 0 if self.table is None else len(self.table)
        self.view = FindingView(name=before.name, entries=entries, problem=problem, mistakes=mistakes, first=first)
        if self.view == before:
            return False
        kept = f"the {entries} entries before stay" if entries else "there are none before, so nothing is shown"
        if problem == "wrong":
            log.error("Finding %s: %d mistakes, the first at %s; %s. %s", before.name, mistakes, first, kept, _ASK)
        else:
            log.error("Finding %s: %s; %s.", before.name, first, kept)
        return True

    def _fall_back(self) -> None:
        """Take what was right last in an earlier run; where there is none, nothing."""
        with contextlib.suppress(OSError):
            table, mistakes = self._read([named_bytes(file) for file in self._kept])
            if not mistakes:
                self.table = table


class Finding:
    """The tables of a station. Keep `run()` alive; `changed()` is called when one of them, or its view, has changed."""

    def __init__(
        self, settings: FindingSettings, *, folder: Path, zone: ZoneInfo, clock: DayClock, changed: Callable[[], None]
    ) -> None:
        self._zone = zone
        self._clock = clock
        self._changed = changed
        self._places: Watched[Places] | None = None
        self._grid: Watched[Table] | None = None
        if settings.places is not None:
            self._places = Watched("places", {"places": settings.places}, folder, self._read_places)
        if settings.addresses is not None and settings.contacts is not None:
            files = {"addresses": settings.addresses, "contacts": settings.contacts}
            self._grid = Watched("grid", files, folder, self._read_grid)

    @property
    def places(self) -> Places | None:
        """The ten-minute circle, None when there is none to show."""
        return None if self._places is None else self._places.table

    @property
    def grid(self) -> Table | None:
        """Addresses, grids and contacts, None when there are none to show."""
        return None if self._grid is None else self._grid.table

    def kinds(self) -> Collection[str]:
        """Return which kinds of places there are."""
        return () if self.places is None else self.places.by_kind

    def spots(self) -> tuple[Spot, ...]:
        """Return every grid and place, for whoever says where they were."""
        return whereabouts.spots(self.places, self.grid)

    def today(self) -> date | None:
        """Return the station's own day, None while the clock is not to be trusted."""
        if not self._clock.trusted():
            return None
        return datetime.fromtimestamp(self._clock.wall_ms() / 1000, self._zone).date()

    def views(self) -> tuple[FindingView, ...]:
        """Return how each table stands."""
        return tuple(watched.view for watched in (self._places, self._grid) if watched is not None)

    def look(self) -> bool:
        """Look at every file; waits for the disk. True when something is another than before."""
        moved = [watched.look() for watched in (self._places, self._grid) if watched is not None]
        return any(moved)

    async def run(self) -> None:
        """Look at the files now and then, for ever."""
        while True:
            if await asyncio.to_thread(self.look):
                self._changed()
            await asyncio.sleep(LOOK_EVERY_S)

    def _read_places(self, content: Sequence[NamedBytes]) -> tuple[Places, tuple[Mistake, ...]]:
        (circle,) = content
        return places.read(circle, today=self.today())

    def _read_grid(self, content: Sequence[NamedBytes]) -> tuple[Table, tuple[Mistake, ...]]:
        addresses, contacts = content
        return grid.read(addresses, contacts, today=self.today())


def _mark(file: Path) -> _Mark:
    try:
        found = file.stat()
    except OSError as error:
        return _reason(error)
    if not stat.S_ISREG(found.st_mode):
        return "no file"
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def named_bytes(file: Path) -> NamedBytes:
    """Return a file's name and what is in it, cut off where it is too long to be right. Raises OSError."""
    with file.open("rb") as content:
        return file.name, content.read(MOST_BYTES + 1)


def _keep(file: Path, content: bytes) -> None:
    """Have a copy on the disk, whole or not at all; one that is the same already costs nothing. Raises OSError."""
    if file.exists() and file.read_bytes() == content:
        return
    passing = file.with_name(f"{file.name}.new")
    with passing.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    passing.replace(file)
