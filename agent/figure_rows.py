"""Figures of days as rows: counted in the transaction of each event, and again from the journal where they are missing.

A day's figures stay when retention drops the lines they were counted from, so there is a small table by day. What an
event changes is taken away and added (`common.counted`), once: an event that was journaled before counts nothing.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from typing import Any, Final

import msgspec

from agent import calls, record_rows
from agent.pen import Pen, Projector
from common import counted, figures
from common.counted import CallFigure, Counts
from common.events import EVENTS, read_payload
from common.events.errands import DispatchExpired, DispatchStepped
from common.events.journal import Rescued
from sync import base64url
from sync.receiver import check_line

SCHEMA: Final = """
-- What a local day has of something; never a row that counts nothing.
CREATE TABLE IF NOT EXISTS figures(
    day TEXT NOT NULL, what TEXT NOT NULL, which TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (day, what, which)
) WITHOUT ROWID;
-- What the help events so far say of each call, for as long as its lines are kept.
CREATE TABLE IF NOT EXISTS figure_calls(id TEXT PRIMARY KEY, figure TEXT NOT NULL) WITHOUT ROWID;
-- Since which day they are whole: once there is a row, they are counted as events come.
CREATE TABLE IF NOT EXISTS figures_since(one INTEGER PRIMARY KEY CHECK (one = 1), day TEXT NOT NULL);
"""
"""Tables for `Journal.open(schema=...)`."""

DAYS_KEPT: Final = 400
"""How long a day's figures are kept: this month of last year stands beside this one."""

_ADD: Final = (
    "INSERT INTO figures VALUES (?, ?, ?, ?)"
    " ON CONFLICT (day, what, which) DO UPDATE SET count = count + excluded.count"
)
_NOTHING_LEFT: Final = "DELETE FROM figures WHERE day = ? AND what = ? AND which = ? AND count = 0"
_DAY_MS: Final = 86_400_000


def counting(projectors: Mapping[str, Projector], zone: tzinfo) -> dict[str, Projector]:
    """Return the station's projectors, of which those of calls, records and dispatches count too."""
    found = dict(projectors)
    for event_type, project in projectors.items():
        room = event_type.partition(".")[0]
        if room in _COUNTED:
            found[event_type] = _COUNTED[room](project, zone)
    return found


def build(pen: Pen, *, zone: tzinfo) -> None:
    """Count from records and journal where nothing was counted before, in one transaction; else change nothing."""
    connection = pen.connection
    if connection.execute("SELECT 1 FROM figures_since").fetchone() is not None:
        return
    connection.execute("DELETE FROM figures")
    connection.execute("DELETE FROM figure_calls")
    for record in record_rows.each(connection):
        _write(connection, {}, counted.of_record(record, with_rating=False))
    known: set[str] = set()
    for event in _events(connection):
        payload = read_payload(EVENTS, event)
        if event["id"] in known or payload is None:
            continue
        known.add(event["id"])
        if counted.is_help(payload):
            _count_call(connection, event["id"], payload, event, zone)
        elif isinstance(payload, DispatchStepped | DispatchExpired):
            _write(connection, {}, counted.of_dispatch(_step(payload), event, zone))
    (oldest,) = connection.execute("SELECT oldest FROM journal").fetchone()
    first = connection.execute("SELECT line FROM events WHERE number = ? AND number > 1", (oldest,)).fetchone()
    day = "" if first is None else counted.day_of_event(check_line(first[0]), zone) or ""
    connection.execute("INSERT INTO figures_since VALUES (1, ?)", (day,))


def forget(pen: Pen, *, now_ms: int, zone: tzinfo) -> None:
    """Forget what served to count calls that are forgotten, and days more than DAYS_KEPT ago.

    `now_ms` is a trusted time.
    """
    pen.connection.execute("DELETE FROM figure_calls WHERE id NOT IN (SELECT id FROM calls)")
    before = counted.local_day(now_ms - DAYS_KEPT * _DAY_MS, zone)
    pen.connection.execute("DELETE FROM figures WHERE day < ?", (before,))


