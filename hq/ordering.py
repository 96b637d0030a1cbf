"""Orders that somebody gives by hand, to some stations or all: given once each, and in the audit."""

import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import bindparam, select

from common.clock import Clock
from common.events import type_of
from common.identifiers import uuid7
from hq import audit, tables
from hq.audit import Act
from hq.orders import Order, Orders
from hq.snapshot import STANDING, standing
from hq.store import Store
from sync.topics import STATION_ID

_stations = tables.stations
_HEARD = select(_stations.c.station, _stations.c.revoked_ms).where(_stations.c.station != bindparam("nobody"))
_MOST_NAMED: Final = 20


class UnknownStationsError(Exception):
    """Stations that headquarters does not know, or that are revoked; nothing was given to anybody."""

    def __init__(self, stations: Iterable[str]) -> None:
        super().__init__(f"{', '.join(stations)}: headquarters knows no such station, or it is revoked")


@dataclass(frozen=True, slots=True)
class Given:
    """To which stations an order was given, and how many have just that already."""

    stations: tuple[str, ...]
    already: int


def order_id(given: str, station: str) -> str:
    """Return the id of the order that tells a station what is given to several: again the same when given again.

    `given` is a UUID, that of a form or of a notice.
    """
    return str(uuid.uuid5(uuid.UUID(given), station))


def give(
    store: Store,
    clock: Clock,
    order: Order,
    *,
    stations: Collection[str] | None,
    enrolled: Iterable[str],
    who: str,
    order_id: Callable[[str], str] | None = None,
) -> Given:
    """Give an order to `stations`, None means all; `enrolled`: ids of those that may never have been heard of.

    What already stands so at a station is not ordered again, so what was interrupted may be repeated. `order_id`: the
    order's id for a station, where the same form must not order twice. Raises UnknownStationsError.
    """
    known = _known(store, enrolled)
    unknown = sorted(set(stations or ()) - known)
    if unknown:
        raise UnknownStationsError(unknown)
    asked = sorted(known if stations is None else set(stations))
    orders, order_type, given = Orders(store, clock), type_of(order), []
    with store.database.write() as connection:
        named = "all" if stations is None else " ".join(asked[:_MOST_NAMED])
        act = Act(
            who=who, what="order", station=asked[0] if len(asked) == 1 else "", event=order_type, reason=f"to {named}"
        )
        audit.record(connection, act, at_ms=clock.wall_ms())
    for station in asked:
        with store.database.write() as connection:
            if order_type in STANDING and standing(connection, station, order, order_type) == order:
                continue
            new_id = uuid7(wall_ms=clock.wall_ms()) if order_id is None else order_id(station)
            if orders.give(connection, station, order, new_id) is None:
                continue
        given.append(station)
    store.changed()
    return Given(tuple(given), len(asked) - len(given))


def enrolled(folder: Path) -> list[str]:
    """Return the stations whose public keys are in a folder: some may never have been heard of."""
    return [file.stem for file in folder.glob("*.pub") if STATION_ID.fullmatch(file.stem)]


def _known(store: Store, enrolled: Iterable[str]) -> set[str]:
    with store.database.read() as connection:
        heard = {row.station: row.revoked_ms for row in connection.execute(_HEARD, {"nobody": ""})}
    return {station for station in {*enrolled, *heard} if heard.get(station) is None}
