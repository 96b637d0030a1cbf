"""Walk-in records as headquarters knows them: folded from their events, many at a time.

What a record's events add up to stands in `common.record`, and gives the same in any order and for any event twice. So
a replayed backlog, or what was rescued from a closed journal, never moves a record backwards, and no event has to be
remembered for having counted.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, RowMapping, bindparam, null, select, update

from common.counted import Key, change, of_record
from common.events.records import RecordAmended, RecordOpened
from common.identifiers import is_identifier
from common.record import Record, RecordEvent, Told, fold
from hq import tables
from hq.bulk import RowsAmong, insert_mappings
from hq.figures import count

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_AS_JSON: Final = ("on_file", "missing", "marks", "boxes")

_records = tables.records
_OUR_OWN: Final = ("station", "record", "received_ms", "changed_ms", "forgotten_ms")
_FIELDS: Final = tuple(c.name for c in _records.c if c.name not in _OUR_OWN)
_NUMBERED = select(_records).where(_records.c.number == bindparam("called")).order_by(_records.c.station)
_KEPT = (
    select(_records)
    .where(_records.c.forgotten_ms.is_(None))
    .order_by(_records.c.station, _records.c.record)
    .execution_options(yield_per=500)
)
_KNOWN: Final = RowsAmong(select(_records).where(_records.c.station == bindparam("of")), _records.c.record)
_CHANGE = (
    update(_records)
    .where(_records.c.station == bindparam("of"), _records.c.record == bindparam("id_"))
    .values({name: bindparam(f"to_{name}") for name in (*_FIELDS, "changed_ms")} | {"forgotten_ms": null()})
)


@dataclass(frozen=True, slots=True)
class StationRecord:
    """A record with its station. `boxes`: the events that carry its sealed fields, the oldest first."""

    station: str
    record: Record
    boxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Standing:
    """`forgotten_to`: of a record that was forgotten, its highest `change` then; no box of so old an event counts."""

    record: Record
    boxes: tuple[tuple[int, str], ...] = ()
    forgotten_to: int = 0


def told_by(payload: RecordEvent, event: Mapping[str, Any]) -> Told | None:
    """Return what a record's event tells; None when it is nothing that a database can keep."""
    if not is_identifier(payload.record) or not is_identifier(event["id"]):
        return None
    if b"\\u0000" in msgspec.json.encode(payload):  # PostgreSQL keeps no NUL in a text
        return None
    time = event.get("time")
    known = isinstance(time, str) and _INSTANT.fullmatch(time)
    return Told(payload, event["id"], str(time) if known else "", event.get("clock") == "unsure")


def project_records(
    connection: Connection,
    station: str,
    told: Sequence[Told],
    *,
    received_ms: int,
    meanwhile: Callable[[], None] | None = None,
) -> None:
    """Fold events, in any order, into the rows of one station's records; the caller holds the station's lock.

    `meanwhile` may be called while many rows are written (`hq.bulk.insert_rows`).
    """
    by_record: dict[str, list[Told]] = {}
    for each in told:
        by_record.setdefault(each.payload.record, []).append(each)
    known = _KNOWN.all(connection, sorted(by_record), of=station)
    before = {row["record"]: _read(row) for row in known}
    after = {
        record: _fold(before.get(record) or _Standing(Record(id=record)), its_own)
        for record, its_own in by_record.items()
    }
    changed = [standing for record, standing in after.items() if standing != before.get(record)]
    new = [
        {"station": station, "record": one.record.id, "received_ms": received_ms, "changed_ms": received_ms}
        | _write(one)
        for one in changed
        if one.record.id not in before
    ]
    old = [one for one in changed if one.record.id in before]
    insert_mappings(connection, _records, new, meanwhile=meanwhile)
    count(connection, station, (move for one in changed for move in _moved(before.get(one.record.id), one)))
    if old:
        changes = [
            {"of": station, "id_": one.record.id, "to_changed_ms": received_ms}
            | {f"to_{name}": value for name, value in _write(one).items()}
            for one in old
        ]
        connection.execute(_CHANGE, changes)


def records_called(connection: Connection, number: str) -> list[StationRecord]:
    """Return the records with the number that people call them by: one, or after a restored station two."""
    rows = connection.execute(_NUMBERED, {"called": number}).mappings()
    return [_station_record(row) for row in rows]


def each_record(connection: Connection, stations: Sequence[str] = ()) -> Iterator[StationRecord]:
    """Yield every record that is kept, of these stations or of all, station by station; some at a time in memory."""
    wanted = _KEPT.where(_records.c.station.in_(stations)) if stations else _KEPT
    for row in connection.execute(wanted).mappings():
        yield _station_record(row)


def _moved(before: _Standing | None, after: _Standing) -> list[tuple[Key, int]]:
    """Return what changes in the figures; of a record that was forgotten there is no day any more, and nothing does."""
    counted_for = {} if before is None else of_record(before.record, with_rating=True)
    return change(counted_for, of_record(after.record, with_rating=True))


def _fold(standing: _Standing, told: Sequence[Told]) -> _Standing:
    boxes = set(standing.boxes)
    for each in told:
        payload = each.payload
        if isinstance(payload, RecordOpened):
            change = 1
        elif isinstance(payload, RecordAmended):
            change = payload.change
        else:
            continue
        if payload.sealed is not None and change > standing.forgotten_to:
            boxes.add((change, each.id))
    return replace(standing, record=fold(standing.record, told), boxes=tuple(sorted(boxes)))


def _write(standing: _Standing) -> dict[str, Any]:
    fields = msgspec.structs.asdict(standing.record) | {"boxes": standing.boxes}
    del fields["id"]
    return fields | {name: msgspec.json.encode(fields[name]).decode() for name in _AS_JSON}


def _read(row: RowMapping) -> _Standing:
    fields = {name: row[name] for name in Record.__struct_fields__ if name != "id"}
    fields |= {name: msgspec.json.decode(row[name]) for name in _AS_JSON if name != "boxes"}
    boxes = tuple((change, event) for change, event in msgspec.json.decode(row["boxes"]))
    forgotten_to = 0 if row["forgotten_ms"] is None else row["change"]
    return _Standing(msgspec.convert(fields | {"id": row["record"]}, Record), boxes, forgotten_to)


def _station_record(row: RowMapping) -> StationRecord:
    standing = _read(row)
    return StationRecord(row["station"], standing.record, tuple(event for _, event in standing.boxes))


BLANK: Final = {
    name: value
    for name, value in _write(_Standing(Record(id="", state="closed"))).items()
    if name not in ("change", "marks")
}
"""What the columns of a record hold that was forgotten."""