def read(connection: sqlite3.Connection, first: str, last: str) -> figures.Figures:
    """Return the figures of the days from `first` to `last`, both included."""
    rows = "SELECT what, which, sum(count) FROM figures WHERE day BETWEEN ? AND ? GROUP BY what, which"
    return figures.add_up(connection.execute(rows, (first, last)))


def help_by_day(connection: sqlite3.Connection, first: str, last: str) -> dict[str, int]:
    """Return how often somebody asked for help on each day that had any."""
    rows = "SELECT day, count FROM figures WHERE day BETWEEN ? AND ? AND what = 'help' AND which = 'raised'"
    return dict(connection.execute(rows, (first, last)))


def since(connection: sqlite3.Connection) -> str:
    """Return the first day that is whole; "" when all of them are."""
    row = connection.execute("SELECT day FROM figures_since").fetchone()
    return str(row[0]) if row else ""


def _help(project: Projector, zone: tzinfo) -> Projector:
    def count(
        connection: sqlite3.Connection, number: int, event_id: str, payload: Any, event: Mapping[str, Any]
    ) -> None:
        if counted.is_help(payload) and calls.number_of(connection, event_id) is None:
            _count_call(connection, event_id, payload, event, zone)
        project(connection, number, event_id, payload, event)

    return count


def _record(project: Projector, _zone: tzinfo) -> Projector:
    def count(
        connection: sqlite3.Connection, number: int, event_id: str, payload: Any, event: Mapping[str, Any]
    ) -> None:
        before = _of_record(connection, payload.record)
        project(connection, number, event_id, payload, event)
        _write(connection, before, _of_record(connection, payload.record))

    return count


def _dispatch(project: Projector, zone: tzinfo) -> Projector:
    def count(
        connection: sqlite3.Connection, number: int, event_id: str, payload: Any, event: Mapping[str, Any]
    ) -> None:
        project(connection, number, event_id, payload, event)
        _write(connection, {}, counted.of_dispatch(_step(payload), event, zone))

    return count


_COUNTED: Final[dict[str, Callable[[Projector, tzinfo], Projector]]] = {
    "help": _help,
    "record": _record,
    "dispatch": _dispatch,
}


def _count_call(
    connection: sqlite3.Connection, event_id: str, payload: Any, event: Mapping[str, Any], zone: tzinfo
) -> None:
    row = connection.execute("SELECT figure FROM figure_calls WHERE id = ?", (payload.call,)).fetchone()
    before = CallFigure() if row is None else _read(row[0])
    after = counted.fold_call(before, payload, event_id, event)
    connection.execute(
        "INSERT OR REPLACE INTO figure_calls VALUES (?, ?)", (payload.call, msgspec.json.encode(after).decode())
    )
    _write(connection, counted.of_call(before, zone), counted.of_call(after, zone))


def _read(figure: str) -> CallFigure:
    try:
        return msgspec.json.decode(figure, type=CallFigure)
    except msgspec.MsgspecError:  # a damaged row: no press is lost for a figure's sake
        return CallFigure()


def _of_record(connection: sqlite3.Connection, record: str) -> Counts:
    found = record_rows.find(connection, record)
    return {} if found is None else counted.of_record(found, with_rating=False)


def _step(payload: DispatchStepped | DispatchExpired) -> str:
    return "expired" if isinstance(payload, DispatchExpired) else payload.step


def _write(connection: sqlite3.Connection, before: Counts, after: Counts) -> None:
    for key, by in counted.change(before, after):
        connection.execute(_ADD, (*key, by))
        if by < 0:
            connection.execute(_NOTHING_LEFT, key)


def _events(connection: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    """Yield the events of calls and dispatches that are kept, in closed journals, in this one, or rescued into it."""
    for rows in (
        "SELECT line FROM closed_events ORDER BY journal, number",
        "SELECT line FROM events ORDER BY number",
    ):
        for (line,) in connection.execute(rows):
            if any(word in line for word in (b'"help.', b'"dispatch.', b'"rescued"')):
                event = _unwrapped(line)
                if event is not None:
                    yield event


def _unwrapped(line: bytes) -> dict[str, Any] | None:
    try:
        event = check_line(line)
        payload = read_payload(EVENTS, event)
        return check_line(base64url.decode(payload.line)) if isinstance(payload, Rescued) else event
    except ValueError:  # what the disk has garbled
        return None
