"""Stations that are revoked: from then on nothing of theirs is stored or answered (`docs/link.md`, "Keys").

The instant is a commit under the station's lock, so that no batch is half before it and half behind.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from hq import audit, tables
from hq.audit import Act
from hq.journals import lock_station
from hq.store import Store

_stations = tables.stations
_READMIT = update(_stations).where(_stations.c.station == bindparam("of")).values(revoked_ms=None, order_key=None)
_MARK = update(_stations).where(_stations.c.station == bindparam("of")).values(revoked_ms=bindparam("at"))
_REVOKED = (
    select(_stations.c.station, _stations.c.revoked_ms)
    .where(_stations.c.revoked_ms.is_not(None))
    .order_by(_stations.c.station)
)


def revoke(store: Store, station: str, *, who: str, reason: str, now_ms: int) -> int:
    """Revoke a station, and return since when it is: an earlier time than `now_ms` if it was already.

    It is in the audit in the same transaction. `now_ms`: headquarters' wall clock. Raises ValueError without a reason.
    """
    if not reason.strip():
        raise ValueError("no reason was given; say why, it is kept for years")
    with store.database.write() as connection:
        since: int | None = lock_station(connection, station).revoked_ms
        if since is not None:
            return since
        audit.record(connection, Act(who=who, what="revoke", station=station, event="", reason=reason), at_ms=now_ms)
        connection.execute(_MARK, {"of": station, "at": now_ms})
    store.changed()
    return now_ms


def readmit(store: Store, station: str, *, who: str, reason: str, now_ms: int) -> bool:
    """End a revocation, for a station that is about to be enrolled again with new keys; False if there was none.

    Its old key must be gone from headquarters' folder of keys; its old certificates stay revoked. It is in the audit.
    """
    with store.database.write() as connection:
        if lock_station(connection, station).revoked_ms is None:
            return False
        audit.record(connection, Act(who=who, what="readmit", station=station, event="", reason=reason), at_ms=now_ms)
        connection.execute(_READMIT, {"of": station})
    store.changed()
    return True


def revoked(connection: Connection) -> dict[str, int]:
    """Return every revoked station, and since when (ms since 1970)."""
    return {row.station: row.revoked_ms for row in connection.execute(_REVOKED)}


def keep(connection: Connection, before: Mapping[str, int | None]) -> None:
    """Let these stations be revoked, or not, as they were before a restore: an older copy decides no access."""
    for station, since in before.items():
        row = lock_station(connection, station) if since is not None else _known(connection, station)
        if row is not None and row.revoked_ms != since:
            connection.execute(_MARK, {"of": station, "at": since})


def _known(connection: Connection, station: str) -> Any:
    return connection.execute(select(_stations).where(_stations.c.station == station)).one_or_none()
