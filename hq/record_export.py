"""The records of stations as one table: masked, or for a reason with what is sealed; the audit has it first.

One act is one line of the audit, with how many records of which days: a line for each of a hundred thousand boxes would
hide what was done. Nothing that is opened is ever written anywhere but to stdout.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, select

from common import record_sheet
from common.events.terms import Sealed
from common.settings import EX_CONFIG
from common.table_output import is_unread, write_out
from hq import audit, tables
from hq.audit import Act, Audited
from hq.cli import NO_STORE, fail, first_line, whoever, why
from hq.journals import each_line, journal_row
from hq.own_keys import sealing_keys
from hq.records import StationRecord, each_record
from hq.settings import HqSettings
from hq.shift_keys import FindKey, NoShiftKeyError, unwrap_shift_key
from hq.store import Store
from hq.usable import unwrap
from sync import base64url
from sync.receiver import check_line
from sync.sealing import BrokenSealError, ShiftKey

_journals, _beside = tables.journals, tables.record_lines
_JOURNALS = select(_journals).where(_journals.c.station == bindparam("of")).order_by(_journals.c.id)
_STATIONS = select(tables.stations.c.station)
_BESIDE = select(_beside.c.line).where(_beside.c.station == bindparam("of")).execution_options(yield_per=500)

COLUMNS: Final = ("station", *record_sheet.HEADER, "rating", *record_sheet.PERSONAL_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants: of which stations (none: all), of which local days, why, and whether with what is sealed."""

    stations: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    reason: str
    unsealed: bool = False


@dataclass(slots=True)
class Export:
    """Rows on their way. `audited`: the act; `closed`: of how many records, so far, something sealed did not open."""

    audited: Audited
    count: int
    rows: Iterator[dict[str, object]]
    closed: int = 0


class _Head(msgspec.Struct):
    id: str
    type: str


class _Data(msgspec.Struct):
    sealed: Sealed


def begin(store: Store, connection: Connection, find: FindKey, wish: Wish, *, who: str, now_ms: int) -> Export:
    """Note the act in the audit, and return what was wished for as of `connection`'s snapshot.

    Nothing is opened before the rows are asked for, and then the audit stands. `now_ms`: headquarters' wall clock.
    Raises ValueError, and nothing was noted: no reason, or stations that do not exist or are too many to be noted.
    """
    if not wish.reason.strip():
        raise ValueError("no reason was given; say which case this is for")
    unknown = sorted(set(wish.stations) - set(connection.execute(_STATIONS).scalars()))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: headquarters knows no such station")
    named = " ".join(sorted(set(wish.stations)))
    if len(named) > audit.LONGEST:
        raise ValueError("so many stations do not fit into the audit: name fewer at a time, or none for all")
    count = sum(1 for _ in _chosen(connection, wish))
    days = f"{wish.first or 'the first'} to {wish.last or 'the last'}"
    act = Act(
        who=who,
        what="export-unsealed" if wish.unsealed else "export",
        station=named,
        event=f"{count} records, {days}",
        reason=wish.reason,
    )
    with store.database.write() as writing:
        audited = audit.record(writing, act, at_ms=now_ms)
    export = Export(audited, count, iter(()))
    export.rows = _opened(connection, find, wish, export) if wish.unsealed else _masked(connection, wish)
    return export


