"""The equipment's alarms of one station, and the shelf: a row each, written in the transaction of its event."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from agent.database import JournalError
from agent.entry import Clock
from agent.equipment_alarms import Alarm, Because, Key, Now, Shelved, is_settled, standing, why_back
from agent.handover import Item, NotTakenError, problem_of
from agent.journal import Journal
from agent.pen import Pen, Projector
from agent.record_form import check_id, check_staff
from agent.supply import Supply
from common.events.desk import ShiftBegun
from common.events.equipment import AlarmReturned, AlarmShelved
from common.rota import Turn

if TYPE_CHECKING:
    from agent.view import StationView

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS alarm_shelf(
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,       -- that of its alarm.shelved event
    kind TEXT NOT NULL,
    device TEXT NOT NULL,
    reason TEXT NOT NULL,
    staff TEXT,
    boot TEXT NOT NULL,            -- since when: CLOCK_BOOTTIME of that boot,
    since_ns INTEGER NOT NULL,
    since_ms INTEGER,              -- and the wall clock, if that was to be trusted
    shift_begun INTEGER NOT NULL,  -- another shift has begun since
    back INTEGER NOT NULL          -- it is on the shelf no more: known, so that a form sent again changes nothing
);
"""
"""Tables for `Journal.open(schema=...)`."""

LOOK_EVERY_S: Final = 5.0
"""How often it is looked what stands, and what comes back, in seconds."""

_KNOWN: Final = 200
_SHELVED: Final = (
    "SELECT id, kind, device, reason, staff, boot, since_ns, since_ms, shift_begun FROM alarm_shelf"
    " WHERE NOT back ORDER BY place"
)

Outcome: TypeAlias = Literal["done", "gone"]
"""`gone`: there is no such alarm, or it is on the shelf already."""


@dataclass(frozen=True, slots=True)
class Stands:
    """An alarm that stands, as it is shown; `age_s`: whole seconds since it was first seen, in this process."""

    alarm: Alarm
    age_s: int


@dataclass(frozen=True, slots=True)
class OnShelf:
    """One on the shelf, as it is shown; `stands`: its cause is there now."""

    shelved: Shelved
    stands: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """All of it: what stands and is not shelved, the oldest on top, and what is."""

    standing: tuple[Stands, ...]
    shelved: tuple[OnShelf, ...]


def projectors() -> dict[str, Projector]:
    """Return what to hand to `Journal.open(projectors=...)`, by event type."""
    return {"alarm.shelved": _shelved, "alarm.returned": _returned, "shift.begun": _shift_begun}


