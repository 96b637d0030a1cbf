"""The pen: what a unit of work writes with, inside the writer's transaction."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import msgspec

from agent.database import begin_journal, read_end
from agent.entry import Entry, Envelope, Moment
from agent.quota import Quota
from agent.timekeeper import moment_of, noticed
from common.events.terms import Payload
from sync.batch import Line, chain_next

Projector: TypeAlias = Callable[[sqlite3.Connection, int, str, Any, Mapping[str, Any]], None]
"""`(connection, number, event id, payload, event)`: writes an event's rows in the transaction of the event itself."""


class Appended(msgspec.Struct, frozen=True):
    """Where an event stands in the journal, and under which id."""

    number: int
    id: str


class NumberTakenError(sqlite3.IntegrityError):
    """Somebody else wrote to the journal: what is remembered of its end is wrong and must be read again."""


class Pen:
    """The end of the journal (id, head, chain there) and the connection that writes on.

    Belongs to the writer's thread and to one open transaction at a time; `written` is what this transaction appended
    so far, as (line, type).
    """

    def __init__(
        self, connection: sqlite3.Connection, envelope: Envelope, projectors: Mapping[str, Projector], quota: Quota
    ) -> None:
        self.connection = connection
        self.quota = quota
        self.journal, self.head, self.chain = read_end(connection)
        self.written: list[tuple[Line, str]] = []
        self.envelope = envelope
        self._projectors = projectors
        self._last_look = self._last_moment()

    def append(self, payload: Payload, event_id: str | None = None) -> Appended:
        """Append an event, stamped now, and project it.

        Raises LineLimitError, JournalFullError, and whatever its projector raises.
        """
        return self.record(self.envelope.entry(payload, event_id))

    def record(self, entry: Entry) -> Appended:
        """Append an event made before, and project it; what the clock did since the last one comes first.

        Raises JournalFullError, and whatever its projector raises.
        """
        self._look(entry.at)
        return self._write(entry)

    def keep_time(self) -> None:
        """Append `clock.set` or `clock.stepped` if that is due, and nothing if it is not."""
        self._look(self.envelope.now())

    def _look(self, at: Moment) -> None:
        clock_event = noticed(self.envelope.clock.boot, self._last_look, at)
        if self._last_look is None or at.mono_ns >= self._last_look.mono_ns:
            self._last_look = at
        if clock_event is not None:
            self._write(self.envelope.entry(clock_event, at=at))

    def _last_moment(self) -> Moment | None:
        row = self.connection.execute("SELECT line FROM events ORDER BY number DESC LIMIT 1").fetchone()
        return row and moment_of(row[0], self.envelope.clock.boot)

    def _write(self, entry: Entry) -> Appended:
        self.quota.admit(entry.type, len(entry.line))
        number = self.copy(entry.line, entry.type, urgent=entry.urgent)
        self.project(number, entry.payload, entry.event)
        return Appended(number, entry.id)

    def project(self, number: int, payload: Payload, event: Mapping[str, Any]) -> None:
        """Write the rows of an event that stands at `number`; raises whatever its projector raises."""
        project = self._projectors.get(event["type"])
        if project is not None:
            project(self.connection, number, event["id"], payload, event)

    def copy(self, line: bytes, event_type: str, *, urgent: bool) -> int:
        """Append a line whatever it says, project nothing, and return its number."""
        number, chain = self.head + 1, chain_next(self.chain, line)
        try:
            self.connection.execute("INSERT INTO events VALUES (?, ?, ?)", (number, line, chain))
        except sqlite3.IntegrityError as error:
            raise NumberTakenError(f"number {number} is taken") from error
        if urgent:
            self.connection.execute("INSERT INTO urgent VALUES (?)", (number,))
        self.head, self.chain = number, chain
        self.written.append((Line(number, line, chain), event_type))
        return number

    def begin_journal(self, journal: str) -> None:
        """Go on in a new journal, from number 1; the old one's rows must be gone."""
        begin_journal(self.connection, journal)
        self.journal, self.head, self.chain = read_end(self.connection)
        self.written = []

    @contextmanager
    def part(self, *, whole: bool = False) -> Iterator[None]:
        """Undo, when an exception leaves this block, what the block wrote, and nothing else; parts nest.

        `whole`: nothing else was or will be written in this transaction, so that it needs no savepoint.
        """
        before = self.journal, self.head, self.chain, self.written, self._last_look
        count = len(self.written)
        if not whole:
            self.connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:  # some errors of the disk end all of it
                for undo in ("ROLLBACK", "BEGIN IMMEDIATE") if whole else ("ROLLBACK TO part", "RELEASE part"):
                    self.connection.execute(undo)
            self.journal, self.head, self.chain, self.written, self._last_look = before
            del self.written[count:]
            raise
        if not whole:
            self.connection.execute("RELEASE part")
