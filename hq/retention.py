"""Which lines of a station's journal headquarters may forget: whole prefixes, by how long it has held them.

How long is counted by headquarters' clock from marks that are made here, at most one a day and journal: "now it stands
at `rev`, and up to `number` nothing is missing". What a station's clock wrote into a line counts for nothing. Each
function with a connection is one short transaction's work: a call for help waits for one at most.

What a journal's row says it holds stays, and so does the chain, at the last line forgotten and at the end of each
range: what is sent again is known, another history is noticed, and an ack shows the same chain as before
(`sync.batch.settle`).
"""

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from common.events.terms import Sealed
from hq import tables
from hq.bulk import RowsAmong
from hq.figures import CITY
from hq.journals import JournalRow, journal_row, lock_station
from hq.projections import Projection
from hq.usable import event_key, unwrap
from sync.batch import Line
from sync.receiver import check_line

SLICE: Final = 200
"""Most lines that one transaction forgets."""
_FOLDED: Final = "record."
"""Events of which none is remembered by its id for having counted (`hq.records`)."""
MARK_EVERY_MS: Final = 24 * 3600 * 1000

_journals, _events, _marks = tables.journals, tables.events, tables.journal_marks
_records, _projected, _beside = tables.records, tables.projected, tables.record_lines

_ROW = select(_journals).where(_journals.c.id == bindparam("row"))
_MARKS = (
    select(_marks.c.at_ms, _marks.c.rev, _marks.c.number)
    .where(_marks.c.journal_id == bindparam("row"))
    .order_by(_marks.c.at_ms)
)
_UNMARK = delete(_marks).where(_marks.c.journal_id == bindparam("row"))
_MARK = insert(_marks)
_KEPT = (
    select(_events.c.number, _events.c.line, _events.c.chain)
    .where(
        _events.c.journal_id == bindparam("row"),
        _events.c.number > bindparam("above"),
        _events.c.number <= bindparam("last"),
        func.length(_events.c.line) > 0,
    )
    .order_by(_events.c.number)
    .limit(SLICE)
)
_OF_JOURNAL = _events.c.journal_id == bindparam("row")
_THESE = _events.c.number.in_(bindparam("these", expanding=True))
_DROP = delete(_events).where(
    _OF_JOURNAL,
    _events.c.number >= bindparam("first"),
    _events.c.number <= bindparam("last"),
    func.length(_events.c.line) > 0,
)
_DROP_CHAIN = delete(_events).where(
    _OF_JOURNAL, _events.c.number == bindparam("of_number"), func.length(_events.c.line) == 0
)
_LEAVE_CHAINS = update(_events).where(_OF_JOURNAL, _THESE).values(line=b"")
_THEIR_RECORDS = RowsAmong(
    select(_records.c.record, _records.c.boxes).where(
        _records.c.station == bindparam("of"), _records.c.forgotten_ms.is_(None)
    ),
    _records.c.record,
)
_BESIDE = RowsAmong(select(_beside.c.event).where(_beside.c.station == bindparam("of")), _beside.c.event)
_PUT_BESIDE = insert(_beside)
_LINE_GONE = (
    update(_projected)
    .where(_projected.c.station == bindparam("of"), _projected.c.id.in_(bindparam("these", expanding=True)))
    .values(forgotten_ms=bindparam("at"))
)


class Mark(NamedTuple):
    """At `at_ms` a journal stood at `rev`, and up to `number` nothing was missing."""

    at_ms: int
    rev: int
    number: int


class _Data(msgspec.Struct):
    record: str
    sealed: Sealed


def marked(marks: Iterable[Mark], *, now_ms: int, rev: int, number: int) -> tuple[Mark, ...]:
    """Return the marks at `now_ms` of a journal that stands at `rev`, complete up to `number`.

    A mark from the future, made by a clock that was set back, begins its time now.
    """
    kept = sorted({Mark(min(mark.at_ms, now_ms), mark.rev, mark.number) for mark in marks})
    if rev and (not kept or (kept[-1].rev != rev and now_ms - kept[-1].at_ms >= MARK_EVERY_MS)):
        kept.append(Mark(now_ms, rev, number))
    # Of one moment, the one that says most of what was held then.
    return tuple({mark.at_ms: mark for mark in kept}.values())


def due(marks: Iterable[Mark], *, now_ms: int, age_ms: int, rev: int, highest: int) -> int:
    """Return up to which number everything held has been held for `age_ms`; 0 for nothing.

    In a journal to which nothing has come since, that is all of it, whatever is missing in between.
    """
    old = [mark for mark in marks if mark.at_ms <= now_ms - age_ms]
    if any(mark.rev == rev for mark in old):
        return highest
    return max((mark.number for mark in old), default=0)


