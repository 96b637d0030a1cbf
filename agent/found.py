"""What was found and is kept at the station: its kind, where it lies, a few words; whose it is stands nowhere here."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from agent import whereabouts
from agent.entry import Clock
from agent.journal import Journal
from agent.pen import Pen, Projector
from agent.record_form import Mistake, WrongForm, check_id, check_staff
from agent.since import since_s
from agent.whereabouts import Spot
from common import found
from common.events.lent_and_found import FoundEnded, FoundKept
from common.found import LONGEST, State, Step
from common.plain_text import problem_of, problem_of_code
from common.things import Things

KEPT: Final = 100
"""How many that are over are kept to be looked at."""

_DAY_S: Final = 24 * 3600

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS found_things(
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,     -- that of its found.kept event
    category TEXT NOT NULL,
    shelf TEXT NOT NULL,         -- where it lies here
    spot TEXT NOT NULL,          -- where it was found; '' where nobody knows
    note TEXT NOT NULL,
    days INTEGER NOT NULL,       -- so long it is kept here
    state TEXT NOT NULL,
    kept_at TEXT NOT NULL,       -- as the station's clock said
    over_at TEXT NOT NULL DEFAULT '',
    reference TEXT NOT NULL DEFAULT '',
    boot TEXT NOT NULL,
    kept_ns INTEGER NOT NULL,
    kept_ms INTEGER NOT NULL
);
"""
"""Tables for `Journal.open(schema=...)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One of them. Times are RFC 3339; `age_s`: whole seconds since it was handed in."""

    id: str
    category: str
    shelf: str
    spot: str
    note: str
    days: int
    state: State
    kept_at: str
    over_at: str
    reference: str
    age_s: int

    @property
    def overdue(self) -> bool:
        """Tell whether it is kept here too long."""
        return self.state == "kept" and self.age_s >= self.days * _DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was keyed in of something that was handed in."""

    category: str
    shelf: str
    where: str = ""
    note: str = ""


def projectors() -> dict[str, Projector]:
    """Return what to hand to `Journal.open(projectors=...)`, by event type."""
    return {"found.kept": _kept, "found.ended": _ended}


class FoundThings:
    """What was found, of one station. Everything raises JournalError.

    `is_record` tells whether there is a record of that number here; `changed()` is told when something came or went.
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
        self.spots: Callable[[], tuple[Spot, ...]] = tuple
        self.things = things
        self._journal = journal
        self._clock = clock
        self._is_record = is_record
        self._changed = changed

    def kept(self) -> tuple[Found, ...]:
        """Return what is kept here: what is so too long on top, then as it came."""
        there = self._select("WHERE state = 'kept' ORDER BY place", ())
        return tuple(sorted(there, key=lambda one: not one.overdue))

    def over(self, most: int = 20) -> tuple[Found, ...]:
        """Return what was handed back or on, the newest on top."""
        return self._select("WHERE state IN ('handed_back', 'handed_on') ORDER BY place DESC LIMIT ?", (most,))

    async def keep(self, event_id: str, typed: Typed, *, staff: str | None = None) -> None:
        """Note something that was handed in. Raises WrongForm, every mistake at once; again it changes nothing."""
        check_id(event_id)
        check_staff(staff)
        shelf, note, where = typed.shelf.strip(), typed.note.strip(), typed.where.strip()
        mistakes: list[Mistake] = []
        if typed.category not in self.things.found:
            mistakes.append(Mistake("category", "unknown" if typed.category else "missing"))
        if (problem := problem_of_code(shelf)) is not None:
            mistakes.append(Mistake("shelf", problem))
        if note and (problem := problem_of(note, most=LONGEST)) is not None:
            mistakes.append(Mistake("note", problem))
        spot = whereabouts.read(where, self.spots()) if where else None
        if spot is not None and not isinstance(spot, Spot):
            mistakes.append(Mistake("where", spot))
        if mistakes or not (spot is None or isinstance(spot, Spot)):
            raise WrongForm(mistakes)
        event = FoundKept(
            found=event_id,
            category=typed.category,
            shelf=shelf,
            days=self.things.found_days,
            kind=None if spot is None else spot.kind,
            where=None if spot is None else spot.code,
            note=note,
            staff=staff,
        )
        if await self._journal.run(partial(_keep, event)):
            self._changed()

    async def end(self, one: str, step: Step, event_id: str, *, reference: str = "", staff: str | None = None) -> bool:
        """Take a step; False when it may not be taken (any more), or there is nothing such. Raises WrongForm.

        `reference`: back to its owner, the number of a walk-in record, if there is one; on to somebody else, their
        receipt, which is needed.
        """
        check_id(event_id)
        check_staff(staff)
        reference = reference.strip()
        problem = problem_of_code(reference) if reference or step == "hand_on" else None
        if problem is not None:
            raise WrongForm([Mistake("reference", problem)])
        if step == "hand_back" and reference:
            reference = reference.upper()
            if not self._is_record(reference):
                raise WrongForm([Mistake("record", "unknown")])
        event = FoundEnded(found=one, step=step, reference=reference or None, staff=staff)
        done: bool = await self._journal.run(partial(_end, event_id, event))
        if done:
            self._changed()
        return done

    def _select(self, which: str, values: tuple[object, ...]) -> tuple[Found, ...]:
        columns = "id, category, shelf, spot, note, days, state, kept_at, over_at, reference"
        rows = f"SELECT {columns}, boot, kept_ns, kept_ms FROM found_things {which}"  # noqa: S608 - as it stands above
        there = self._journal.query(lambda connection: connection.execute(rows, values).fetchall())
        names = columns.split(", ")
        return tuple(
            Found(**dict(zip(names, row, strict=False)), age_s=since_s(self._clock, *row[len(names) :]))
            for row in there
        )


