"""What holds now: the orders with which a new generation begins (`docs/link.md`, "Orders").

Three kinds. What is to be done once (an answer, a key) is in it until it is done or its time is over; a dispatch until
it was reported, and a notice, since a kiosk that lost its disk has lost them, until their time is over. What says how
something stands (a rota) is in it for good, done or not: the newest that did not fail, and none before it, which a
station that had done the newest would otherwise go back to.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from sqlalchemy import Connection, bindparam, select

from common.clock import rfc3339
from common.events import ORDERS
from common.events.terms import Payload
from hq import tables
from hq.dispatches import IS_OVER

STANDING: Final[Mapping[str, Callable[[Payload], str]]] = dict.fromkeys(
    ("rota.set", "staff.set", "settings.set"), lambda _payload: ""
)
"""The types that say how something stands, and of which thing: a later order of the same thing takes its place."""

_orders = tables.orders
_GIVEN = (
    select(_orders.c.id, _orders.c.type, _orders.c.data, _orders.c.outcome)
    .where(
        _orders.c.station == bindparam("of"),
        (_orders.c.outcome == "open")
        | (
            (_orders.c.outcome == "applied")
            & (_orders.c.type.in_(STANDING) | _orders.c.type.in_(("dispatch.sent", "notice.sent")))
        ),
        ~IS_OVER,
        _orders.c.expires.is_(None) | (_orders.c.expires > bindparam("now")),
    )
    .order_by(_orders.c.position)
)


def snapshot(connection: Connection, station: str, now_ms: int) -> list[Payload]:
    """Return what a station has to be told anew, in the order in which it was first ordered.

    Each names as `order` the id under which it was given first, by which a station knows whether it has done it.
    """
    holds: dict[tuple[str, str], Payload] = {}
    for order, order_type, data, _outcome in connection.execute(_GIVEN, {"of": station, "now": rfc3339(now_ms)}):
        payload = msgspec.json.decode(data, type=ORDERS[order_type])
        thing = STANDING[order_type](payload) if order_type in STANDING else str(order)
        holds.pop((order_type, thing), None)
        holds[order_type, thing] = msgspec.structs.replace(payload, order=order)
    return list(holds.values())


def standing(connection: Connection, station: str, payload: Payload, order_type: str) -> Payload | None:
    """Return what holds at a station of the thing that `payload` is about, as it was given; None when nothing does."""
    found = None
    for _order, given_type, data, _outcome in connection.execute(_GIVEN, {"of": station, "now": ""}):
        if given_type == order_type:
            given: Payload = msgspec.json.decode(data, type=ORDERS[given_type])
            found = given if STANDING[given_type](given) == STANDING[order_type](payload) else found
    return found