def needed(marks: Sequence[Mark], *, now_ms: int, age_ms: int) -> tuple[Mark, ...]:
    """Return the marks without those that an older-than-needed, higher one makes superfluous."""
    old = [mark for mark in marks if mark.at_ms <= now_ms - age_ms]
    return (*old[-1:], *(mark for mark in marks if mark.at_ms > now_ms - age_ms))


def mark(connection: Connection, found: JournalRow, *, now_ms: int, age_ms: int) -> int:
    """Note how a journal stands at `now_ms`; return up to which number its lines may be forgotten, 0 for none."""
    standing = found.standing
    before = tuple(Mark(*row) for row in connection.execute(_MARKS, {"row": found.id}))
    after = marked(before, now_ms=now_ms, rev=standing.rev, number=standing.cursor)
    last = due(
        after,
        now_ms=now_ms,
        age_ms=age_ms,
        rev=standing.rev,
        highest=standing.held[-1][1] if standing.held else 0,
    )
    after = needed(after, now_ms=now_ms, age_ms=age_ms)
    if after != before:
        connection.execute(_UNMARK, {"row": found.id})
        connection.execute(_MARK, [{"journal_id": found.id, **each._asdict()} for each in after])
    return last


class Forgotten(NamedTuple):
    """How many lines were forgotten, and the number of the last."""

    lines: int = 0
    last: int = 0


def forget_lines(
    connection: Connection,
    station: str,
    journal_id: int,
    *,
    above: int = 0,
    now_ms: int,
    age_ms: int,
    zone: tzinfo = CITY,
) -> Forgotten:
    """Forget a journal's oldest lines that are due, SLICE at most, none numbered `above` or lower.

    So a database need not look again and again through what was just deleted.

    What nobody was shown yet, since a number before it never came or a closed journal's copies did not, is shown
    first. The sealed fields of a record that is not forgotten are put beside.
    """
    lock_station(connection, station)
    row = journal_row(connection.execute(_ROW, {"row": journal_id}).one())
    last = mark(connection, row, now_ms=now_ms, age_ms=age_ms)
    if not last:
        return Forgotten()
    lines = [Line(*found) for found in connection.execute(_KEPT, {"row": row.id, "above": above, "last": last})]
    if not lines:
        return Forgotten()
    unshown = _shown(row)
    projection = Projection(connection, station, received_ms=now_ms, committed_ms=now_ms, zone=zone)
    projection.overdue((line for line in lines if line.number > unshown), row)
    projection.finish()
    events = [(line.line, inner) for line in lines if (inner := unwrap(check_line(line.line))) is not None]
    _put_beside(connection, station, events)
    counted = [event_key(event["id"]) for _, event in events if not event["type"].startswith(_FOLDED)]
    if counted:
        connection.execute(_LINE_GONE, {"of": station, "these": counted, "at": now_ms})
    _leave_chains(connection, row, [line.number for line in lines])
    return Forgotten(len(lines), lines[-1].number)


def _shown(row: JournalRow) -> int:
    """Return up to which number a journal's events have been acted on."""
    if row.last_common is None:
        return row.standing.cursor
    if row.leftover:
        return min(row.standing.cursor, row.last_common)
    return row.standing.held[-1][1]


def _put_beside(connection: Connection, station: str, events: Sequence[tuple[bytes, dict[str, Any]]]) -> None:
    """Keep the lines with the sealed fields of records that are not forgotten."""
    sealed: dict[str, tuple[str, bytes]] = {}
    for line, event in events:
        try:
            sealed[event["id"]] = msgspec.convert(event.get("data"), _Data).record, line
        except msgspec.ValidationError:
            continue
    if not sealed:
        return
    ours = _THEIR_RECORDS.all(connection, sorted({record for record, _ in sealed.values()}), of=station)
    wanted = {(row["record"], event) for row in ours for _, event in msgspec.json.decode(row["boxes"])}
    there = {row["event"] for row in _BESIDE.all(connection, sorted(sealed), of=station)}
    new = [
        {"station": station, "event": event, "record": record, "line": line}
        for event, (record, line) in sealed.items()
        if (record, event) in wanted and event not in there
    ]
    if new:
        connection.execute(_PUT_BESIDE, new)


def _leave_chains(connection: Connection, row: JournalRow, numbers: Sequence[int]) -> None:
    """Drop lines, but leave the chain at the last of them and at the end of each range held."""
    first, last = numbers[0], numbers[-1]
    ends = {end for _, end in row.standing.held}
    stay = sorted((ends & set(numbers)) | {last})
    connection.execute(_LEAVE_CHAINS, {"row": row.id, "these": stay})
    connection.execute(_DROP, {"row": row.id, "first": first, "last": last})
    if first - 1 not in ends:
        connection.execute(_DROP_CHAIN, {"row": row.id, "of_number": first - 1})
