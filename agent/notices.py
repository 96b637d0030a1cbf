"""Notices from headquarters: shown at the desk until their day, and who has read which.

Each officer reads it for themselves: whoever is signed in still has it before them when only another one read it. It
goes by the wall clock, and not while that is not to be trusted.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from agent.database import JournalError
from agent.entry import Clock
from agent.journal import Journal
from agent.orders import OrderRefused
from agent.pen import Pen, Projector
from agent.record_form import check_id, check_staff
from common import notice
from common.clock import rfc3339
from common.events.errands import NoticeRead, NoticeSent

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS notices(
    id TEXT PRIMARY KEY,
    place INTEGER NOT NULL,      -- in which order they came
    zh TEXT NOT NULL,
    en TEXT NOT NULL,
    must_read INTEGER NOT NULL,
    expires TEXT NOT NULL
) WITHOUT ROWID;
-- Who has read it; '' for somebody who had not signed in.
CREATE TABLE IF NOT EXISTS notice_reads(
    notice TEXT NOT NULL, staff TEXT NOT NULL, PRIMARY KEY (notice, staff)
) WITHOUT ROWID;
"""
"""Tables for `Journal.open(schema=...)`."""

LOOK_EVERY_S: Final = 30.0
"""How often it is looked whether one is over, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One that stands. `zh`, `en`: its words, one of them perhaps ""; `read`: by whoever asks."""

    id: str
    zh: str
    en: str
    must_read: bool
    expires: str
    read: bool


def projectors() -> dict[str, Projector]:
    """Return what to hand to `Journal.open(projectors=...)`, by event type."""
    return {"notice.read": _read}


class Notices:
    """The station's notices. Keep `run()` alive; `changed()` is told when `all` says another thing."""

    def __init__(self, journal: Journal, clock: Clock, changed: Callable[[], None]) -> None:
        self._journal = journal
        self._clock = clock
        self._changed = changed

    def send(self, pen: Pen, _: str, payload: NoticeSent) -> None:
        """Carry out the order `notice.sent`, in the transaction that stores it. Raises OrderRefused for bad words."""
        found = notice.problems(payload.zh, payload.en)
        if found:
            raise OrderRefused(", ".join(f"{language}: {problem}" for language, problem in found.items()))
        pen.connection.execute(
            "INSERT OR IGNORE INTO notices SELECT ?, coalesce(max(place), 0) + 1, ?, ?, ?, ? FROM notices",
            (payload.notice, payload.zh, payload.en, payload.must_read, payload.expires),
        )

    def orders_applied(self) -> None:
        """Hear that orders were carried out."""
        self._changed()

    def all(self, staff: str | None) -> tuple[Notice, ...]:
        """Return those that stand: what `staff` has not read first, of it what must be read; then the newest.

        `staff` None: nobody is signed in; then one is read that anybody read. Raises JournalError.
        """
        rows = (
            "SELECT id, zh, en, must_read, expires, EXISTS(SELECT 1 FROM notice_reads WHERE notice = id AND"
            " (?1 IS NULL OR staff = ?1)) AS is_read FROM notices WHERE ?2 IS NULL OR expires > ?2"
            " ORDER BY is_read, must_read DESC, place DESC"
        )
        now = rfc3339(self._clock.wall_ms()) if self._clock.trusted() else None
        found = self._journal.query(lambda connection: connection.execute(rows, (staff, now)).fetchall())
        return tuple(
            Notice(id=one, zh=zh, en=en, must_read=bool(must), expires=expires, read=bool(is_read))
            for one, zh, en, must, expires, is_read in found
        )

    async def read(self, one: str, event_id: str, *, staff: str | None = None) -> bool:
        """Note that somebody has read it; False when they had before, or it is gone. Raises WrongForm, JournalError."""
        check_id(event_id)
        check_staff(staff)
        done: bool = await self._journal.run(partial(_take, event_id, NoticeRead(notice=one, staff=staff)))
        if done:
            self._changed()
        return done

    async def run(self) -> None:
        """Let go of what is over, for ever."""
        while True:
            with contextlib.suppress(JournalError):  # the journal has logged it; in a moment again
                await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Let go of what is over by now. Raises JournalError."""
        if not self._clock.trusted():
            return
        now = rfc3339(self._clock.wall_ms())
        over = "SELECT 1 FROM notices WHERE expires <= ? LIMIT 1"
        if self._journal.query(lambda connection: connection.execute(over, (now,)).fetchone()) is not None:
            await self._journal.run(partial(_let_go, now))
            self._changed()


def _let_go(now: str, pen: Pen) -> None:
    pen.connection.execute("DELETE FROM notices WHERE expires <= ?", (now,))
    pen.connection.execute("DELETE FROM notice_reads WHERE notice NOT IN (SELECT id FROM notices)")


def _take(event_id: str, event: NoticeRead, pen: Pen) -> bool:
    """Decide in the writer's transaction: two presses never read it twice."""
    there = (
        "SELECT (SELECT 1 FROM notices WHERE id = ?1), (SELECT 1 FROM notice_reads WHERE notice = ?1 AND staff = ?2)"
    )
    stands, is_read = pen.connection.execute(there, (event.notice, event.staff or "")).fetchone()
    if not stands or is_read:
        return False
    pen.append(event, event_id)
    return True


def _read(connection: sqlite3.Connection, _: int, __: str, payload: NoticeRead, _event: Mapping[str, Any]) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO notice_reads SELECT id, ? FROM notices WHERE id = ?",
        (payload.staff or "", payload.notice),
    )
