"""Dispatches as headquarters sees them: what was sent, and what the stations said of it.

What was sent stands in `orders`; of each step the first is kept, whatever comes again.
"""

from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final, Literal, TypeAlias, cast

import msgspec
from sqlalchemy import ColumnElement, Connection, exists, insert, select

from common.clock import rfc3339
from common.counted import of_dispatch
from common.dispatch import NEXT, Result, State, Step
from common.events.errands import DispatchExpired, DispatchSent, DispatchStepped
from hq import tables
from hq.database import Database
from hq.figures import CITY, count

Stand: TypeAlias = State | Literal["on_its_way", "failed"]
"""As at the station; `on_its_way`: the station has not said that it has it; `failed`: it was passed over."""

SHOWN: Final = 200
"""The newest that are shown."""

_orders, _steps = tables.orders, tables.dispatch_steps
_of = (_steps.c.station == _orders.c.station) & (_steps.c.dispatch == _orders.c.id)
IS_OVER: Final[ColumnElement[bool]] = exists().where(_of, _steps.c.step.in_(("report", "expired")))
"""Of a row of `orders`: it is a dispatch that was reported, or that nobody received."""

_NEW = insert(_steps)
_SENT = (
    select(_orders)
    .where(_orders.c.type == "dispatch.sent")
    .order_by(_orders.c.given_ms.desc(), _orders.c.id)
    .limit(SHOWN)
)
_LED_TO: Final[dict[Step, State]] = dict(NEXT.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One dispatch; `times`: each step's RFC 3339 time by the station's clock, `~` before it where that was unsure."""

    id: str
    station: str
    service: str
    reference: str
    grid: str | None
    priority: str
    sent: str
    expires: str
    stand: Stand
    times: dict[str, str]
    result: Result | None


def note(
    connection: Connection,
    station: str,
    payload: DispatchStepped | DispatchExpired,
    event: dict[str, Any],
    *,
    received_ms: int,
    zone: tzinfo = CITY,
) -> None:
    """Keep what a station said of a dispatch; the caller holds the station's lock. A second time changes nothing."""
    step = "expired" if isinstance(payload, DispatchExpired) else payload.step
    this = (_steps.c.station == station, _steps.c.dispatch == payload.dispatch, _steps.c.step == step)
    if connection.execute(select(_steps.c.step).where(*this)).first() is not None:
        return
    row = {"station": station, "dispatch": payload.dispatch, "step": step, "received_ms": received_ms}
    row |= {"time": event["time"], "unsure": event.get("clock") == "unsure"}
    if isinstance(payload, DispatchStepped):
        row |= {"result": payload.result, "staff": payload.staff}
    connection.execute(_NEW, row)
    count(connection, station, of_dispatch(step, event, zone).items())


def newest(database: Database) -> list[Dispatch]:
    """Return the newest dispatches of all stations, the last one sent on top."""
    with database.read() as connection:
        sent = connection.execute(_SENT).all()
        found = connection.execute(select(_steps).where(_steps.c.dispatch.in_([row.id for row in sent]))).all()
    steps: dict[tuple[str, str], dict[str, Any]] = {}
    for row in found:
        steps.setdefault((row.station, row.dispatch), {})[row.step] = row
    return [_read(row, steps.get((row.station, row.id), {})) for row in sent]


def _read(order: Any, steps: dict[str, Any]) -> Dispatch:
    payload = msgspec.json.decode(order.data, type=DispatchSent)
    taken = [step for step in _LED_TO if step in steps]
    stand: Stand = "on_its_way" if order.outcome == "open" else "failed" if order.outcome == "failed" else "sent"
    if "expired" in steps:
        stand = "expired"
    elif taken:
        stand = _LED_TO[taken[-1]]
    return Dispatch(
        id=order.id,
        station=order.station,
        service=payload.service,
        reference=payload.reference,
        grid=payload.grid,
        priority=payload.priority,
        sent=rfc3339(order.given_ms),
        expires=payload.expires,
        stand=stand,
        times={step: ("~" if row.unsure else "") + row.time for step, row in steps.items()},
        result=cast("Result | None", steps["report"].result if "report" in steps else None),
    )
