"""Self-tests as rows: the last of each panel, written in the transaction of each event and of headquarters' answer."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from agent.pen import Pen, Projector
from common.events.calls import HelpTestAnswered, HelpTested
from common.events.equipment import DeviceTested

SCHEMA: Final = """
-- Each panel's last self-test; times are the wall clock's (ms since 1970).
CREATE TABLE IF NOT EXISTS self_tests(
    device TEXT PRIMARY KEY,
    test TEXT NOT NULL DEFAULT '',        -- id of its last help.tested,
    answered INTEGER NOT NULL DEFAULT 0,  -- and whether headquarters has answered that
    tested_ms INTEGER,                    -- of its last device.tested,
    reason TEXT NOT NULL DEFAULT '',      -- and why that one failed
    passed_ms INTEGER                     -- of the last one it passed
) WITHOUT ROWID;
"""
"""Tables for `Journal.open(schema=...)`."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the journal knows of a panel's self-tests."""

    test: str = ""
    answered: bool = False
    tested_ms: int | None = None
    reason: str = ""
    passed_ms: int | None = None


def projectors() -> dict[str, Projector]:
    """Return what to hand to `Journal.open(projectors=...)`, by event type."""
    return {"help.tested": _pressed, "device.tested": _tested}


def answer(pen: Pen, _: str, payload: HelpTestAnswered) -> None:
    """Carry out the order `help.test_answered`, in the transaction that stores it; also for a test long forgotten."""
    pen.connection.execute("UPDATE self_tests SET answered = 1 WHERE test = ?", (payload.test,))


def _pressed(connection: sqlite3.Connection, _: int, event_id: str, payload: HelpTested, __: Mapping[str, Any]) -> None:
    connection.execute(
        "INSERT INTO self_tests(device, test) VALUES (?1, ?2)"
        " ON CONFLICT (device) DO UPDATE SET test = ?2, answered = 0",
        (payload.panel, event_id),
    )


def _tested(connection: sqlite3.Connection, _: int, __: str, payload: DeviceTested, event: Mapping[str, Any]) -> None:
    at_ms = round(datetime.fromisoformat(event["time"]).timestamp() * 1000)
    connection.execute(
        "INSERT INTO self_tests(device, tested_ms, reason, passed_ms) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (device) DO UPDATE SET tested_ms = ?2, reason = ?3, passed_ms = coalesce(?4, passed_ms)",
        (payload.device, at_ms, payload.reason, at_ms if payload.passed else None),
    )


def load(connection: sqlite3.Connection, device: str) -> Stored:
    """Read what is known of a panel's self-tests."""
    row = connection.execute(
        "SELECT test, answered, tested_ms, reason, passed_ms FROM self_tests WHERE device = ?", (device,)
    ).fetchone()
    return Stored() if row is None else Stored(row[0], bool(row[1]), *row[2:])
