"""The waiting room as rows: who waits, who was called and how often, who is being served; and how long that took.

A row stands for a record from its registration until a step that is no longer in front of the desk. Written with the
events of records (`agent.record_rows`), in the transaction of each.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from agent.waiting import LATEST
from common.events.records import Channel, RecordCalled
from common.record import Record

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS queue(
    record TEXT PRIMARY KEY,
    number TEXT NOT NULL,
    urgent INTEGER NOT NULL,
    place INTEGER NOT NULL,   -- the order in which the records were opened
    times INTEGER NOT NULL,   -- how often it was called
    served INTEGER NOT NULL,  -- an officer has accepted it
    turn INTEGER NOT NULL,    -- 0 while it waits; the order of the last call, or of being accepted
    boot TEXT NOT NULL,       -- since when it stands as it does:
    since_ns INTEGER NOT NULL,  -- CLOCK_BOOTTIME in that boot,
    since_ms INTEGER NOT NULL   -- and the wall clock, for another boot
) WITHOUT ROWID;
-- How long the latest ones took, from accepted to done; of whom, nothing says.
CREATE TABLE IF NOT EXISTS service_times(place INTEGER PRIMARY KEY, ended_ms INTEGER NOT NULL, took_s REAL NOT NULL);
"""

IN_THE_ROOM: Final[frozenset[Channel]] = frozenset({"window", "button", "kiosk"})
"""Whoever came by telephone, patrol or dispatch does not sit in the waiting room."""

_QUEUED: Final = "SELECT record, number, urgent, times, served, turn, boot, since_ns, since_ms FROM queue"


@dataclass(frozen=True, slots=True)
class Queued:
    """One row; `since` as of its last change: CLOCK_BOOTTIME (ns) in `boot`, and wall time in ms since 1970."""

    record: str
    number: str
    urgent: bool
    times: int
    served: bool
    turn: int
    boot: str
    since_ns: int
    since_ms: int


def everybody(connection: sqlite3.Connection) -> tuple[Queued, ...]:
    """Return every row, in the order in which they will be called: urgent ones first, then as they came."""
    return tuple(
        Queued(record, number, bool(urgent), times, bool(served), turn, boot, since_ns, since_ms)
        for record, number, urgent, times, served, turn, boot, since_ns, since_ms in connection.execute(
            f"{_QUEUED} ORDER BY urgent DESC, place"
        )
    )


def took_s(connection: sqlite3.Connection, *, since_ms: int) -> tuple[float, ...]:
    """Return how long the latest records took, in seconds; at most LATEST, none that ended before `since_ms`."""
    latest = "SELECT took_s FROM service_times WHERE ended_ms >= ? ORDER BY place DESC LIMIT ?"
    return tuple(took for (took,) in connection.execute(latest, (since_ms, LATEST)))


def called(connection: sqlite3.Connection, payload: RecordCalled, event: Mapping[str, Any]) -> None:
    """Note a call."""
    connection.execute(
        "UPDATE queue SET times = ?, turn = ?, boot = ?, since_ns = ?, since_ms = ? WHERE record = ?",
        (payload.times, _next_turn(connection), *_moment(event), payload.record),
    )


def follow(connection: sqlite3.Connection, place: int, record: Record, event: Mapping[str, Any]) -> None:
    """Let the row of a record, if it has one, follow what its last event made of it; `place`: that of its own row."""
    row = connection.execute(f"{_QUEUED} WHERE record = ?", (record.id,)).fetchone()
    before = row and Queued(*row)
    urgent = record.priority == "urgent"
    if record.channel not in IN_THE_ROOM:
        return
    if record.state == "registered":
        if before is None:
            connection.execute(
                "INSERT INTO queue VALUES (?, ?, ?, ?, 0, 0, 0, ?, ?, ?)",
                (record.id, record.number, urgent, place, *_moment(event)),
            )
        elif before.urgent != urgent:
            connection.execute("UPDATE queue SET urgent = ? WHERE record = ?", (urgent, record.id))
    elif before is None:
        return
    elif record.state == "accepted" and not before.served:
        connection.execute(
            "UPDATE queue SET served = 1, turn = ?, boot = ?, since_ns = ?, since_ms = ? WHERE record = ?",
            (_next_turn(connection), *_moment(event), record.id),
        )
    elif record.state not in ("accepted", "handling"):
        if record.outcome == "done" and before.served and before.boot == event["boot"]:
            _note_time(connection, int(event["mono"]) - before.since_ns, _moment(event)[2])
        connection.execute("DELETE FROM queue WHERE record = ?", (record.id,))


def _note_time(connection: sqlite3.Connection, took_ns: int, ended_ms: int) -> None:
    connection.execute("INSERT INTO service_times(ended_ms, took_s) VALUES (?, ?)", (ended_ms, took_ns / 1e9))
    connection.execute("DELETE FROM service_times WHERE place <= (SELECT max(place) FROM service_times) - ?", (LATEST,))


def _next_turn(connection: sqlite3.Connection) -> int:
    (last,) = connection.execute("SELECT coalesce(max(turn), 0) FROM queue").fetchone()
    return int(last) + 1


def _moment(event: Mapping[str, Any]) -> tuple[str, int, int]:
    return event["boot"], int(event["mono"]), int(datetime.fromisoformat(event["time"]).timestamp() * 1000)
