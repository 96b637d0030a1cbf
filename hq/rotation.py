"""Another order key, or another sealing key, while everything goes on (`docs/link.md`, "Keys").

First every station is given the order that names the new key, and its row the key it has pinned; only then is the new
key used. Whatever is interrupted, done again, goes on where it was.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from sqlalchemy import bindparam, select, update

from common.events.records import KeyRotated
from hq import audit, tables
from hq.audit import Act
from hq.journals import lock_station
from hq.orders import Orders
from hq.own_keys import OwnKey, OwnKeys
from hq.store import Store
from sync import base64url

Use: TypeAlias = Literal["order", "sealing"]

_NAMESPACE: Final = uuid.UUID("6b1f1a35-2f0e-5d6b-9c58-0f8c6d7be0a2")
"""So that the order of one key for one station has the same id whenever it is given."""

_stations = tables.stations
_KNOWN = select(_stations.c.station).where(_stations.c.revoked_ms.is_(None)).order_by(_stations.c.station)
_PINNED = (
    update(_stations)
    .where(_stations.c.station == bindparam("of"), _stations.c.order_key.is_(None))
    .values(order_key=bindparam("key"))
)


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation has done: ids of the key before and of the new one; how many stations are told of it."""

    before: bytes
    now: bytes
    stations: int


def rotate(
    store: Store, orders: Orders, keys: OwnKeys[OwnKey], use: Use, *, who: str, enrolled: Iterable[str], now_ms: int
) -> Rotated:
    """Make a new key, tell every station, and begin to use it; running headquarters notice by themselves.

    `enrolled`: ids of stations that may never have been heard of. It is in the audit. Raises OSError, or ValueError
    (`found; expected`) for a key file that cannot be used.
    """
    before, upcoming = keys.current().public, keys.prepare().public
    known = {*enrolled, *_known(store)}
    with store.database.write() as connection:
        what: Literal["rotate-order", "rotate-sealing"] = "rotate-order" if use == "order" else "rotate-sealing"
        act = Act(who=who, what=what, station="", event="", reason=base64url.encode(upcoming.id))
        audit.record(connection, act, at_ms=now_ms)
    told = KeyRotated(use=use, key=base64url.encode(upcoming.raw))
    for station in sorted(known):
        order_id = str(uuid.uuid5(_NAMESPACE, f"{use} {upcoming.id.hex()} {station}"))
        with store.database.write() as connection:
            if use == "order":
                lock_station(connection, station)
                connection.execute(_PINNED, {"of": station, "key": before.id})
            orders.give(connection, station, told, order_id)
        orders.on_append(station)
    keys.switch()
    store.changed()
    return Rotated(before.id, upcoming.id, len(known))


def _known(store: Store) -> list[str]:
    with store.database.read() as connection:
        return list(connection.execute(_KNOWN).scalars())
