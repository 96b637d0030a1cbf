"""A help call as headquarters knows it: folded from its events, in whatever order they arrive."""

import re
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, Final, Literal, TypeAlias

import msgspec
from sqlalchemy import Connection, bindparam, insert, select, update

from common import counted
from common.counted import CallFigure
from common.events.calls import (
    HelpAcknowledged,
    HelpAttending,
    HelpBreached,
    HelpClosed,
    HelpEscalated,
    HelpPressedAgain,
    HelpRaised,
)
from hq import tables
from hq.figures import CITY, count
from hq.prepared import Prepared

State: TypeAlias = Literal["raised", "acknowledged", "attending", "closed"]
HelpEvent: TypeAlias = (
    HelpRaised | HelpPressedAgain | HelpAcknowledged | HelpAttending | HelpEscalated | HelpBreached | HelpClosed
)

_RANK: Final[dict[State, int]] = {"raised": 0, "acknowledged": 1, "attending": 2, "closed": 3}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)

_calls = tables.help_calls
_FIELDS = (
    "state",
    "origin",
    "raised_id",
    "raised_time",
    "clock_unsure",
    "presses",
    "escalated",
    "breached",
    "closed_id",
    "closed_reason",
    "figure",
)
_CALL = Prepared(
    select(*(_calls.c[name] for name in _FIELDS)).where(
        _calls.c.station == bindparam("of"), _calls.c.call == bindparam("id_")
    )
)
_NEW = Prepared(insert(_calls), columns=("station", "call", "received_ms", "committed_ms", "changed_ms", *_FIELDS))
_CHANGE = Prepared(
    update(_calls)
    .where(_calls.c.station == bindparam("of"), _calls.c.call == bindparam("id_"))
    .values({name: bindparam(f"to_{name}") for name in (*_FIELDS, "changed_ms")})
)


_NOTHING: Final = CallFigure()


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpCall:
    """What the events of one call add up to; `origin` is "" while its help.raised is still missing."""

    state: State = "raised"
    origin: str = ""
    raised_id: str = ""
    raised_time: str = ""
    clock_unsure: bool = False
    presses: int = 0
    escalated: bool = False
    breached: bool = False
    closed_id: str = ""
    closed_reason: str = ""
    figure: CallFigure = _NOTHING


def fold(call: HelpCall, payload: HelpEvent, event_id: str, event: dict[str, Any]) -> HelpCall:
    """Return the call with one more of its events, which was not folded in before; its figure is folded apart.

    Any order gives the same: states only rise, presses are counted, and of two events that say the same thing
    differently the one with the smaller id stands (an older UUID version 7).
    """
    match payload:
        case HelpRaised():
            call = _raise(replace(call, presses=call.presses + 1), payload, event_id, event)
        case HelpPressedAgain():
            call = replace(call, presses=call.presses + 1)
        case HelpAcknowledged():
            call = _rise(call, "acknowledged")
        case HelpAttending():
            call = _rise(call, "attending")
        case HelpEscalated():
            call = replace(call, escalated=True)
        case HelpBreached():
            call = replace(call, breached=True)
        case HelpClosed():
            call = _rise(call, "closed")
            if not call.closed_id or event_id < call.closed_id:
                call = replace(call, closed_id=event_id, closed_reason=payload.reason)
    return call


def _raise(call: HelpCall, payload: HelpRaised, event_id: str, event: dict[str, Any]) -> HelpCall:
    if call.raised_id and call.raised_id < event_id:
        return call
    time = event.get("time")
    return replace(
        call,
        origin=payload.origin,
        raised_id=event_id,
        raised_time=time if isinstance(time, str) and _INSTANT.fullmatch(time) else "",
        clock_unsure=event.get("clock") == "unsure",
    )


def _rise(call: HelpCall, state: State) -> HelpCall:
    return replace(call, state=state) if _RANK[state] > _RANK[call.state] else call


def project_help(
    connection: Connection,
    station: str,
    payload: HelpEvent,
    event_id: str,
    event: dict[str, Any],
    *,
    received_ms: int,
    committed_ms: int,
    zone: tzinfo = CITY,
) -> None:
    """Fold one help event into the call's row; but for `changed_ms` the times are those of the first event.

    What it counts for is counted for its day in `zone`.
    """
    row = _CALL.one(connection, {"of": station, "id_": payload.call})
    if row is None:
        call = _folded(HelpCall(), payload, event_id, event)
        values = _values(call)
        times = {"received_ms": received_ms, "committed_ms": committed_ms, "changed_ms": received_ms}
        _NEW.run(connection, {"station": station, "call": payload.call} | values | times)
        count(connection, station, counted.of_call(call.figure, zone).items())
        return
    before = HelpCall(**row._asdict() | {"figure": msgspec.json.decode(row.figure, type=CallFigure)})
    after = _folded(before, payload, event_id, event)
    if after != before:
        changes = {f"to_{name}": value for name, value in _values(after).items()} | {"to_changed_ms": received_ms}
        _CHANGE.run(connection, {"of": station, "id_": payload.call} | changes)
        moved = counted.change(counted.of_call(before.figure, zone), counted.of_call(after.figure, zone))
        count(connection, station, moved)


def _folded(call: HelpCall, payload: HelpEvent, event_id: str, event: dict[str, Any]) -> HelpCall:
    figure = counted.fold_call(call.figure, payload, event_id, event)
    return replace(fold(call, payload, event_id, event), figure=figure)


def _values(call: HelpCall) -> dict[str, Any]:
    values = {name: getattr(call, name) for name in _FIELDS}
    return values | {"figure": msgspec.json.encode(call.figure).decode()}
