"""What headquarters forgets beside the lines: closed records and calls, orders that are done, refused lines, ids, keys.

What is open is never forgotten. Each function is one transaction about one station, SLICE rows at most, and returns
how many went; what was last true before `before_ms` may go.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, Delete, Table, and_, bindparam, delete, exists, func, literal_column, select
from sqlalchemy import update as change

from common.clock import rfc3339
from common.events.terms import Sealed
from hq import tables
from hq.database import Database
from hq.journals import each_line, journal_row, lock_station
from hq.orders import Orders
from hq.records import BLANK
from hq.snapshot import snapshot
from hq.usable import unwrap
from sync.receiver import check_line

SLICE: Final = 500
_MAY_BE_SEALED: Final = (b"sealed", b"rescued", b"\\")
"""One of these is in every line that carries a box: any of the words may be escaped."""
_BEHIND_OPENED: Final = 2

Kind: TypeAlias = Literal[
    "calls",
    "follow_ups",
    "dispatch_steps",
    "notice_reads",
    "books",
    "shelved_alarms",
    "refused_lines",
    "ids",
    "record_ids",
]
"""What goes by deleting rows."""

_records, _calls, _aside, _projected = tables.records, tables.help_calls, tables.aside, tables.projected
_orders, _keys, _beside, _journals = tables.orders, tables.shift_keys, tables.record_lines, tables.journals
_follow_ups, _dispatch_steps, _notice_reads = tables.follow_ups, tables.dispatch_steps, tables.notice_reads
_shelved = tables.shelved_alarms
_generations, _order_lines, _stations = tables.order_journals, tables.order_lines, tables.stations

# Conditions as the partial indexes say them: a planner sees that they are the same only by their text.
_IS_CLOSED: ColumnElement[bool] = literal_column("state = 'closed' AND forgotten_ms IS NULL")
_IS_FORGOTTEN: ColumnElement[bool] = literal_column("forgotten_ms IS NOT NULL")

_newer = _generations.alias("newer")
_SUPERSEDED = exists().where(
    _newer.c.station == _generations.c.station, _newer.c.generation > _generations.c.generation
)


def _oldest(table: Table, key: str, due: ColumnElement[bool]) -> Delete:
    """Return the statement that deletes SLICE rows of a station that are due."""
    of_station = table.c.station == bindparam("of")
    found = select(table.c[key]).where(of_station, due).limit(SLICE)
    return delete(table).where(of_station, table.c[key].in_(found))


def _before(table: Table, column: str) -> ColumnElement[bool]:
    return table.c[column] <= bindparam("before")


_DELETE: Final[dict[Kind, Delete]] = {
    "calls": _oldest(_calls, "call", and_(_calls.c.state == "closed", _before(_calls, "changed_ms"))),
    "follow_ups": _oldest(_follow_ups, "id", _before(_follow_ups, "closed_ms")),
    "dispatch_steps": _oldest(_dispatch_steps, "dispatch", _before(_dispatch_steps, "received_ms")),
    "notice_reads": _oldest(_notice_reads, "notice", _before(_notice_reads, "received_ms")),
    "books": _oldest(
        tables.books, "id", and_(tables.books.c.state.not_in(("out", "kept")), _before(tables.books, "received_ms"))
    ),
    "shelved_alarms": _oldest(_shelved, "shelf", _before(_shelved, "received_ms")),  # of stations that never came back
    "refused_lines": _oldest(_aside, "sha256", _before(_aside, "received_ms")),
    "ids": _oldest(_projected, "id", and_(_IS_FORGOTTEN, _before(_projected, "forgotten_ms"))),
    "record_ids": _oldest(_records, "record", and_(_IS_FORGOTTEN, _before(_records, "forgotten_ms"))),
}
_CLOSED = (
    select(_records.c.record)
    .where(
        _records.c.station == bindparam("of"),
        _IS_CLOSED,
        _before(_records, "changed_ms"),
        ~exists().where(
            _follow_ups.c.station == _records.c.station,
            _follow_ups.c.record == _records.c.record,
            _follow_ups.c.closed_ms.is_(None),
        ),
    )
    .limit(SLICE)
)
_THESE = (_records.c.station == bindparam("of")) & _records.c.record.in_(bindparam("these", expanding=True))
_BLANK = change(_records).where(_THESE).values(BLANK | {"forgotten_ms": bindparam("at")})
_DROP_BESIDE = delete(_beside).where(
    _beside.c.station == bindparam("of"), _beside.c.record.in_(bindparam("these", expanding=True))
)

_GIVEN = (
    select(_orders.c.id)
    .where(_orders.c.station == bindparam("of"), _before(_orders, "given_ms"))
    .order_by(_orders.c.position)
)
_DROP_ORDERS = delete(_orders).where(
    _orders.c.station == bindparam("of"), _orders.c.id.in_(bindparam("these", expanding=True))
)
_CURRENT = (
    select(_generations.c.id, _stations.c.revoked_ms)
    .join(_stations, _stations.c.station == _generations.c.station)
    .where(_generations.c.station == bindparam("of"), _generations.c.cursor == _generations.c.head, ~_SUPERSEDED)
)
_SECOND = (
    select(_order_lines.c.line)
    .where(_order_lines.c.order_journal_id == bindparam("row"), _order_lines.c.number >= _BEHIND_OPENED)
    .order_by(_order_lines.c.number)
    .limit(1)
)
_OLD_LINES = (
    select(_order_lines.c.order_journal_id, _order_lines.c.number, _order_lines.c.line)
    .join(_generations, _generations.c.id == _order_lines.c.order_journal_id)
    .where(_generations.c.station == bindparam("of"), _SUPERSEDED)
    .order_by(_order_lines.c.order_journal_id, _order_lines.c.number)
    .limit(SLICE)
)
_DROP_ORDER_LINE = delete(_order_lines).where(
    _order_lines.c.order_journal_id == bindparam("row"), _order_lines.c.number == bindparam("of_number")
)
_DROP_GENERATIONS = delete(_generations).where(
    _generations.c.station == bindparam("of"),
    _generations.c.id.in_(select(_generations.c.id).where(_SUPERSEDED)),
    ~exists().where(_order_lines.c.order_journal_id == _generations.c.id),
)

_KEYS = (
    select(_keys.c.kid, _keys.c.received_ms)
    .where(_keys.c.station == bindparam("of"))
    .order_by(_keys.c.received_ms, _keys.c.kid)
)
_DROP_KEYS = delete(_keys).where(
    _keys.c.station == bindparam("of"), _keys.c.kid.in_(bindparam("these", expanding=True))
)
_REVS = select(func.coalesce(func.sum(_journals.c.rev), 0)).where(_journals.c.station == bindparam("of"))
_JOURNALS = select(_journals).where(_journals.c.station == bindparam("of")).order_by(_journals.c.id)
_OTHER_LINES = (
    select(_aside.c.line).where(_aside.c.station == bindparam("of")),
    select(_beside.c.line).where(_beside.c.station == bindparam("of")),
)


class _Timed(msgspec.Struct):
    time: str


class _Data(msgspec.Struct):
    sealed: Sealed


def forget(database: Database, station: str, kind: Kind, *, before_ms: int) -> int:
    """Delete rows of one kind; of ids, those whose line was forgotten before then."""
    with database.write() as connection:
        lock_station(connection, station)
        return connection.execute(_DELETE[kind], {"of": station, "before": before_ms}).rowcount


def forget_records(database: Database, station: str, *, before_ms: int, now_ms: int) -> int:
    """Empty the rows of records that are closed, and drop their sealed lines.

    A row stays for its marks, by which an older event that is sent again changes nothing; one that is newer, such as
    a station's that opens the record again, gives it what it tells.
    """
    with database.write() as connection:
        lock_station(connection, station)
        found = connection.execute(_CLOSED, {"of": station, "before": before_ms}).scalars().all()
        if found:
            connection.execute(_BLANK, {"of": station, "these": found, "at": now_ms})
            connection.execute(_DROP_BESIDE, {"of": station, "these": found})
        return len(found)


def renew_orders(database: Database, orders: Orders, station: str, *, before_ms: int) -> bool:
    """Begin a new orders journal where a station holds all of one that is old; its snapshot has what is to be done."""
    with database.read() as connection:
        row = connection.execute(_CURRENT, {"of": station}).one_or_none()
        second = None if row is None else connection.execute(_SECOND, {"row": row.id}).scalar()
    if row is None or row.revoked_ms is not None or second is None or not _is_older(second, before_ms):
        return False
    orders.open_generation(station, 0)
    return True


def forget_orders(database: Database, station: str, *, before_ms: int, now_ms: int) -> int:
    """Forget old orders, but none of what a station would still have to be told (`hq.snapshot`)."""
    with database.write() as connection:
        lock_station(connection, station)
        holds = {getattr(payload, "order", None) for payload in snapshot(connection, station, now_ms)}
        given = connection.execute(_GIVEN, {"of": station, "before": before_ms}).scalars()
        over = [order for order in given if order not in holds][:SLICE]
        if over:
            connection.execute(_DROP_ORDERS, {"of": station, "these": over})
        return len(over)


def forget_order_lines(database: Database, station: str, *, before_ms: int) -> int:
    """Drop the old lines of orders journals that another one has taken the place of."""
    with database.write() as connection:
        lock_station(connection, station)
        found = connection.execute(_OLD_LINES, {"of": station}).all()
        old = [{"row": row, "of_number": number} for row, number, line in found if _is_older(line, before_ms)]
        if old:
            connection.execute(_DROP_ORDER_LINE, old)
            connection.execute(_DROP_GENERATIONS, {"of": station})
        return len(old)


def forget_keys(database: Database, station: str, *, before_ms: int) -> int:
    """Drop wrapped shift keys for which no line that is kept has a box; never the newest, which may still be in use.

    If anything came while the lines were looked through, nothing is dropped this time.
    """
    with database.read() as connection:
        known = connection.execute(_KEYS, {"of": station}).all()
        idle = {kid for kid, received_ms in known[:-1] if received_ms <= before_ms}
        revs = connection.execute(_REVS, {"of": station}).scalar_one()
        for kid in _used(connection, station) if idle else ():
            idle.discard(kid)
            if not idle:
                break
    if not idle:
        return 0
    with database.write() as connection:
        lock_station(connection, station)
        if connection.execute(_REVS, {"of": station}).scalar_one() != revs:
            return 0
        return connection.execute(_DROP_KEYS, {"of": station, "these": sorted(idle)[:SLICE]}).rowcount


def _used(connection: Any, station: str) -> Iterator[str]:
    """Yield the shift key of each box that is kept."""
    for row in connection.execute(_JOURNALS, {"of": station}).all():
        journal = journal_row(row)
        for line in each_line(connection, journal, 0, journal.standing.held[-1][1] if journal.standing.held else 0):
            yield from _key_of(line.line)
    for wanted in _OTHER_LINES:
        for (line,) in connection.execute(wanted, {"of": station}):
            yield from _key_of(line)


def _key_of(line: bytes) -> Iterator[str]:
    if not any(word in line for word in _MAY_BE_SEALED):
        return
    event = unwrap(check_line(line))
    if event is not None:
        try:
            yield msgspec.convert(event.get("data"), _Data).sealed.key
        except msgspec.ValidationError:
            return


def _is_older(line: bytes, before_ms: int) -> bool:
    """Tell whether headquarters wrote one of its own lines before then."""
    return msgspec.json.decode(line, type=_Timed).time <= rfc3339(before_ms)
