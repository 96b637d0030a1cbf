"""Refused lines, kept aside for whoever examines a fork."""

import hashlib
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select

from hq import tables
from sync.batch import Batch

MAX_ASIDE: Final = 1000
"""Most refused lines kept of one station."""

_aside = tables.aside
_KEPT = select(_aside.c.sha256).where(_aside.c.station == bindparam("of"))
_NEW = insert(_aside)


def keep_aside(connection: Connection, station: str, batch: Batch, *, received_ms: int) -> bool:
    """Keep a batch's lines, each once; False when there was no room for all of them. The caller holds the lock."""
    kept = set(connection.execute(_KEPT, {"of": station}).scalars())
    rows: dict[bytes, dict[str, Any]] = {}
    for line in batch.lines:
        digest = hashlib.sha256(line.line).digest()
        if digest not in kept:
            rows[digest] = {
                "station": station,
                "sha256": digest,
                "journal": batch.journal,
                "number": line.number,
                "line": line.line,
                "received_ms": received_ms,
            }
    room = max(0, MAX_ASIDE - len(kept))
    if taken := list(rows.values())[:room]:
        connection.execute(_NEW, taken)
    return len(rows) <= room
