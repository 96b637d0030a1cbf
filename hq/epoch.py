"""The epoch: one row that changes when headquarters may have forgotten something (`docs/link.md`, "Birth…")."""

import uuid
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select, text, update

from hq import tables

ALIVE_MS: Final = 180_000
"""A worker that has beaten within this time is there."""

_epoch, _workers = tables.epoch, tables.workers
_FIND = select(_epoch.c.epoch).with_for_update()
# Two workers that start at once on a new database: the second waits here for the first one's commit.
_FIRST = text("INSERT INTO epoch (id, epoch) VALUES (1, :epoch) ON CONFLICT DO NOTHING")
_RENEW = update(_epoch).values(epoch=bindparam("to"))
_BEATS = select(_workers.c.beat_ms).where(_workers.c.worker != bindparam("me"))
_BEAT = update(_workers).where(_workers.c.worker == bindparam("me")).values(beat_ms=bindparam("at"))
_FIRST_BEAT = insert(_workers)


def beat(connection: Connection, worker: str, now_ms: int) -> None:
    """Write that a worker is there."""
    if connection.execute(_BEAT, {"me": worker, "at": now_ms}).rowcount == 0:
        connection.execute(_FIRST_BEAT, {"worker": worker, "beat_ms": now_ms})


def at_start(connection: Connection, worker: str, now_ms: int) -> str:
    """Return the epoch for a worker that starts: a new one if no other has beaten for 180 s."""
    connection.execute(_FIRST, {"epoch": str(uuid.uuid4())})
    current: str = connection.execute(_FIND).scalar_one()
    others = connection.execute(_BEATS, {"me": worker}).scalars()
    alive = any(abs(now_ms - other) < ALIVE_MS for other in others)
    beat(connection, worker, now_ms)
    return current if alive else renew(connection)


def beating(connection: Connection, now_ms: int) -> list[tuple[str, int]]:
    """Return the workers that are there, and the milliseconds since each has beaten."""
    rows = connection.execute(select(_workers).order_by(_workers.c.worker)).all()
    return [(row.worker, abs(now_ms - row.beat_ms)) for row in rows if abs(now_ms - row.beat_ms) < ALIVE_MS]


def renew(connection: Connection) -> str:
    """Write a new epoch and return it; every station will begin a new session."""
    epoch = str(uuid.uuid4())
    connection.execute(_FIRST, {"epoch": epoch})
    connection.execute(_RENEW, {"to": epoch})
    return epoch


def read(connection: Connection) -> str | None:
    """Return the current epoch, or None before any worker started."""
    found: str | None = connection.execute(select(_epoch.c.epoch)).scalar()
    return found
