"""Walk-in records as rows: what the journal's record events come to, written in the transaction of each event."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from agent import done_rows, queue_rows
from agent.pen import Projector
from common.events.records import RecordAmended, RecordCalled, RecordOpened
from common.events.terms import Sealed
from common.record import Record, RecordEvent, Told, fold

SCHEMA: Final = (
    """
CREATE TABLE IF NOT EXISTS records(
    place INTEGER PRIMARY KEY,     -- the order in which they were opened
    id TEXT NOT NULL UNIQUE,       -- that of its record.opened event
    number TEXT NOT NULL UNIQUE,
    is_open INTEGER NOT NULL,
    waits_for TEXT,                -- the day it comes back to the desk; NULL: it is there
    boot TEXT NOT NULL,            -- of record.opened,
    opened_ns INTEGER NOT NULL,    -- with CLOCK_BOOTTIME in that boot
    closed_ms INTEGER,             -- when it was first seen closed since its last change, on a trusted clock
    record TEXT NOT NULL           -- the whole of it, `common.record.Record` as JSON
);
CREATE INDEX IF NOT EXISTS records_closed ON records(closed_ms) WHERE NOT is_open;
CREATE INDEX IF NOT EXISTS records_open ON records(place) WHERE is_open;
CREATE INDEX IF NOT EXISTS records_waiting ON records(waits_for) WHERE waits_for IS NOT NULL;
-- Every record event by its id: a form submitted again changes nothing.
CREATE TABLE IF NOT EXISTS record_events(id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_events_of ON record_events(record);
-- The sealed fields of each record: of two boxes that have the same field, the later one's counts.
CREATE TABLE IF NOT EXISTS record_boxes(
    record TEXT NOT NULL, change INTEGER NOT NULL, event TEXT NOT NULL, key TEXT NOT NULL, box TEXT NOT NULL,
    PRIMARY KEY (record, change)
) WITHOUT ROWID;
-- The last number given on each local day.
CREATE TABLE IF NOT EXISTS record_days(day TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
"""
    + queue_rows.SCHEMA
    + done_rows.SCHEMA
)
"""Tables for `Journal.open(schema=...)`."""

_LIST: Final = "SELECT record, boot, opened_ns FROM records"
_OPEN: Final = (
    "SELECT record, boot, opened_ns FROM records WHERE is_open AND id NOT IN (SELECT value FROM json_each(?))"
    " ORDER BY place LIMIT ? OFFSET ?"
)
_NEXT: Final = "SELECT place, record FROM records WHERE place > ? ORDER BY place LIMIT ?"
_AT_A_TIME: Final = 200


@dataclass(frozen=True, slots=True)
class Kept:
    """A record with when it was opened: CLOCK_BOOTTIME (ns) in `boot`, for elapsed times."""

    record: Record
    boot: str
    opened_ns: int


@dataclass(frozen=True, slots=True)
class Box:
    """Sealed fields of a record, and the event they were sealed for."""

    event: str
    sealed: Sealed


def projectors() -> dict[str, Projector]:
    """Return what to hand to `Journal.open(projectors=...)`, by event type."""
    return {
        "record.opened": _opened,
        "record.amended": _changed,
        "record.stepped": _changed,
        "record.called": _called,
        "record.rated": _changed,
        "record.revealed": _noted,
    }


def is_known(connection: sqlite3.Connection, event_id: str) -> bool:
    """Tell whether a record event of that id was journaled."""
    return connection.execute("SELECT 1 FROM record_events WHERE id = ?", (event_id,)).fetchone() is not None


def find(connection: sqlite3.Connection, record: str) -> Record | None:
    """Return the record of that id."""
    row = connection.execute("SELECT record FROM records WHERE id = ?", (record,)).fetchone()
    return row and _read(row[0])


def find_number(connection: sqlite3.Connection, number: str) -> Kept | None:
    """Return the record that people call `number`."""
    row = connection.execute(f"{_LIST} WHERE number = ?", (number,)).fetchone()
    return row and _kept(row)


def list_open(
    connection: sqlite3.Connection, *, most: int, skip: int = 0, beside: Collection[str] = ()
) -> tuple[Kept, ...]:
    """Return records that are not closed, the oldest first; without the ids `beside`, and then the first `skip`."""
    rows = connection.execute(
        _OPEN,
        (msgspec.json.encode(list(beside)).decode(), most, skip),
    )
    return tuple(_kept(row) for row in rows)


def count_open(connection: sqlite3.Connection) -> int:
    """Return how many records are not closed."""
    (count,) = connection.execute("SELECT count(*) FROM records WHERE is_open").fetchone()
    return int(count)


def list_due(connection: sqlite3.Connection, today: str, *, most: int) -> tuple[Kept, ...]:
    """Return the records whose day has come: suspended until `today` or before, or referred and due before it."""
    rows = connection.execute(f"{_LIST} WHERE waits_for <= ? ORDER BY waits_for, place LIMIT ?", (today, most))
    kept = (_kept(row) for row in rows)
    # Due means: by the end of that day.
    return tuple(one for one in kept if one.record.state == "suspended" or str(one.record.due) < today)


def each(connection: sqlite3.Connection) -> Iterator[Record]:
    """Yield every record that is kept, in the order in which they were opened, each as it stands when it is read.

    Some at a time, with no transaction held between: whoever reads slowly keeps no WAL from being written over.
    """
    last = 0
    while rows := connection.execute(_NEXT, (last, _AT_A_TIME)).fetchall():
        for last, record in rows:  # noqa: B007 - the next ones stand behind the last
            yield _read(record)


def boxes(connection: sqlite3.Connection, record: str) -> tuple[Box, ...]:
    """Return a record's sealed fields, the oldest first."""
    rows = connection.execute("SELECT event, key, box FROM record_boxes WHERE record = ? ORDER BY change", (record,))
    return tuple(Box(event, Sealed(key=key, box=box)) for event, key, box in rows)


def forget_closed(connection: sqlite3.Connection, *, now_ms: int, age_ms: int, most: int) -> bool:
    """Forget records that were closed and left alone for `age_ms`, `most` at a time; False: no more to do.

    `now_ms` is a trusted time, and the age counts from the first such time at which it was seen closed: what a wrong
    clock wrote on its events is no reason to forget it. That its number was given is not forgotten.
    """
    connection.execute("UPDATE records SET closed_ms = ? WHERE NOT is_open AND closed_ms IS NULL", (now_ms,))
    aged = "SELECT id FROM records WHERE NOT is_open AND closed_ms <= ? LIMIT ?"
    found = connection.execute(aged, (now_ms - age_ms, most)).fetchall()
    for (record,) in found:
        connection.execute("DELETE FROM record_events WHERE record = ?", (record,))
        connection.execute("DELETE FROM record_boxes WHERE record = ?", (record,))
        connection.execute("DELETE FROM records_done WHERE record = ?", (record,))
        connection.execute("DELETE FROM records WHERE id = ?", (record,))
    return len(found) == most


def last_of_day(connection: sqlite3.Connection, day: str) -> int:
    """Return the last number given on a local day (`YYYYMMDD`), 0 when there was none."""
    row = connection.execute("SELECT last FROM record_days WHERE day = ?", (day,)).fetchone()
    return int(row[0]) if row else 0


def _opened(
    connection: sqlite3.Connection, number: int, event_id: str, payload: RecordOpened, event: Mapping[str, Any]
) -> None:
    record = _fold(Record(id=payload.record), payload, event_id, event)
    connection.execute(
        "INSERT INTO records(id, number, is_open, boot, opened_ns, record) VALUES (?, ?, 1, ?, ?, ?)",
        (payload.record, payload.number, event["boot"], int(event["mono"]), _write(record)),
    )
    _, day, last = payload.number.rsplit("-", 2)
    # The highest, not the latest: what comes out of a damaged file must not set the count back.
    connection.execute(
        "INSERT INTO record_days VALUES (?1, ?2) ON CONFLICT (day) DO UPDATE SET last = max(last, ?2)", (day, int(last))
    )
    _keep_box(connection, event_id, record, payload)
    queue_rows.follow(connection, _place(connection, record), record, event)
    _noted(connection, number, event_id, payload, event)


def _changed(
    connection: sqlite3.Connection, number: int, event_id: str, payload: Any, event: Mapping[str, Any]
) -> None:
    record = find(connection, payload.record)
    if record is not None:  # one that was lost with a damaged file has no row to change
        record = _fold(record, payload, event_id, event)
        connection.execute(
            "UPDATE records SET is_open = ?, waits_for = ?, closed_ms = NULL, record = ? WHERE id = ?",
            (record.state != "closed", record.waits_for, _write(record), record.id),
        )
        if isinstance(payload, RecordAmended):
            _keep_box(connection, event_id, record, payload)
        queue_rows.follow(connection, _place(connection, record), record, event)
        done_rows.follow(connection, record, event)
    _noted(connection, number, event_id, payload, event)


def _called(
    connection: sqlite3.Connection, number: int, event_id: str, payload: RecordCalled, event: Mapping[str, Any]
) -> None:
    queue_rows.called(connection, payload, event)
    _noted(connection, number, event_id, payload, event)


def _noted(
    connection: sqlite3.Connection, _number: int, event_id: str, payload: Any, _event: Mapping[str, Any]
) -> None:
    connection.execute("INSERT INTO record_events VALUES (?, ?)", (event_id, payload.record))


def _keep_box(
    connection: sqlite3.Connection, event_id: str, record: Record, payload: RecordOpened | RecordAmended
) -> None:
    if payload.sealed is not None:
        row = (record.id, record.change, event_id, payload.sealed.key, payload.sealed.box)
        connection.execute("INSERT INTO record_boxes VALUES (?, ?, ?, ?, ?)", row)


def _place(connection: sqlite3.Connection, record: Record) -> int:
    (place,) = connection.execute("SELECT place FROM records WHERE id = ?", (record.id,)).fetchone()
    return int(place)


def _fold(record: Record, payload: RecordEvent, event_id: str, event: Mapping[str, Any]) -> Record:
    # A station's own events come in order, so there are no marks to keep.
    folded = fold(record, [Told(payload, event_id, event["time"], event.get("clock") == "unsure")])
    return msgspec.structs.replace(folded, marks={})


def _write(record: Record) -> str:
    return msgspec.json.encode(record).decode()


def _read(text: str) -> Record:
    return msgspec.json.decode(text, type=Record)


def _kept(row: tuple[str, str, int]) -> Kept:
    return Kept(_read(row[0]), row[1], row[2])
