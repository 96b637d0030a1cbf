"""The rota as this station holds it: one row, written by headquarters' order."""

import sqlite3
from typing import Final

import msgspec

from agent.orders import OrderRefused
from agent.pen import Pen
from common.events.desk import RotaSet
from common.rota import Rota, faults

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS rota(
    one INTEGER PRIMARY KEY CHECK (one = 1),
    set_by TEXT NOT NULL,  -- the order's id
    rota TEXT NOT NULL     -- `common.rota.Rota` as JSON
);
"""
"""Tables for `Journal.open(schema=...)`."""


def set_rota(pen: Pen, order_id: str, payload: RotaSet) -> None:
    """Carry out the order `rota.set`, in the transaction that stores it; raises OrderRefused for a faulty one."""
    found = faults(payload.rota)
    if found:
        raise OrderRefused(f"the rota has {len(found)} faults; {found[0]}")
    text = msgspec.json.encode(payload.rota).decode()
    pen.connection.execute("INSERT OR REPLACE INTO rota VALUES (1, ?, ?)", (order_id, text))


def load(connection: sqlite3.Connection) -> tuple[str, Rota] | None:
    """Return the id of the order that set it, and the rota; None before the first."""
    row = connection.execute("SELECT set_by, rota FROM rota").fetchone()
    return row and (row[0], msgspec.json.decode(row[1], type=Rota))
