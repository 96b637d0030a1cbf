"""What was closed last, for the desk's list of what is done: a few rows, with nothing of anybody in them."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from common.record import Record

KEPT: Final = 20
"""How many of them are known: the list shows fewer, and one that is opened again leaves it."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS records_done(
    place INTEGER PRIMARY KEY,   -- the order in which they were closed
    record TEXT NOT NULL UNIQUE,
    boot TEXT NOT NULL,          -- of the event that closed it,
    closed_ns INTEGER NOT NULL,  -- with CLOCK_BOOTTIME in that boot,
    closed_ms INTEGER NOT NULL   -- and the wall clock of it, for another boot
);
"""
"""Tables for `Journal.open(schema=...)`."""


@dataclass(frozen=True, slots=True)
class Done:
    """A record that is closed, and when: CLOCK_BOOTTIME (ns) in `boot`, and as the wall clock said (ms since 1970)."""

    record: Record
    boot: str
    closed_ns: int
    closed_ms: int


def follow(connection: sqlite3.Connection, record: Record, event: Mapping[str, Any]) -> None:
    """Take a change of a record into the list; `event` is what changed it."""
    if record.state != "closed":
        connection.execute("DELETE FROM records_done WHERE record = ?", (record.id,))
        return
    closed_ms = int(datetime.fromisoformat(event["time"]).timestamp() * 1000)
    connection.execute(  # one that is rated after it was closed stays where it is
        "INSERT OR IGNORE INTO records_done(record, boot, closed_ns, closed_ms) VALUES (?, ?, ?, ?)",
        (record.id, event["boot"], int(event["mono"]), closed_ms),
    )
    connection.execute("DELETE FROM records_done WHERE place <= (SELECT max(place) FROM records_done) - ?", (KEPT,))


def last(connection: sqlite3.Connection, *, most: int) -> tuple[Done, ...]:
    """Return what was closed last, the newest first; one that was forgotten since is not among it."""
    rows = connection.execute(
        "SELECT records.record, d.boot, closed_ns, d.closed_ms FROM records_done AS d"
        " JOIN records ON records.id = d.record ORDER BY d.place DESC LIMIT ?",
        (most,),
    )
    return tuple(Done(msgspec.json.decode(text, type=Record), *when) for text, *when in rows)
