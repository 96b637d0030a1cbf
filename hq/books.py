"""The books of the desks as headquarters sees them: who is on patrol, what is lent, what was found and is kept.

Of each entry the state its station last said. Headquarters keeps no words of anybody: codes, and since when.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import Connection, Row, insert, select, update

from common import found, loan, patrol
from common.clock import rfc3339
from common.events.errands import PatrolBegun, PatrolEnded
from common.events.lent_and_found import FoundEnded, FoundKept, LoanBegun, LoanEnded
from hq import tables
from hq.database import Database
from hq.self_tests import happened_ms

Kind: TypeAlias = Literal["patrol", "loan", "found"]
Begun: TypeAlias = PatrolBegun | LoanBegun | FoundKept
Ended: TypeAlias = PatrolEnded | LoanEnded | FoundEnded

OPEN: Final = ("out", "kept")
"""States of what is not over."""

SHOWN: Final = 500
"""Most open entries that are shown; how many there are is always said."""

_HOUR_MS: Final = 3_600_000
_books = tables.books
_NEW = insert(_books)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One that is open; times are RFC 3339.

    `what`: a purpose, a thing, a kind; `which`: the thing's number, or where it lies; `where`: a code, or "".
    """

    station: str
    kind: Kind
    what: str
    which: str
    where: str
    since: str
    overdue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All that is open, in how many entries, how many overdue; `shown`: overdue ones first, each the oldest first."""

    open: int
    overdue: int
    shown: tuple[Entry, ...]


def note(
    connection: Connection, station: str, payload: Begun | Ended, event: dict[str, Any], *, received_ms: int
) -> None:
    """Keep what a station said of an entry; the caller holds the station's lock. A second time changes nothing."""
    at_ms = happened_ms(event, received_ms)
    if isinstance(payload, PatrolEnded | LoanEnded | FoundEnded):
        _end(connection, station, payload, received_ms)
        return
    row = {"station": station, "received_ms": received_ms, "since_ms": at_ms, "state": "out", "which": "", "place": ""}
    if isinstance(payload, PatrolBegun):
        row |= {"id": payload.patrol, "kind": "patrol", "what": payload.purpose, "place": payload.where, "hours": 0}
    elif isinstance(payload, LoanBegun):
        row |= {"id": payload.loan, "kind": "loan", "what": payload.thing, "hours": payload.hours}
        row |= {"which": payload.number or ""}
    else:
        row |= {"id": payload.found, "kind": "found", "what": payload.category, "hours": payload.days * 24}
        row |= {"which": payload.shelf, "place": payload.where or "", "state": "kept"}
    if _found(connection, station, str(row["id"])) is None:
        connection.execute(_NEW, row)


def read(database: Database, now_ms: int) -> Books:
    """Return what is open at all stations."""
    rows = select(_books).where(_books.c.state.in_(OPEN)).order_by(_books.c.since_ms, _books.c.station, _books.c.id)
    with database.read() as connection:
        entries = [_entry(row, now_ms) for row in connection.execute(rows)]
    entries.sort(key=lambda entry: not entry.overdue)
    overdue = sum(entry.overdue for entry in entries)
    return Books(open=len(entries), overdue=overdue, shown=tuple(entries[:SHOWN]))


def _end(connection: Connection, station: str, payload: Ended, received_ms: int) -> None:
    target: str | None
    if isinstance(payload, PatrolEnded):
        entry, state = payload.patrol, _found(connection, station, payload.patrol)
        target = None if state is None else patrol.after(state, payload.step)
    elif isinstance(payload, LoanEnded):
        entry, state = payload.loan, _found(connection, station, payload.loan)
        target = None if state is None else loan.after(state, payload.step)
    else:
        entry, state = payload.found, _found(connection, station, payload.found)
        target = None if state is None else found.after(state, payload.step)
    if target is not None:
        this = (_books.c.station == station, _books.c.id == entry)
        connection.execute(update(_books).where(*this).values(state=target, received_ms=received_ms))


def _found(connection: Connection, station: str, entry: str) -> Any:
    this = (_books.c.station == station, _books.c.id == entry)
    return connection.execute(select(_books.c.state).where(*this)).scalar()


def _entry(row: Row[Any], now_ms: int) -> Entry:
    return Entry(
        station=row.station,
        kind=row.kind,
        what=row.what,
        which=row.which,
        where=row.place,
        since=rfc3339(row.since_ms),
        overdue=0 < row.hours * _HOUR_MS <= now_ms - row.since_ms,
    )
