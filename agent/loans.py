"""What the station has lent: what, which one, since when; who has it stands in a walk-in record, or nowhere."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from agent.entry import Clock
from agent.journal import Journal
from agent.pen import Pen, Projector
from agent.record_form import Mistake, WrongForm, check_id, check_staff
from agent.since import since_s
from common import loan
from common.events.lent_and_found import LoanBegun, LoanEnded
from common.loan import State, Step
from common.plain_text import problem_of_code
from common.things import Things

KEPT: Final = 100
"""How many loans that are over are kept to be looked at."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS loans(
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,     -- that of its loan.begun event
    thing TEXT NOT NULL,
    number TEXT NOT NULL,        -- of the thing; '' where it has none
    record TEXT NOT NULL,        -- number of the walk-in record of who has it; '' where nobody asked
    hours INTEGER NOT NULL,      -- until it is overdue; 0: never
    state TEXT NOT NULL,
    out_at TEXT NOT NULL,        -- as the station's clock said
    over_at TEXT NOT NULL DEFAULT '',
    boot TEXT NOT NULL,
    out_ns INTEGER NOT NULL,
    out_ms INTEGER NOT NULL
);
"""
"""Tables for `Journal.open(schema=...)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """One of them. Times are RFC 3339; `age_s`: whole seconds since it went out."""

    id: str
    thing: str
    number: str
    record: str
    hours: int
    state: State
    out_at: str
    over_at: str
    age_s: int

    @property
    def overdue(self) -> bool:
        """Tell whether it should have come back."""
        return self.state == "out" and 0 < self.hours * 3600 <= self.age_s


def projectors() -> dict[str, Projector]:
    """Return what to hand to `Journal.open(projectors=...)`, by event type."""
    return {"loan.begun": _begun, "loan.ended": _ended}


class Loans:
    """The loans of one station. Everything raises JournalError.

    `is_record` tells whether there is a record of that number here; `changed()` is told when a loan began or ended.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        things: Things,
        *,
        is_record: Callable[[str], bool],
        changed: Callable[[], None],
    ) -> None:
        self.things = things
        self._journal = journal
        self._clock = clock
        self._is_record = is_record
        self._changed = changed

    def out(self) -> tuple[Loan, ...]:
        """Return what is out: overdue on top, then as it went."""
        found = self._select("WHERE state = 'out' ORDER BY place", ())
        return tuple(sorted(found, key=lambda one: not one.overdue))

    def over(self, most: int = 20) -> tuple[Loan, ...]:
        """Return what came back or was given up, the newest on top."""
        return self._select("WHERE state IN ('returned', 'lost') ORDER BY place DESC LIMIT ?", (most,))

    async def begin(self, event_id: str, thing: str, number: str, record: str, *, staff: str | None = None) -> None:
        """Note that a thing goes out. Raises WrongForm, every mistake at once; the same form again changes nothing."""
        check_id(event_id)
        check_staff(staff)
        lent, number, record = self.things.lent.get(thing), number.strip(), record.strip().upper()
        mistakes: list[Mistake] = []
        if lent is None:
            mistakes.append(Mistake("thing", "unknown" if thing else "missing"))
        if number and (problem := problem_of_code(number)) is not None:
            mistakes.append(Mistake("thing_number", problem))
        if record and not self._is_record(record):
            mistakes.append(Mistake("record", "unknown"))
        elif not record and lent is not None and lent.contact:
            mistakes.append(Mistake("record", "missing"))
        if mistakes or lent is None:
            raise WrongForm(mistakes)
        event = LoanBegun(
            loan=event_id, thing=thing, hours=lent.hours, number=number or None, record=record or None, staff=staff
        )
        if await self._journal.run(partial(_begin, event)):
            self._changed()

    async def end(self, one: str, step: Step, event_id: str, *, staff: str | None = None) -> bool:
        """Take a step; False when it may not be taken (any more), or there is no such loan."""
        check_id(event_id)
        check_staff(staff)
        done: bool = await self._journal.run(partial(_end, event_id, LoanEnded(loan=one, step=step, staff=staff)))
        if done:
            self._changed()
        return done

    def _select(self, which: str, values: tuple[object, ...]) -> tuple[Loan, ...]:
        columns = "id, thing, number, record, hours, state, out_at, over_at"
        rows = f"SELECT {columns}, boot, out_ns, out_ms FROM loans {which}"  # noqa: S608 - the words stand above
        found = self._journal.query(lambda connection: connection.execute(rows, values).fetchall())
        names = columns.split(", ")
        return tuple(
            Loan(**dict(zip(names, row, strict=False)), age_s=since_s(self._clock, *row[len(names) :])) for row in found
        )


def _state(connection: sqlite3.Connection, one: str) -> State | None:
    row = connection.execute("SELECT state FROM loans WHERE id = ?", (one,)).fetchone()
    return None if row is None else row[0]


def _begin(event: LoanBegun, pen: Pen) -> bool:
    """Decide in the writer's transaction: one thing is never out twice. Raises WrongForm."""
    if _state(pen.connection, event.loan) is not None:
        return False
    is_out = "SELECT 1 FROM loans WHERE state = 'out' AND thing = ? AND number = ?"
    if event.number and pen.connection.execute(is_out, (event.thing, event.number)).fetchone():
        raise WrongForm([Mistake("thing_number", "taken")])
    pen.append(event, event.loan)
    return True


def _end(event_id: str, event: LoanEnded, pen: Pen) -> bool:
    state = _state(pen.connection, event.loan)
    if state is None or loan.after(state, event.step) is None:
        return False
    pen.append(event, event_id)
    return True


def _begun(connection: sqlite3.Connection, _: int, __: str, payload: LoanBegun, event: Mapping[str, Any]) -> None:
    out_ms = int(datetime.fromisoformat(event["time"]).timestamp() * 1000)
    connection.execute(
        "INSERT OR IGNORE INTO loans(id, thing, number, record, hours, state, out_at, boot, out_ns, out_ms)"
        " VALUES (?, ?, ?, ?, ?, 'out', ?, ?, ?, ?)",
        (
            payload.loan,
            payload.thing,
            payload.number or "",
            payload.record or "",
            payload.hours,
            event["time"],
            event["boot"],
            int(event["mono"]),
            out_ms,
        ),
    )


def _ended(connection: sqlite3.Connection, _: int, __: str, payload: LoanEnded, event: Mapping[str, Any]) -> None:
    state = _state(connection, payload.loan)
    target = None if state is None else loan.after(state, payload.step)
    if target is None:
        return
    connection.execute("UPDATE loans SET state = ?, over_at = ? WHERE id = ?", (target, event["time"], payload.loan))
    connection.execute(
        "DELETE FROM loans WHERE state <> 'out' AND place <= (SELECT max(place) FROM loans) - ?", (KEPT,)
    )
