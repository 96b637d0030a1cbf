"""Follow-ups: what somebody at headquarters looks into because a citizen was not satisfied (差评核实整改).

Each rating of the two lowest levels opens one, under the id of its event, so that a repeated or a rescued event opens
none twice, and a later, better rating closes none. They are headquarters' affair: no order tells a station of them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, func, insert, select, update

from common.events.records import Rating, RecordRated
from common.record import Told
from hq import audit, tables
from hq.audit import Act
from hq.database import Database
from hq.journals import lock_station
from hq.working_days import Calendar

WORKING_DAYS: Final = 15
"""Until when each is due."""

LOW: Final[frozenset[Rating]] = frozenset({"dissatisfied", "very_dissatisfied"})

_table, _records = tables.follow_ups, tables.records
_ONE = (_table.c.station == bindparam("of")) & (_table.c.id == bindparam("id_"))
_KNOWN = select(_table.c.id).where(_ONE)
_FORGOTTEN = select(_records.c.change).where(
    _records.c.station == bindparam("of"), _records.c.record == bindparam("what"), _records.c.forgotten_ms.is_not(None)
)
_NEW = insert(_table)
_OPEN = (
    select(_table, _records.c.number, _records.c.service)
    .select_from(
        _table.outerjoin(_records, and_(_records.c.station == _table.c.station, _records.c.record == _table.c.record))
    )
    .where(_table.c.closed_ms.is_(None))
    .order_by(_table.c.rated_ms, _table.c.id)
)
_FOUND = select(_table.c.station, _table.c.record).where(_table.c.id == bindparam("id_"), _table.c.closed_ms.is_(None))
_CLOSE = (
    update(_table)
    .where(_ONE, _table.c.closed_ms.is_(None))
    .values(closed_ms=bindparam("at"), closed_by=bindparam("by"), reason=bindparam("why"))
)
_OLDEST = select(_table.c.rated_ms, func.count()).where(_table.c.closed_ms.is_(None)).group_by(_table.c.rated_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """One that is open: `id` of the rating's event, the record it is about, `due` the last day for it.

    `number` is "" while the beginning of the record has not come.
    """

    id: str
    station: str
    record: str
    number: str
    service: str
    rating: Rating
    rated: date
    due: date
    overdue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How many are open, and how many of them past their day."""

    open: int
    overdue: int


def open_follow_up(connection: Connection, station: str, rated: RecordRated, told: Told, *, received_ms: int) -> None:
    """Open one for a rating that asks for it, unless that was done; the caller holds the station's lock.

    `rated` is what `told` says. Of a record that was forgotten an old event opens none: it was closed long ago.
    """
    if rated.rating not in LOW or connection.execute(_KNOWN, {"of": station, "id_": told.id}).first() is not None:
        return
    forgotten_to = connection.execute(_FORGOTTEN, {"of": station, "what": rated.record}).scalar()
    if forgotten_to is not None and rated.change <= forgotten_to:
        return
    row = {"station": station, "id": told.id, "record": rated.record, "rating": rated.rating, "reason": ""}
    connection.execute(_NEW, row | {"rated_ms": _rated_ms(told, received_ms)})


class FollowUps:
    """The open ones, and closing them. `wall_ms`: headquarters' wall clock; the calendar says when each is due.

    Due days are counted when they are looked at: a list of holidays that comes late counts all the same.
    """

    def __init__(self, database: Database, calendar: Calendar, wall_ms: Callable[[], int]) -> None:
        self._database = database
        self._calendar = calendar
        self._wall_ms = wall_ms

    def all(self) -> list[FollowUp]:
        """Return the open ones, those due first on top."""
        today = self._calendar.day(self._wall_ms())
        with self._database.read() as connection:
            return [self._read(row, today) for row in connection.execute(_OPEN)]

    async def standing(self) -> Standing:
        """Return how many there are."""
        return await asyncio.to_thread(self._standing)

    def close(self, follow_up: str, *, by: str, reason: str) -> bool:
        """Close one, by the id of its event; False when there is no open one of it. It is in the audit.

        Raises ValueError without a reason.
        """
        if not reason.strip():
            raise ValueError("no reason was given; say what came of it, it is kept for years")
        now = self._wall_ms()
        with self._database.write() as connection:
            found = connection.execute(_FOUND, {"id_": follow_up}).first()
            if found is None:
                return False
            lock_station(connection, found.station)
            values = {"of": found.station, "id_": follow_up, "at": now, "by": by, "why": reason.strip()}
            if connection.execute(_CLOSE, values).rowcount != 1:
                return False  # somebody else was quicker
            act = Act(who=by, what="follow-up", station=found.station, event=found.record, reason=reason.strip())
            audit.record(connection, act, at_ms=now)
        return True

    def _standing(self) -> Standing:
        today = self._calendar.day(self._wall_ms())
        with self._database.read() as connection:
            counts = connection.execute(_OLDEST).all()
        late = [count for rated_ms, count in counts if self._calendar.due(rated_ms, WORKING_DAYS) < today]
        return Standing(open=sum(count for _, count in counts), overdue=sum(late))

    def _read(self, row: Row[Any], today: date) -> FollowUp:
        due = self._calendar.due(row.rated_ms, WORKING_DAYS)
        return FollowUp(
            id=row.id,
            station=row.station,
            record=row.record,
            number=row.number or "",
            service=row.service or "",
            rating=row.rating,
            rated=self._calendar.day(row.rated_ms),
            due=due,
            overdue=due < today,
        )


def _rated_ms(told: Told, received_ms: int) -> int:
    """Return when it was tapped by the station's clock, and where that is not to be trusted, when it came."""
    if told.unsure or not told.time:
        return received_ms
    return min(round(datetime.fromisoformat(told.time).timestamp() * 1000), received_ms)
