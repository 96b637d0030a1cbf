"""Dispatches from headquarters: shown at the desk until they are reported, each step's time noted as it is taken.

A dispatch that nobody received before its time was over has expired: it is off the list, and headquarters is told. That
is decided by the wall clock, and not while that is not to be trusted. Times since are of CLOCK_BOOTTIME.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from agent.database import JournalError
from agent.entry import Clock
from agent.journal import Journal
from agent.pen import Pen, Projector
from agent.record_form import Mistake, WrongForm, check_id, check_staff
from common import dispatch
from common.clock import rfc3339
from common.dispatch import Result, State, Step
from common.events.errands import DispatchExpired, DispatchSent, DispatchStepped
from common.identifiers import uuid7

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS dispatches(
    id TEXT PRIMARY KEY,        -- the order's
    place INTEGER NOT NULL,     -- in which order they came
    service TEXT NOT NULL,
    reference TEXT NOT NULL,
    grid TEXT,
    urgent INTEGER NOT NULL,
    expires TEXT,
    state TEXT NOT NULL,        -- never reported or expired: then the row goes
    boot TEXT NOT NULL,         -- since when it stands as it does:
    since_ns INTEGER NOT NULL,  -- CLOCK_BOOTTIME in that boot,
    since_ms INTEGER NOT NULL   -- and the wall clock, for another boot
) WITHOUT ROWID;
"""
"""Tables for `Journal.open(schema=...)`."""

LOOK_EVERY_S: Final = 10.0
"""How often it is looked whether one has expired, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One that is open; `age_s`: whole seconds since its last step, `step`: the next one."""

    id: str
    service: str
    reference: str
    grid: str | None
    urgent: bool
    state: State
    step: Step
    age_s: int


def projectors() -> dict[str, Projector]:
    """Return what to hand to `Journal.open(projectors=...)`, by event type."""
    return {"dispatch.stepped": _stepped, "dispatch.expired": _expired}


class Dispatches:
    """The station's dispatches. Keep `run()` alive; `changed()` is told when `open_ones` says another thing."""

    def __init__(self, journal: Journal, clock: Clock, changed: Callable[[], None]) -> None:
        self._journal = journal
        self._clock = clock
        self._changed = changed

    def send(self, pen: Pen, order_id: str, payload: DispatchSent) -> None:
        """Carry out the order `dispatch.sent`, in the transaction that stores it."""
        pen.connection.execute(
            "INSERT OR IGNORE INTO dispatches SELECT ?, coalesce(max(place), 0) + 1, ?, ?, ?, ?, ?, 'sent', ?, ?, ?"
            " FROM dispatches",
            (
                order_id,
                payload.service,
                payload.reference,
                payload.grid,
                payload.priority == "urgent",
                payload.expires,
                self._clock.boot,
                self._clock.mono_ns(),
                self._clock.wall_ms(),
            ),
        )

    def orders_applied(self) -> None:
        """Hear that orders were carried out."""
        self._changed()

    def open_ones(self) -> tuple[Dispatch, ...]:
        """Return those that are open: urgent ones first, then as they came. Raises JournalError."""
        rows = (
            "SELECT id, service, reference, grid, urgent, state, boot, since_ns, since_ms FROM dispatches"
            " ORDER BY urgent DESC, place"
        )
        found = self._journal.query(lambda connection: connection.execute(rows).fetchall())
        return tuple(
            Dispatch(
                id=order,
                service=service,
                reference=reference,
                grid=grid,
                urgent=bool(urgent),
                state=state,
                step=dispatch.NEXT[state][0],
                age_s=self._age_s(boot, since_ns, since_ms),
            )
            for order, service, reference, grid, urgent, state, boot, since_ns, since_ms in found
        )

    async def step(
        self, order: str, step: Step, event_id: str, *, staff: str | None = None, result: Result | None = None
    ) -> bool:
        """Note a step; False when it may not be taken (any more), and nothing changed.

        The same form again changes nothing. Raises WrongForm: a report says what came of it, and nothing else does.
        """
        check_id(event_id)
        check_staff(staff)
        if (result is None) == (step == "report"):
            raise WrongForm([Mistake("result", "missing" if result is None else "not_taken")])
        event = DispatchStepped(dispatch=order, step=step, staff=staff, result=result)
        done: bool = await self._journal.run(partial(_take, event_id, event))
        if done:
            self._changed()
        return done

    async def run(self) -> None:
        """Look for what has expired, for ever."""
        while True:
            with contextlib.suppress(JournalError):  # the journal has logged it; in a moment again
                await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Journal what has expired by now. Raises JournalError."""
        if self._clock.trusted() and await self._journal.run(partial(_expire, self._clock.wall_ms())):
            self._changed()

    def _age_s(self, boot: str, since_ns: int, since_ms: int) -> int:
        if boot == self._clock.boot:
            return max(0, (self._clock.mono_ns() - since_ns) // 1_000_000_000)
        # Of an earlier boot there are only the wall clocks of then and now.
        return max(0, (self._clock.wall_ms() - since_ms) // 1000)


def _take(event_id: str, event: DispatchStepped, pen: Pen) -> bool:
    """Decide in the writer's transaction: two desks, or two presses, never take a step twice."""
    row = pen.connection.execute("SELECT state FROM dispatches WHERE id = ?", (event.dispatch,)).fetchone()
    if row is None or dispatch.after(row[0], event.step) is None:
        return False
    pen.append(event, event_id)
    return True


def _expire(now_ms: int, pen: Pen) -> bool:
    over = pen.connection.execute(
        "SELECT id FROM dispatches WHERE state = 'sent' AND expires <= ?", (rfc3339(now_ms),)
    ).fetchall()
    for (order,) in over:
        pen.append(DispatchExpired(dispatch=order), uuid7(wall_ms=now_ms))
    return bool(over)


def _stepped(
    connection: sqlite3.Connection, _: int, __: str, payload: DispatchStepped, event: Mapping[str, Any]
) -> None:
    (state,) = connection.execute("SELECT state FROM dispatches WHERE id = ?", (payload.dispatch,)).fetchone() or (
        None,
    )
    target = None if state is None else dispatch.after(state, payload.step)
    if target is not None:
        _move(connection, payload.dispatch, target, event)


def _expired(
    connection: sqlite3.Connection, _: int, __: str, payload: DispatchExpired, event: Mapping[str, Any]
) -> None:
    _move(connection, payload.dispatch, "expired", event)


def _move(connection: sqlite3.Connection, order: str, state: State, event: Mapping[str, Any]) -> None:
    if state not in dispatch.NEXT:
        connection.execute("DELETE FROM dispatches WHERE id = ?", (order,))
        return
    at_ms = int(datetime.fromisoformat(event["time"]).timestamp() * 1000)
    connection.execute(
        "UPDATE dispatches SET state = ?, boot = ?, since_ns = ?, since_ms = ? WHERE id = ?",
        (state, event["boot"], int(event["mono"]), at_ms, order),
    )
