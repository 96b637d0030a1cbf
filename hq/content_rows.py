"""Content packs at stations, as their events tell of them: a row a pack and station, and how often it was shown."""

import uuid
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, bindparam, insert, select, update

from common.events.content import ContentPlayed, ContentRefused, ContentRemoved, ContentStored, ContentWanted
from common.pack import chunk_sizes
from hq import tables
from hq.alarms import plain
from sync import base64url

ContentEvent: TypeAlias = ContentWanted | ContentStored | ContentRefused | ContentRemoved | ContentPlayed

_deliveries, _packs, _plays = tables.content_deliveries, tables.content_packs, tables.content_plays
_ONE = (_deliveries.c.station == bindparam("of")) & (_deliveries.c.pack == bindparam("what"))
_STATE = select(_deliveries.c.state).where(_ONE)
_NEW = insert(_deliveries)
_SET = update(_deliveries).where(_ONE)
_SIZE = select(_packs.c.size).where(_packs.c.pack == bindparam("what"))
_WANTED = _SET.where(_deliveries.c.state.in_(("offered", "sending"))).values(
    state="sending", missing=bindparam("lacks"), changed_ms=bindparam("at")
)
_UNDER_WAY = select(_deliveries.c.pack, _deliveries.c.offer).where(
    _deliveries.c.station == bindparam("of"), _deliveries.c.state.in_(("offered", "sending"))
)
_FAILED = _SET.values(state="refused", reason=bindparam("why"), changed_ms=bindparam("at"))
_OF_DAY = (
    (_plays.c.station == bindparam("of")) & (_plays.c.pack == bindparam("what")) & (_plays.c.day == bindparam("when"))
)
_PLAYED_AGAIN = update(_plays).where(_OF_DAY).values(plays=_plays.c.plays + bindparam("more"))
_PLAYED = insert(_plays)
_UNTOLD: Final[dict[str, Any]] = {
    "reason": "",
    "id": "",
    "version": None,
    "way": "order",
    "offer": None,
    "missing": None,
}


def is_readable_content(payload: ContentEvent) -> bool:
    """Tell whether a station's event says something: `missing` must be base64url."""
    if not isinstance(payload, ContentWanted):
        return True
    try:
        base64url.decode(payload.missing)
    except ValueError:
        return False
    return True


def note_content(connection: Connection, station: str, payload: ContentEvent, *, received_ms: int) -> None:
    """Keep what a station says of a pack; the caller holds the station's lock. A withdrawn pack stays withdrawn."""
    key = {"of": station, "what": payload.pack}
    match payload:
        case ContentWanted():
            size = connection.execute(_SIZE, {"what": payload.pack}).scalar()
            missing = base64url.decode(payload.missing)
            if size is not None and len(missing) == (len(chunk_sizes(size)) + 7) // 8:
                connection.execute(_WANTED, key | {"lacks": missing, "at": received_ms})
        case ContentStored():
            told = {"state": "stored", "reason": "", "id": payload.id, "version": payload.version, "way": payload.way}
            put(connection, station, payload.pack, told | {"missing": None}, at_ms=received_ms)
        case ContentRefused():
            told = {"state": "refused", "reason": plain(payload.reason, 200), "way": payload.way, "missing": None}
            put(connection, station, payload.pack, told, at_ms=received_ms)
        case ContentRemoved():
            if connection.execute(_STATE, key).scalar() != "withdrawn":
                told = {"state": "removed", "reason": payload.reason, "missing": None}
                put(connection, station, payload.pack, told, at_ms=received_ms)
        case ContentPlayed():
            when = key | {"when": payload.day}
            if connection.execute(_PLAYED_AGAIN, when | {"more": payload.plays}).rowcount == 0:
                row = {"station": station, "pack": payload.pack, "day": payload.day, "plays": payload.plays}
                connection.execute(_PLAYED, row)


def note_failed(connection: Connection, station: str, order: str, reason: str, *, received_ms: int) -> None:
    """Keep that an order about a pack was passed over, if it was one: nothing more of that pack is sent."""
    for pack, offer in connection.execute(_UNDER_WAY, {"of": station}).all():
        size = connection.execute(_SIZE, {"what": pack}).scalar()
        if offer is None or size is None:
            continue
        if order == offer or any(order == chunk_order(offer, chunk) for chunk in range(len(chunk_sizes(size)))):
            connection.execute(_FAILED, {"of": station, "what": pack, "why": reason, "at": received_ms})


def chunk_order(offer: str, chunk: int) -> str:
    """Return the id of the order that brings a chunk of the pack that `offer` offered."""
    return str(uuid.uuid5(uuid.UUID(offer), str(chunk)))


def put(connection: Connection, station: str, pack: str, values: dict[str, Any], *, at_ms: int) -> None:
    """Write a pack's row at a station, new or not; what `values` leaves out stays."""
    named = values | {"changed_ms": at_ms}
    if connection.execute(_SET.values(**named), {"of": station, "what": pack}).rowcount == 0:
        connection.execute(_NEW, {"station": station, "pack": pack} | _UNTOLD | named)
