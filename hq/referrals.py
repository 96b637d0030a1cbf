"""Referrals as headquarters sees them: what stations handed on to somebody, until that is done there.

Nothing is kept of its own: a referral is a record that stands as `referred` or `received`.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, TypeAlias, cast

from sqlalchemy import Row, bindparam, case, func, select

from hq import tables
from hq.database import Database

Stand: TypeAlias = Literal["referred", "received"]

SHOWN: Final = 500
"""The most that are shown."""

_records = tables.records
_IS_OPEN = _records.c.state.in_(("referred", "received"))
_ALL = (
    select(_records)
    .where(_IS_OPEN)
    # The one whose day has gone by and for which nobody signed is what somebody has to look after.
    .order_by(_records.c.due, _records.c.state.desc(), _records.c.station, _records.c.number)
    .limit(SHOWN)
)
_COUNT = select(
    func.count(),
    func.sum(case((_records.c.state == "referred", 1), else_=0)),
    func.sum(case((_records.c.due < bindparam("today"), 1), else_=0)),
).where(_IS_OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """One; `target`: a code of the catalogue, `due`: `YYYY-MM-DD`, by the end of that day; `overdue`: it is past."""

    station: str
    number: str
    service: str
    target: str
    due: str
    overdue: bool
    stand: Stand
    consent: bool
    reference: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Referrals:
    """All that are open: how many, how many of them nobody signed for, how many are overdue, and the first SHOWN."""

    open: int
    unsigned: int
    overdue: int
    shown: tuple[Referral, ...]


def read(database: Database, today: date) -> Referrals:
    """Return the open referrals of all stations, those due first on top; `today` is the city's local date."""
    day = today.isoformat()
    with database.read() as connection:
        rows = connection.execute(_ALL).all()
        total, unsigned, overdue = connection.execute(_COUNT, {"today": day}).one()
    return Referrals(
        open=total, unsigned=unsigned or 0, overdue=overdue or 0, shown=tuple(_referral(row, day) for row in rows)
    )


def _referral(row: Row[tuple[object, ...]], today: str) -> Referral:
    due = row.due or ""
    return Referral(
        station=row.station,
        number=row.number,
        service=row.service,
        target=row.target or "",
        due=due,
        overdue=bool(due) and due < today,
        stand=cast("Stand", row.state),
        consent=row.consent,
        reference=row.reference,
    )
