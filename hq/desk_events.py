"""What duty desks do beside records and calls: what of it can be acted on, and what it does to headquarters' tables."""

from datetime import tzinfo
from typing import Any, TypeAlias

from sqlalchemy import Connection, bindparam, update

from common.events.desk import DeskAttended, DeskUnattended
from common.events.equipment import AlarmReturned, AlarmShelved
from common.events.errands import DispatchExpired, DispatchStepped, NoticeRead, PatrolBegun, PatrolEnded
from common.events.lent_and_found import FoundEnded, FoundKept, LoanBegun, LoanEnded
from common.identifiers import is_identifier
from hq import books, dispatches, notices, shelved_alarms, tables
from hq.alarms import is_name
from hq.self_tests import happened_ms

DeskEvent: TypeAlias = (
    DispatchStepped
    | DispatchExpired
    | DeskUnattended
    | DeskAttended
    | NoticeRead
    | PatrolBegun
    | PatrolEnded
    | LoanBegun
    | LoanEnded
    | FoundKept
    | FoundEnded
    | AlarmShelved
    | AlarmReturned
)

_stations = tables.stations
_ATTENDED = update(_stations).where(_stations.c.station == bindparam("of")).values(unattended_ms=bindparam("since"))


def is_usable(payload: DeskEvent) -> bool:
    """Tell whether its ids and names are such as can be kept and shown."""
    names: tuple[str | None, ...] = ()
    match payload:
        case DeskUnattended() | DeskAttended():
            return True
        case DispatchStepped() | DispatchExpired():
            key = payload.dispatch
        case NoticeRead():
            key, names = payload.notice, (payload.staff,)
        case PatrolBegun() | PatrolEnded():
            key, names = payload.patrol, (payload.where,) if isinstance(payload, PatrolBegun) else ()
        case LoanBegun():
            key, names = payload.loan, (payload.thing, payload.number)
        case FoundKept():
            key, names = payload.found, (payload.category, payload.shelf, payload.where)
        case LoanEnded():
            key = payload.loan
        case FoundEnded():
            key = payload.found
        case AlarmShelved() | AlarmReturned():
            key = payload.shelf
    return is_identifier(key) and all(is_name(name or "") for name in names)


def project(
    connection: Connection,
    station: str,
    payload: DeskEvent,
    event: dict[str, Any],
    *,
    received_ms: int,
    zone: tzinfo,
) -> None:
    """Act on it; the caller holds the station's lock, and hands in each event once. Figures count by days of `zone`."""
    match payload:
        case DispatchStepped() | DispatchExpired():
            dispatches.note(connection, station, payload, event, received_ms=received_ms, zone=zone)
        case NoticeRead():
            notices.note(connection, station, payload, event, received_ms=received_ms)
        case DeskUnattended():
            since_ms = happened_ms(event, received_ms) - payload.age_ms
            connection.execute(_ATTENDED, {"of": station, "since": since_ms})
        case DeskAttended():
            connection.execute(_ATTENDED, {"of": station, "since": None})
        case AlarmShelved() | AlarmReturned():
            shelved_alarms.note(connection, station, payload, event, received_ms=received_ms)
        case _:
            books.note(connection, station, payload, event, received_ms=received_ms)
