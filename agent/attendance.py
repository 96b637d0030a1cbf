"""Whether anybody is at the duty desk: in memory at once, in the journal behind it, and after a restart as before.

Somebody says by one key that everybody goes. That somebody is back is said by one key too, or shown by any work done at
the desk. What nobody could record still counts here, and is tried again until it is.
"""

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal

import msgspec

from agent import unattended
from agent.database import JournalError
from agent.entry import Clock
from agent.journal import Journal
from agent.pen import Pen, Projector
from agent.record_form import check_id, check_staff
from agent.unattended import Spans
from common.events.desk import DeskAttended, DeskUnattended
from common.identifiers import uuid7

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS attendance(one INTEGER PRIMARY KEY CHECK (one = 1), spans TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS attendance_events(place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
"""
"""Tables for `Journal.open(schema=...)`; `spans` is `agent.unattended.Spans` as JSON."""

TRY_AGAIN_S: Final = 5.0
"""How long after a failure what is not recorded is tried again, in seconds."""

MOST_WAITING: Final = 64
"""Most changes that wait for a disk that fails: of more, the newest ones are kept."""

_REMEMBERED: Final = 1000


@dataclass(frozen=True, slots=True)
class _Change:
    event_id: str
    payload: DeskUnattended | DeskAttended
    happened_ns: int


def projectors() -> dict[str, Projector]:
    """Return what to hand to `Journal.open(projectors=...)`, by event type."""
    return {"desk.unattended": _project, "desk.attended": _project}


class Attendance:
    """Who is there, of one station: `restore()` before the first call for help, and keep `run()` alive.

    `changed()` is called when somebody has left or come back. Everything here belongs to the loop.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._journal = journal
        self._clock = clock
        self._spans: Spans = ()
        self._known: set[str] = set()
        self._waiting: deque[_Change] = deque(maxlen=MOST_WAITING)
        self._writing = asyncio.Lock()

    def restore(self) -> None:
        """Read how it stood. Raises JournalError."""
        self._spans, self._known = self._journal.query(_load)

    def first_at(self, since_ns: int) -> int | None:
        """Return the first moment from `since_ns` on at which nobody was there, None when there was none.

        CLOCK_BOOTTIME, in nanoseconds.
        """
        return unattended.first_at(self._spans, since_ns, boot=self._clock.boot)

    def unattended_s(self) -> int | None:
        """Return for how many whole seconds nobody has been there; None while somebody is."""
        now_ns, now_ms = self._clock.mono_ns(), self._clock.wall_ms()
        return unattended.age_s(self._spans, boot=self._clock.boot, now_ns=now_ns, now_ms=now_ms)

    async def left(self, event_id: str, *, staff: str | None = None) -> None:
        """Everybody leaves. Returns once it is journaled; raises JournalError: it counts, and is tried again."""
        check_id(event_id)
        check_staff(staff)
        if event_id not in self._known and not unattended.is_unattended(self._spans):
            now_ns, now_ms = self._clock.mono_ns(), self._clock.wall_ms()
            self._spans = unattended.left(self._spans, boot=self._clock.boot, ns=now_ns, ms=now_ms)
            self._take(_Change(event_id, DeskUnattended(staff=staff), now_ns))
        await self._write()

    async def returned(self, event_id: str, *, by: Literal["key", "work"] = "key", staff: str | None = None) -> None:
        """Somebody is back; as `left`. `by` tells whether they said so, or did something at the desk."""
        check_id(event_id)
        check_staff(staff)
        if event_id not in self._known and unattended.is_unattended(self._spans):
            now_ns = self._clock.mono_ns()
            self._spans = unattended.returned(self._spans, boot=self._clock.boot, ns=now_ns)
            self._take(_Change(event_id, DeskAttended(by=by, staff=staff), now_ns))
        await self._write()

    async def somebody_works(self) -> None:
        """Hear that somebody has done something at the desk: nobody need say, then, that they are back."""
        if unattended.is_unattended(self._spans):
            with contextlib.suppress(JournalError):  # the journal has logged it; it is tried again
                await self.returned(uuid7(wall_ms=self._clock.wall_ms()), by="work")

    async def run(self) -> None:
        """Journal what could not be, for ever."""
        while True:
            with contextlib.suppress(JournalError):  # the journal has logged it; in a moment again
                await self._write()
            await asyncio.sleep(TRY_AGAIN_S)

    def _take(self, change: _Change) -> None:
        self._known.add(change.event_id)
        self._waiting.append(change)
        self.changed()

    async def _write(self) -> None:
        """Journal what waits, one after the other."""
        async with self._writing:
            while self._waiting:
                change = self._waiting[0]
                await self._journal.run(partial(_append, change, self._clock))
                if self._waiting and self._waiting[0] is change:  # not fallen away meanwhile
                    self._waiting.popleft()


def _append(change: _Change, clock: Clock, pen: Pen) -> None:
    """Journal what is not journaled yet: a commit whose outcome the disk hid may have succeeded after all."""
    known = "SELECT 1 FROM attendance_events WHERE id = ?"
    if pen.connection.execute(known, (change.event_id,)).fetchone() is None:
        age_ms = max(0, clock.mono_ns() - change.happened_ns) // 1_000_000
        pen.append(msgspec.structs.replace(change.payload, age_ms=age_ms), change.event_id)


def _load(connection: sqlite3.Connection) -> tuple[Spans, set[str]]:
    return _spans(connection), {row[0] for row in connection.execute("SELECT id FROM attendance_events")}


def _spans(connection: sqlite3.Connection) -> Spans:
    row = connection.execute("SELECT spans FROM attendance").fetchone()
    return () if row is None else msgspec.json.decode(row[0], type=Spans)


def _project(
    connection: sqlite3.Connection,
    _: int,
    event_id: str,
    payload: DeskUnattended | DeskAttended,
    event: Mapping[str, Any],
) -> None:
    spans, boot, ns = _spans(connection), event["boot"], int(event["mono"]) - payload.age_ms * 1_000_000
    if isinstance(payload, DeskUnattended):
        ms = int(datetime.fromisoformat(event["time"]).timestamp() * 1000) - payload.age_ms
        spans = unattended.left(spans, boot=boot, ns=ns, ms=ms)
    else:
        spans = unattended.returned(spans, boot=boot, ns=ns)
    connection.execute("INSERT OR REPLACE INTO attendance VALUES (1, ?)", (msgspec.json.encode(spans).decode(),))
    connection.execute("INSERT OR IGNORE INTO attendance_events(id) VALUES (?)", (event_id,))
    connection.execute(
        "DELETE FROM attendance_events WHERE place <= (SELECT max(place) FROM attendance_events) - ?", (_REMEMBERED,)
    )