class AlarmShelf:
    """The alarms of a station's equipment. Keep `run()` alive; set `facts`, how the station stands, before that.

    `turn()`: who is on duty by the rota. `changed()` is told when `listed` says another thing.
    """

    def __init__(
        self, journal: Journal, clock: Clock, *, turn: Callable[[], Turn | None], changed: Callable[[], None]
    ) -> None:
        self.facts: Callable[[], StationView | None] = lambda: None
        self.supply = Supply(Path("/sys/class/hwmon"))
        self._journal = journal
        self._clock = clock
        self._turn = turn
        self._changed = changed
        self._since_ns: dict[Key, int] = {}
        self._shown: Listed | None = None

    def listed(self) -> Listed:
        """Return what stands, and what is shelved; nothing counts as shelved while the disk cannot be read."""
        now, shelf = self._now(), []
        with contextlib.suppress(JournalError):  # the journal has logged it
            shelf = [one for one in self._journal.query(_on_shelf) if why_back(one, now) is None]
        alarms = self._standing(now.mono_ns)
        hidden, there = {one.key for one in shelf}, {alarm.key for alarm in alarms}
        return Listed(
            tuple(
                Stands(alarm, (now.mono_ns - self._since_ns[alarm.key]) // 1_000_000_000)
                for alarm in alarms
                if alarm.key not in hidden
            ),
            tuple(OnShelf(one, one.key in there) for one in shelf),
        )

    def items(self) -> tuple[Item, ...]:
        """Return what a handover's sheet has of it: all that is shelved."""
        return tuple(
            Item(kind="alarm", id=one.shelved.id, label=_label(one.shelved), state=one.shelved.reason)
            for one in self.listed().shelved
        )

    async def shelve(self, event_id: str, key: Key, reason: str, *, staff: str | None = None) -> Outcome:
        """Put an alarm that stands on the shelf, until the shift ends; the same form again changes nothing.

        Raises NotTakenError for a missing reason, or one that must not be written down; JournalError.
        """
        check_id(event_id)
        check_staff(staff)
        reason = reason.strip()
        problem = problem_of(reason)
        if problem is not None:
            raise NotTakenError("reason", problem)
        stands = any(one.alarm.key == key for one in self.listed().standing)
        event = AlarmShelved(shelf=event_id, kind=key[0], device=key[1], reason=reason, staff=staff)
        outcome = await self._journal.run(partial(_shelve, event, stands, self._now()))
        self._look()
        return outcome

    async def take_back(self, event_id: str, shelf: str) -> Outcome:
        """Take an alarm from the shelf. Raises JournalError."""
        check_id(event_id)
        outcome = await self._journal.run(partial(_return, shelf, "asked", event_id))
        self._look()
        return outcome

    async def run(self) -> None:
        """Look what stands, and bring back what is over, for ever."""
        while True:
            with contextlib.suppress(JournalError):  # the journal has logged it; what is over is shown all the same
                await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look at the supply, and journal what is back from the shelf by itself. Raises JournalError."""
        await asyncio.to_thread(self.supply.look, self._clock.mono_ns())
        self._look()
        now = self._now()
        for one in self._journal.query(_on_shelf):
            because = why_back(one, now)
            if because is not None:
                await self._journal.run(partial(_return, one.id, because, None))

    def _look(self) -> None:
        listed = self.listed()
        shown = Listed(tuple(Stands(one.alarm, 0) for one in listed.standing), listed.shelved)
        if shown != self._shown:
            self._shown = shown
            self._changed()

    def _standing(self, now_ns: int) -> list[Alarm]:
        view = self.facts()
        alarms = [] if view is None else list(standing(view))
        if self.supply.is_low(now_ns):
            alarms.append(Alarm(kind="undervoltage"))
        self._since_ns = {alarm.key: self._since_ns.get(alarm.key, now_ns) for alarm in alarms}
        settled = [one for one in alarms if is_settled(one, since_ns=self._since_ns[one.key], now_ns=now_ns)]
        return sorted(settled, key=lambda alarm: self._since_ns[alarm.key])

    def _now(self) -> Now:
        turn = self._turn()
        return Now(
            boot=self._clock.boot,
            mono_ns=self._clock.mono_ns(),
            wall_ms=self._clock.wall_ms(),
            trusted=self._clock.trusted(),
            turn_ms=None if turn is None else turn.begins_ms,
        )


def _label(one: Shelved) -> str:
    """Return what a sheet calls it: its kind, and the device; the page has words for both."""
    return f"{one.kind} {one.device}".strip()


def _on_shelf(connection: sqlite3.Connection) -> list[Shelved]:
    names = ("id", "kind", "device", "reason", "staff", "boot", "since_ns", "since_ms", "shift_begun")
    rows = (dict(zip(names, row, strict=True)) for row in connection.execute(_SHELVED))
    return [Shelved(**row | {"shift_begun": bool(row["shift_begun"])}) for row in rows]


def _shelve(event: AlarmShelved, stands: bool, now: Now, pen: Pen) -> Outcome:  # noqa: FBT001
    """Decide in the writer's transaction: two desks, or two presses, never shelve an alarm twice."""
    if pen.connection.execute("SELECT 1 FROM alarm_shelf WHERE id = ?", (event.shelf,)).fetchone() is not None:
        return "done"
    held = [one for one in _on_shelf(pen.connection) if one.key == (event.kind, event.device)]
    for one in held:  # over, and nobody has looked since
        because = why_back(one, now)
        if because is None:
            return "gone"
        pen.append(AlarmReturned(shelf=one.id, because=because))
    if not stands:
        return "gone"
    pen.append(event, event.shelf)
    return "done"


def _return(shelf: str, because: Because, event_id: str | None, pen: Pen) -> Outcome:
    known = "SELECT back FROM alarm_shelf WHERE id = ?"
    row = pen.connection.execute(known, (shelf,)).fetchone()
    if row is None or row[0]:
        return "gone"
    pen.append(AlarmReturned(shelf=shelf, because=because), event_id)
    return "done"


def _shelved(connection: sqlite3.Connection, _: int, __: str, payload: AlarmShelved, event: Mapping[str, Any]) -> None:
    unsure = event.get("clock") == "unsure"
    at_ms = None if unsure else int(datetime.fromisoformat(event["time"]).timestamp() * 1000)
    since = event["boot"], int(event["mono"]), at_ms
    connection.execute(
        "INSERT OR IGNORE INTO alarm_shelf VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
        (payload.shelf, payload.kind, payload.device, payload.reason, payload.staff, *since),
    )
    connection.execute(
        "DELETE FROM alarm_shelf WHERE back AND place <= (SELECT max(place) FROM alarm_shelf) - ?", (_KNOWN,)
    )


def _returned(connection: sqlite3.Connection, _: int, __: str, payload: AlarmReturned, ___: Mapping[str, Any]) -> None:
    connection.execute("UPDATE alarm_shelf SET back = 1 WHERE id = ?", (payload.shelf,))


def _shift_begun(connection: sqlite3.Connection, _: int, __: str, ___: ShiftBegun, ____: Mapping[str, Any]) -> None:
    connection.execute("UPDATE alarm_shelf SET shift_begun = 1 WHERE NOT back")