def print_exported(settings: HqSettings, wish: Wish, *, as_json: bool) -> int:
    """Print records as CSV or JSON lines, and return the exit code: 1 also when something sealed did not open."""
    keys = sealing_keys(settings.keys.sealing)
    if wish.unsealed:
        try:
            keys.current()
        except (OSError, ValueError) as error:
            return fail(f"keys.sealing: {settings.keys.sealing}: {why(error)}", EX_CONFIG)
    try:
        with closing(Store.open(settings.store.url)) as store, store.database.snapshot() as connection:
            now_ms = time.time_ns() // 1_000_000
            export = begin(store, connection, keys.find, wish, who=whoever(), now_ms=now_ms)
            noted = export.audited
            at = f"number {noted.number}, chain {base64url.encode(noted.chain)}"
            sys.stderr.write(f"{export.count} records. Noted in the audit as {at}.\n")
            write = record_sheet.as_json if as_json else record_sheet.as_csv
            write_out(write(COLUMNS, export.rows), private=wish.unsealed)
    except (ValueError, *NO_STORE) as error:
        return fail(first_line(error))
    except OSError as error:
        if is_unread(error):
            raise
        return fail(f"{error.filename or 'the output'}: {(error.strerror or str(error)).lower()}; not all is there")
    if export.closed:
        return fail(
            f"Of {export.closed} records something sealed did not open, and they say only that it is on file:"
            " jingting hq unseal --record NUMBER says why."
        )
    return 0


def _chosen(connection: Connection, wish: Wish) -> Iterator[StationRecord]:
    for one in each_record(connection, wish.stations):
        if record_sheet.falls_within(one.record, wish.first, wish.last):
            yield one


def _masked(connection: Connection, wish: Wish) -> Iterator[dict[str, object]]:
    for one in _chosen(connection, wish):
        yield _row(one, None)


def _opened(connection: Connection, find: FindKey, wish: Wish, export: Export) -> Iterator[dict[str, object]]:
    """Yield rows with what is sealed, a station after the other: the lines of each are read through once."""
    station, its_own = "", list[StationRecord]()
    for one in _chosen(connection, wish):
        if one.station != station:
            yield from _of_station(connection, find, station, its_own, export)
            station, its_own = one.station, []
        its_own.append(one)
    yield from _of_station(connection, find, station, its_own, export)


def _of_station(
    connection: Connection, find: FindKey, station: str, its_own: list[StationRecord], export: Export
) -> Iterator[dict[str, object]]:
    boxes = _boxes(connection, station, {event for one in its_own for event in one.boxes})
    keys = {kid: _key(connection, station, kid, find) for kid in {sealed.key for sealed in boxes.values()}}
    try:
        for one in its_own:
            fields: dict[str, Any] | None = {}
            for event in one.boxes:
                sealed = boxes.get(event)
                inside = None if sealed is None else _open(event, sealed, keys[sealed.key])
                fields = None if fields is None or inside is None else fields | inside
            export.closed += fields is None
            yield _row(one, fields)
    finally:
        for key in keys.values():
            if key is not None:
                key.wipe()


def _key(connection: Connection, station: str, kid: str, find: FindKey) -> ShiftKey | None:
    try:
        return unwrap_shift_key(connection, station, kid, find)
    except NoShiftKeyError:
        return None


def _open(event: str, sealed: Sealed, key: ShiftKey | None) -> dict[str, Any] | None:
    try:
        return None if key is None else key.open(event, msgspec.to_builtins(sealed))
    except BrokenSealError:
        return None


def _boxes(connection: Connection, station: str, wanted: set[str]) -> dict[str, Sealed]:
    """Return the boxes of events of a station that are kept, in a journal, copied into another, or beside them."""
    found: dict[str, Sealed] = {}
    if not wanted:
        return found
    for line in _lines(connection, station):
        head = msgspec.json.decode(line, type=_Head)
        if head.id not in wanted and head.type != "rescued":
            continue
        event = unwrap(check_line(line))
        if event is not None and event["id"] in wanted:
            try:
                found[event["id"]] = msgspec.convert(event.get("data"), _Data).sealed
            except msgspec.ValidationError:
                continue
    return found


def _lines(connection: Connection, station: str) -> Iterator[bytes]:
    for row in connection.execute(_JOURNALS, {"of": station}).all():
        journal = journal_row(row)
        last = journal.standing.held[-1][1] if journal.standing.held else 0
        for line in each_line(connection, journal, 0, last):
            yield line.line
    for (line,) in connection.execute(_BESIDE, {"of": station}):
        yield line


def _row(one: StationRecord, opened: dict[str, Any] | None) -> dict[str, object]:
    return {"station": one.station, "rating": one.record.rating} | record_sheet.row_of(one.record, opened)
