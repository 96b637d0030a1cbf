"""Alarms of stations' equipment that somebody there has shelved, as headquarters sees them: a list, and no more.

No call for help is among them. A row goes when the station says that its alarm is back.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select

from common.events.equipment import AlarmReturned, AlarmShelved
from hq import tables
from hq.alarms import plain
from hq.database import Database

SHOWN: Final = 500
"""Most that are shown, the newest ones."""

_shelved = tables.shelved_alarms
_NEW = insert(_shelved)
_ALL = select(_shelved).order_by(_shelved.c.received_ms.desc(), _shelved.c.shelf).limit(SHOWN)
_MOST: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelvedAlarm:
    """One on a shelf: since when by its station's clock (RFC 3339, `~` before it where that was unsure), and why."""

    station: str
    kind: str
    device: str
    reason: str
    staff: str | None
    since: str


def note(
    connection: Connection,
    station: str,
    payload: AlarmShelved | AlarmReturned,
    event: dict[str, Any],
    *,
    received_ms: int,
) -> None:
    """Keep what a station said of its shelf; the caller holds the station's lock. A second time changes nothing."""
    this = (_shelved.c.station == station, _shelved.c.shelf == payload.shelf)
    if isinstance(payload, AlarmReturned):
        connection.execute(delete(_shelved).where(*this))
        return
    if connection.execute(select(_shelved.c.shelf).where(*this)).first() is not None:
        return
    row: dict[str, Any] = {"station": station, "shelf": payload.shelf, "kind": payload.kind, "staff": payload.staff}
    row |= {"device": plain(payload.device, _MOST), "reason": plain(payload.reason, _MOST)}
    row |= {"time": event["time"], "unsure": event.get("clock") == "unsure", "received_ms": received_ms}
    connection.execute(_NEW, row)


def read(database: Database) -> list[ShelvedAlarm]:
    """Return what is on the shelves of all stations, the newest first."""
    with database.read() as connection:
        rows = connection.execute(_ALL).all()
    return [
        ShelvedAlarm(
            station=row.station,
            kind=row.kind,
            device=row.device,
            reason=row.reason,
            staff=row.staff,
            since=("~" if row.unsure else "") + row.time,
        )
        for row in rows
    ]
