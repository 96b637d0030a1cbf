"""What is readable of a damaged journal comes into the fresh one: calls for help before anything else is served.

Headquarters hears of it by `journal.opened` with reason `damaged` (`docs/link.md`): then everything readable above the
remembered cursor follows as `rescued`, help first, the rest while the station already serves. A line that carries an id
which came before is not copied again, and how far it got is written in the transactions of the copies, so that a kill
repeats nothing.
"""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

from agent.journal import Journal
from agent.pen import Pen
from agent.quota import set_aside
from agent.rescue import rescue
from agent.wreck import Row, Wreck
from common.events import EVENTS, is_urgent_event, read_payload
from common.events.journal import JournalOpened

log = logging.getLogger(__name__)

SCHEMA: Final = """
-- Damaged files whose lines are on their way into this journal, and how many of them were looked at.
CREATE TABLE IF NOT EXISTS salvage(file TEXT PRIMARY KEY, looked_at INTEGER NOT NULL) WITHOUT ROWID;
"""

UNKNOWN: Final = "00000000-0000-0000-0000-000000000000"
"""What `journal.opened` names as `previous` when nobody can tell any more which journal was lost."""

RESCUED: Final = ".rescued"
"""What the name of a damaged file ends in once everything readable was taken out of it."""

SLICE: Final = 100
"""Most lines that one transaction copies."""

# What a projector makes of an event whose neighbours are lost, or which is not what it was.
_MISFITS: Final = (ValueError, TypeError, LookupError, sqlite3.IntegrityError)
_SHOWN: Final = ("help.", "record.")

_Sound: TypeAlias = tuple[Row, dict[str, Any]]


async def begin(journal: Journal, path: Path, *, source: str) -> None:
    """Bring over what the screens show, and every call for help, from the damaged files beside `path`.

    Await it before the desk is restored; `source` is that of the station's events. Raises JournalError.
    """
    for file in _unfinished(path):
        try:
            with contextlib.closing(await asyncio.to_thread(Wreck, file, source)) as wreck:
                await journal.run(partial(_begin, file=file.name, wreck=wreck))
        except OSError as error:  # it waits for somebody who makes it readable; nothing of it is removed
            log.error("The damaged %s cannot be opened: %s. Make it readable and start again.", file, error)  # noqa: TRY400


class Salvage:
    """The rest of the damaged files beside the journal at `path`, of the station whose events have this `source`."""

    def __init__(self, journal: Journal, path: Path, *, source: str) -> None:
        self._journal = journal
        self._path = path
        self._source = source

    async def go_on(self) -> None:
        """Bring over what is left, a little at a time, and name each file as done. Raises JournalError."""
        for file in _unfinished(self._path):
            try:
                await self._finish(file)
            except OSError:  # said at the start
                continue
            log.warning("Everything readable in %s is rescued; the file is kept for a while.", file)

    async def _finish(self, file: Path) -> None:
        with contextlib.closing(await asyncio.to_thread(Wreck, file, self._source)) as wreck:
            looked_at = await self._journal.run(partial(_begin, file=file.name, wreck=wreck))
            rows = islice(wreck.sound(), looked_at, None)
            while batch := await asyncio.to_thread(_next, rows):
                await self._journal.run(partial(_copy, file=file.name, cursor=wreck.cursor, batch=batch))
        await asyncio.to_thread(_rename, file)


def _unfinished(path: Path) -> list[Path]:
    return [file for file in set_aside(path) if not file.name.endswith((RESCUED, "-wal", "-shm"))]


def _next(rows: Iterator[_Sound]) -> list[_Sound]:
    return list(islice(rows, SLICE))


def _begin(pen: Pen, *, file: str, wreck: Wreck) -> int:
    """Tell of a damaged journal, rebuild what is shown and rescue every call for help; return how many were looked at.

    Done once for each file.
    """
    begun = pen.connection.execute("SELECT looked_at FROM salvage WHERE file = ?", (file,)).fetchone()
    if begun is not None:
        return int(begun[0])
    pen.append(JournalOpened(previous=wreck.journal or UNKNOWN, reason="damaged", last_common=wreck.cursor))
    for row, event in wreck.sound(only=_may_be_shown):
        number, journal = row.number, wreck.journal or UNKNOWN
        if is_urgent_event(event["type"]) and number > wreck.cursor:
            number, journal = rescue(pen, row.line, urgent=True), pen.journal
        if event["type"].startswith(_SHOWN):
            _project(pen, number, event, journal)
    pen.connection.execute("INSERT INTO salvage VALUES (?, 0)", (file,))
    return 0


def _may_be_shown(line: bytes) -> bool:
    """Tell whether a line may be of _SHOWN, without parsing it."""
    return any(word in line for word in (b'"type":"help.', b'"type":"record.', b'"type":"rescued"'))


def _project(pen: Pen, number: int, event: Mapping[str, Any], journal: str) -> None:
    """Write the rows of an event that stands in `journal`; one that no longer fits its neighbours is left out."""
    payload = read_payload(EVENTS, dict(event))
    if payload is None:
        return
    at = "UPDATE journal SET id = ?"
    try:
        with pen.part():
            # Projections ask the journal's own row in which journal an event stands.
            pen.connection.execute(at, (journal,))
            pen.project(number, payload, event)
            pen.connection.execute(at, (pen.journal,))
    except _MISFITS as error:
        log.warning("%s, rescued from a damaged file, is not shown: %s.", event["type"], type(error).__name__)


def _copy(pen: Pen, *, file: str, cursor: int, batch: Sequence[_Sound]) -> None:
    for row, event in batch:
        if row.number > cursor and not is_urgent_event(event["type"]):
            rescue(pen, row.line, urgent=False)
    pen.connection.execute("UPDATE salvage SET looked_at = looked_at + ? WHERE file = ?", (len(batch), file))


def _rename(file: Path) -> None:
    for suffix in ("-wal", "-shm", ""):  # the database last: by its name the next start sees that there is more to do
        part = file.with_name(file.name + suffix)
        if part.exists():
            part.rename(part.with_name(file.name + RESCUED + suffix))
