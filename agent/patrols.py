"""The visit log of patrols: keyed in at the desk when somebody goes and when they are back, or both afterwards.

Times are those of the keys, or typed: then of the wall clock, and taken only while that is to be trusted.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from agent import whereabouts
from agent.entry import Clock
from agent.journal import Journal
from agent.pen import Pen, Projector
from agent.record_form import Mistake, WrongForm, check_id, check_staff
from agent.since import since_s
from agent.whereabouts import Spot
from common import patrol
from common.clock import rfc3339
from common.events.errands import PatrolBegun, PatrolEnded
from common.identifiers import uuid7
from common.patrol import PURPOSES, State, Step

KEPT: Final = 100
"""How many patrols that are over are kept to be looked at."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS patrols(
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,     -- that of its patrol.begun event
    kind TEXT NOT NULL,
    spot TEXT NOT NULL,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    out_at TEXT NOT NULL,        -- as the station's clock said, or was typed
    back_at TEXT NOT NULL DEFAULT '',
    boot TEXT NOT NULL,          -- of the key; '' where the time was typed
    out_ns INTEGER NOT NULL,
    out_ms INTEGER NOT NULL
);
"""
"""Tables for `Journal.open(schema=...)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patrol:
    """One of them. Times are RFC 3339; `age_s`: whole seconds since they went, of one that is still out."""

    id: str
    kind: patrol.Where
    spot: str
    purpose: patrol.Purpose
    state: State
    out_at: str
    back_at: str
    age_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was keyed in; times are HH:MM of the station's own day or the one before, "" for now.

    `back`: None while they are out; what is over needs an `out`.
    """

    where: str
    purpose: str
    out: str = ""
    back: str | None = None


def projectors() -> dict[str, Projector]:
    """Return what to hand to `Journal.open(projectors=...)`, by event type."""
    return {"patrol.begun": _begun, "patrol.ended": _ended}


class Patrols:
    """The patrols of one station. `changed()` is told when one began or ended. Everything raises JournalError."""

    def __init__(self, journal: Journal, clock: Clock, *, zone: ZoneInfo, changed: Callable[[], None]) -> None:
        self.spots: Callable[[], tuple[Spot, ...]] = tuple
        self._journal = journal
        self._clock = clock
        self._zone = zone
        self._changed = changed

    def out(self) -> tuple[Patrol, ...]:
        """Return those who are out, the first to go on top."""
        return self._select("WHERE state = 'out' ORDER BY place", ())

    def over(self, most: int = 20) -> tuple[Patrol, ...]:
        """Return those that are over, the newest on top."""
        return self._select("WHERE state = 'back' ORDER BY place DESC LIMIT ?", (most,))

    async def begin(self, event_id: str, typed: Typed, *, staff: str | None = None) -> None:
        """Note that somebody goes, or with `back` that they went and came. Raises WrongForm, every mistake at once.

        The same form again changes nothing.
        """
        check_id(event_id)
        check_staff(staff)
        mistakes: list[Mistake] = []
        spot = whereabouts.read(typed.where, self.spots())
        if not isinstance(spot, Spot):
            mistakes.append(Mistake("where", spot))
        purpose = next((one for one in PURPOSES if one == typed.purpose), None)
        if purpose is None:
            mistakes.append(Mistake("purpose", "unknown" if typed.purpose else "missing"))
        out_ms, back_ms = self._time("out", typed.out, mistakes), self._time("back", typed.back or "", mistakes)
        now_ms = self._clock.wall_ms()
        if typed.back is not None and not typed.out.strip():
            mistakes.append(Mistake("out", "missing"))
        if typed.back is not None and (now_ms if back_ms is None else back_ms) < (now_ms if out_ms is None else out_ms):
            mistakes.append(Mistake("back", "wrong"))
        if mistakes or not isinstance(spot, Spot) or purpose is None:
            raise WrongForm(mistakes)
        begun = PatrolBegun(
            patrol=event_id, kind=spot.kind, where=spot.code, purpose=purpose, at=_instant(out_ms), staff=staff
        )
        ended = None
        if typed.back is not None:
            ended = PatrolEnded(patrol=event_id, step="return", at=_instant(back_ms), staff=staff)
        if await self._journal.run(partial(_begin, begun, ended, now_ms)):
            self._changed()

    async def end(self, one: str, step: Step, event_id: str, *, staff: str | None = None) -> bool:
        """Note that they are back, or that it was a mistake; False when it is over already, or there is none such."""
        check_id(event_id)
        check_staff(staff)
        done: bool = await self._journal.run(partial(_end, event_id, PatrolEnded(patrol=one, step=step, staff=staff)))
        if done:
            self._changed()
        return done

    def _time(self, field: str, text: str, mistakes: list[Mistake]) -> int | None:
        """Return the last moment at which a clock on the wall here showed a typed time; None for now."""
        text = text.strip()
        if not text:
            return None
        try:
            typed = datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - a time of the day only
        except ValueError:
            mistakes.append(Mistake(field, "wrong"))
            return None
        if not self._clock.trusted():
            mistakes.append(Mistake(field, "not_taken"))
            return None
        now = datetime.fromtimestamp(self._clock.wall_ms() / 1000, self._zone)
        for days in (0, 1):
            then = datetime.combine(now.date() - timedelta(days=days), typed, self._zone)
            if then <= now:
                return int(then.timestamp() * 1000)
        mistakes.append(Mistake(field, "future"))
        return None

    def _select(self, which: str, values: tuple[object, ...]) -> tuple[Patrol, ...]:
        rows = f"SELECT id, kind, spot, purpose, state, out_at, back_at, boot, out_ns, out_ms FROM patrols {which}"  # noqa: S608 - the words stand above
        found = self._journal.query(lambda connection: connection.execute(rows, values).fetchall())
        names = ("id", "kind", "spot", "purpose", "state", "out_at", "back_at")
        return tuple(
            Patrol(**dict(zip(names, row, strict=False)), age_s=since_s(self._clock, *row[7:])) for row in found
        )


def _instant(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)


def _state(connection: sqlite3.Connection, one: str) -> State | None:
    row = connection.execute("SELECT state FROM patrols WHERE id = ?", (one,)).fetchone()
    return None if row is None else row[0]


def _begin(begun: PatrolBegun, ended: PatrolEnded | None, now_ms: int, pen: Pen) -> bool:
    if _state(pen.connection, begun.patrol) is not None:
        return False
    pen.append(begun, begun.patrol)
    if ended is not None:
        pen.append(ended, uuid7(wall_ms=now_ms))
    return True


def _end(event_id: str, ended: PatrolEnded, pen: Pen) -> bool:
    """Decide in the writer's transaction: two desks, or two presses, never end one twice."""
    state = _state(pen.connection, ended.patrol)
    if state is None or patrol.after(state, ended.step) is None:
        return False
    pen.append(ended, event_id)
    return True


def _begun(connection: sqlite3.Connection, _: int, __: str, payload: PatrolBegun, event: Mapping[str, Any]) -> None:
    at = payload.at or event["time"]
    out_ms = int(datetime.fromisoformat(at).timestamp() * 1000)
    boot = "" if payload.at else event["boot"]
    connection.execute(
        "INSERT OR IGNORE INTO patrols(id, kind, spot, purpose, state, out_at, boot, out_ns, out_ms)"
        " VALUES (?, ?, ?, ?, 'out', ?, ?, ?, ?)",
        (payload.patrol, payload.kind, payload.where, payload.purpose, at, boot, int(event["mono"]), out_ms),
    )


def _ended(connection: sqlite3.Connection, _: int, __: str, payload: PatrolEnded, event: Mapping[str, Any]) -> None:
    state = _state(connection, payload.patrol)
    target = None if state is None else patrol.after(state, payload.step)
    if target is None:
        return
    connection.execute(
        "UPDATE patrols SET state = ?, back_at = ? WHERE id = ?", (target, payload.at or event["time"], payload.patrol)
    )
    connection.execute(
        "DELETE FROM patrols WHERE state <> 'out' AND place <= (SELECT max(place) FROM patrols) - ?", (KEPT,)
    )
