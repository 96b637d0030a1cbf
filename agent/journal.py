"""The station's journal: events are appended to it, durably and in order, and its sender reads it.

The truth is `station.db`; this is the loop's side of it. Writing is `agent.writer`'s thread's, reading goes over a
second connection that can only read. What the link asks for is `sync.source.Source`.
"""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from agent.ballast import Ballast
from agent.database import (
    JournalError,
    connect,
    connect_to_read,
    is_damage,
    is_full,
    journal_error,
    open_database,
    suspect,
)
from agent.entry import Clock, Envelope
from agent.pen import Appended, Pen, Projector
from agent.quota import Limits, Quota
from agent.rescue import close_journal, rescue_closed, withhold
from agent.retention import SCHEMA, fell
from agent.tail import Tail
from agent.writer import Writer
from common.events.terms import Payload
from sync.batch import Line, chain_start
from sync.source import CloseCause, Kept

log = logging.getLogger(__name__)

T = TypeVar("T")


class Journal:
    """An open journal; every method belongs to the loop it was opened on.

    `on_append(number, event type)` is called on the loop for each event, after its commit and after whoever awaited it
    was told; `on_failure()` when `failure`, or `quota.full`, has come or gone.
    """

    def __init__(self, path: Path, envelope: Envelope, projectors: Mapping[str, Projector], limits: Limits) -> None:
        self.on_append: Callable[[int, str], None] | None = None
        self.on_failure: Callable[[], None] | None = None
        self._path = path
        self._damage: JournalError | None = None
        self.ballast = Ballast(path)
        self._envelope = envelope
        self._reader = connect_to_read(path)
        self._tail = Tail()
        loop = asyncio.get_running_loop()
        self.quota = quota = Quota(path, limits, lambda: loop.call_soon_threadsafe(self._failed))
        self._writer = Writer(
            path, lambda: Pen(connect(path), envelope, projectors, quota), self._make_room, self._announce, self._failed
        )

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        source: str,
        clock: Clock,
        projectors: Mapping[str, Projector] | None = None,
        schema: Sequence[str] = (),
        limits: Limits | None = None,
    ) -> "Journal":
        """Open `path` or begin it; a damaged file is set aside, kept, and a fresh journal begins.

        `source` is the CloudEvents source, `/stations/<id>`; `schema` are the projections' own tables, as scripts of
        CREATE TABLE IF NOT EXISTS. Raises JournalError.
        """
        await asyncio.to_thread(open_database, path, (SCHEMA, *schema))
        return cls(path, Envelope(source, clock), projectors or {}, limits or Limits())

    async def stop(self) -> None:
        """Write what waits, end the thread and close the file."""
        self._reader.close()  # first: the last connection tidies up the WAL, and this one could not
        await self._writer.stop()

    @property
    def failure(self) -> JournalError | None:
        """What the last commit failed with, or the damage found in the file; None while all is well."""
        return self._writer.failure or self._damage

    def damaged(self, error: sqlite3.Error) -> JournalError:
        """Hear that the file is damaged, and return that as a JournalError: the next start sets the file aside.

        Until then the journal goes on as well as it can: much of it may be whole.
        """
        failure = journal_error("read", self._path, error)
        if self._damage is None:
            self._damage = failure
            log.error("The journal is damaged: %s.", failure)
            with contextlib.suppress(OSError):  # then it is found again
                suspect(self._path)
            if self.on_failure is not None:
                self.on_failure()
        return failure

    async def append(self, payload: Payload, *, event_id: str | None = None) -> Appended:
        """Append one event with its projections; returns after its fsync.

        Stamped when called. Raises LineLimitError before anything is written, JournalError when the disk fails,
        JournalFullError (one of those) when the journal has reached its limit, and whatever its projector raises.
        Only the caller limits the time, and an append given up may still be written.
        """
        entry = self._envelope.entry(payload, event_id)
        return await self._writer.run(lambda pen: pen.record(entry))

    async def run(self, work: Callable[[Pen], T]) -> T:
        """Do any work inside one transaction of the writer's thread; returns after its fsync.

        When `work` raises, all it wrote is undone and the exception comes out here; JournalError when the disk fails.
        """
        return await self._writer.run(work)

    async def keep_time(self) -> None:
        """Append `clock.set` or `clock.stepped` if the clock was set or stepped; JournalError when the disk fails."""
        await self.run(Pen.keep_time)

    def query(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `look` reads, all of it as of one moment: short, and fetched whole. Raises JournalError."""
        try:
            self._reader.execute("BEGIN")
            try:
                return look(self._reader)
            finally:
                self._reader.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise (self.damaged(error) if is_damage(error) else journal_error("read", self._path, error)) from error

    # -- as its sender reads it: sync.source.Source ---------------------------------------------------------------

    async def kept(self) -> Kept:
        """Return what is kept now."""
        return self.query(_kept)

    async def read(self, first: int, *, count: int, size: int) -> Sequence[Line]:
        """Return consecutive lines from `first`: at most `count`, at most `size` bytes together, at least one."""
        newest = self._tail.read(first, count=count, size=size)
        return newest or self.query(lambda connection: _lines(connection, first, count, size))

    async def chain(self, number: int) -> bytes | None:
        """Return the chain at `number`, known for 0 and for `oldest` - 1 to `head`."""
        return self._tail.chain(number) or self.query(lambda connection: _chain(connection, number))

    async def urgent(self, after: int) -> Sequence[int]:
        """Return the kept numbers above `after` that travel on the urgent lane, ascending."""
        rows = "SELECT number FROM urgent WHERE number > ? ORDER BY number"
        return self.query(lambda connection: [number for (number,) in connection.execute(rows, (after,))])

    async def acknowledged(self, cursor: int) -> None:
        """Remember the cursor; costs an fsync when it changed."""

        def work(pen: Pen) -> None:
            fell(pen.connection, cursor)
            pen.connection.execute("UPDATE journal SET cursor = ?1 WHERE cursor <> ?1", (cursor,))

        await self.run(work)

    async def close(self, cause: CloseCause, last_common: int) -> None:
        """Close this journal and go on in a new one, in one transaction; events above `last_common` follow into it."""
        await self.run(lambda pen: close_journal(pen, cause, last_common))

    async def withhold(self, number: int) -> None:
        """Name `number`, which can never be sent, in an `event.withheld`."""
        await self.run(lambda pen: withhold(pen, number))

    async def recall(self, journal: str, cursor: int) -> None:
        """Append as `rescued` what is still kept above `cursor` of a journal closed earlier, each number once."""
        await self.run(lambda pen: rescue_closed(pen, journal, cursor))

    def _make_room(self, error: Exception) -> bool:
        """In the writer's thread: give up the reserve on a disk that is full, and keep what it frees for help."""
        if not is_full(error) or not self.ballast.release():
            return False
        self.quota.disk_is_full()
        return True

    def _failed(self) -> None:
        cause = self._writer.failure and self._writer.failure.__cause__
        if isinstance(cause, sqlite3.Error) and is_damage(cause):
            self.damaged(cause)
        if self.on_failure is not None:
            self.on_failure()

    def _announce(self, written: list[tuple[Line, str]]) -> None:
        self._tail.add(line for line, _ in written)
        if self.on_append is not None:
            for line, event_type in written:
                self.on_append(line.number, event_type)


def _kept(connection: sqlite3.Connection) -> Kept:
    journal, oldest, cursor = connection.execute("SELECT id, oldest, cursor FROM journal").fetchone()
    (head,) = connection.execute("SELECT max(number) FROM events").fetchone()
    withheld = tuple(number for (number,) in connection.execute("SELECT number FROM withheld ORDER BY number"))
    return Kept(journal, oldest, oldest - 1 if head is None else head, cursor, withheld=withheld)


def _lines(connection: sqlite3.Connection, first: int, count: int, size: int) -> list[Line]:
    lines: list[Line] = []
    rows = "SELECT number, line, chain FROM events WHERE number >= ? ORDER BY number LIMIT ?"
    for number, line, chain in connection.execute(rows, (first, count)):
        size -= len(line)
        if number != first + len(lines) or (size < 0 and lines):
            break
        lines.append(Line(number, line, chain))
    return lines


def _chain(connection: sqlite3.Connection, number: int) -> bytes | None:
    journal, oldest, base = connection.execute("SELECT id, oldest, base FROM journal").fetchone()
    if number == 0:
        return chain_start(journal)
    if number == oldest - 1:
        return bytes(base)
    row = connection.execute("SELECT chain FROM events WHERE number = ?", (number,)).fetchone()
    return row and bytes(row[0])