def _state(connection: sqlite3.Connection, one: str) -> State | None:
    row = connection.execute("SELECT state FROM found_things WHERE id = ?", (one,)).fetchone()
    return None if row is None else row[0]


def _keep(event: FoundKept, pen: Pen) -> bool:
    if _state(pen.connection, event.found) is not None:
        return False
    pen.append(event, event.found)
    return True


def _end(event_id: str, event: FoundEnded, pen: Pen) -> bool:
    """Decide in the writer's transaction: two desks never hand one thing out twice."""
    state = _state(pen.connection, event.found)
    if state is None or found.after(state, event.step) is None:
        return False
    pen.append(event, event_id)
    return True


def _kept(connection: sqlite3.Connection, _: int, __: str, payload: FoundKept, event: Mapping[str, Any]) -> None:
    kept_ms = int(datetime.fromisoformat(event["time"]).timestamp() * 1000)
    connection.execute(
        "INSERT OR IGNORE INTO found_things"
        "(id, category, shelf, spot, note, days, state, kept_at, boot, kept_ns, kept_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, 'kept', ?, ?, ?, ?)",
        (
            payload.found,
            payload.category,
            payload.shelf,
            payload.where or "",
            payload.note,
            payload.days,
            event["time"],
            event["boot"],
            int(event["mono"]),
            kept_ms,
        ),
    )


def _ended(connection: sqlite3.Connection, _: int, __: str, payload: FoundEnded, event: Mapping[str, Any]) -> None:
    state = _state(connection, payload.found)
    target = None if state is None else found.after(state, payload.step)
    if target is None:
        return
    connection.execute(
        "UPDATE found_things SET state = ?, over_at = ?, reference = ? WHERE id = ?",
        (target, event["time"], payload.reference or "", payload.found),
    )
    connection.execute(
        "DELETE FROM found_things WHERE state <> 'kept' AND place <= (SELECT max(place) FROM found_things) - ?", (KEPT,)
    )
