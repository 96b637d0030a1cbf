"""The city at one moment, worst first, read from the projections."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, and_, bindparam, select

from hq import tables
from hq.journals import ranges_of
from hq.metrics import StationFacts
from hq.presence import Presence, presence
from hq.self_tests import SelfTestFacts, read_self_tests
from hq.view import CallRow, Overview, StationRow, is_self_test_wrong
from sync.ranges import Ranges

ALARM_SHOWN_MS: Final = 24 * 3600 * 1000
"""An alarm is shown for a day after it last came; its row stays."""

_stations, _journals, _calls, _alarms = tables.stations, tables.journals, tables.help_calls, tables.alarms
_CITY = select(_stations, _journals.c.held, _journals.c.gone).select_from(
    _stations.outerjoin(
        _journals, and_(_journals.c.station == _stations.c.station, _journals.c.journal == _stations.c.journal)
    )
)
_OPEN = select(_calls).where(_calls.c.state.in_(("raised", "acknowledged", "attending")))
_LATELY = select(_alarms.c.station, _alarms.c.kind).where(_alarms.c.at > bindparam("since")).order_by(_alarms.c.kind)

_WORST: Final[tuple[Presence, ...]] = ("silent", "offline", "never", "online")


def read_overview(connection: Connection, now_ms: int, *, version: int, broker_connected: bool) -> Overview:
    """Read stations, open calls and recent alarms."""
    city = connection.execute(_CITY).all()
    unattended = {row.station for row in city if row.unattended_ms is not None}
    calls = [_call(row, now_ms, unattended=row.station in unattended) for row in connection.execute(_OPEN)]
    calls_of = Counter(call.station for call in calls)
    waiting_of = Counter(call.station for call in calls if _unanswered(call))
    alarms = _alarms_of(connection, now_ms)
    tests = read_self_tests(connection, now_ms)
    stations = [
        _station(
            row,
            now_ms,
            open_calls=calls_of[row.station],
            alarms=tuple(alarms.get(row.station, ())),
            tests=tests.get(row.station, SelfTestFacts()),
        )
        for row in city
    ]
    stations.sort(key=lambda row: _severity(row, waiting_of[row.station]))
    calls.sort(key=lambda call: (not _unanswered(call), not call.breached, not call.escalated, -call.age_s, call.id))
    return Overview(version=version, stations=tuple(stations), calls=tuple(calls), broker_connected=broker_connected)


def read_facts(connection: Connection, now_ms: int) -> list[StationFacts]:
    """Read what is measured of each station."""
    calls_of = Counter(row.station for row in connection.execute(_OPEN))
    tests = read_self_tests(connection, now_ms)
    facts = []
    for row in connection.execute(_CITY):
        health: dict[str, Any] = msgspec.json.decode(row.health) if row.health else {}
        facts.append(
            StationFacts(
                station=row.station,
                presence=_presence(row, now_ms),
                seen_s=_seen_s(row, now_ms),
                gaps=_missing(row),
                open_calls=calls_of[row.station],
                health=health,
                self_test_age_s=tests.get(row.station, SelfTestFacts()).age_s,
            )
        )
    return facts


def _severity(row: StationRow, waiting: int) -> tuple[object, ...]:
    return (
        row.unrecorded_since is None,
        -waiting,
        -row.open_calls,
        _WORST.index(row.presence),
        -len(row.alarms),
        -row.missing,
        not is_self_test_wrong(row),
        row.unattended_s is None,
        row.station,
    )


def _unanswered(call: CallRow) -> bool:
    return call.state == "raised" and call.answered_by is None


def _station(row: Row[Any], now_ms: int, *, open_calls: int, alarms: Sequence[str], tests: SelfTestFacts) -> StationRow:
    return StationRow(
        station=row.station,
        presence=_presence(row, now_ms),
        seen_s=_seen_s(row, now_ms),
        open_calls=open_calls,
        held=_size(ranges_of(row.held)) if row.held else 0,
        missing=_missing(row),
        unrecorded_since=row.unrecorded_since,
        alarms=tuple(alarms),
        revoked=row.revoked_ms is not None,
        self_test_age_s=tests.age_s,
        self_test_failed=tests.failed,
        unattended_s=None if row.unattended_ms is None else max(0, now_ms - row.unattended_ms) // 1000,
    )


def _presence(row: Row[Any], now_ms: int) -> Presence:
    return presence(
        now_ms,
        born=row.session is not None,
        seen_ms=row.seen_ms,
        farewell_ms=row.farewell_ms,
        hint_ms=row.health_ms,
    )


def _seen_s(row: Row[Any], now_ms: int) -> int | None:
    return None if row.session is None else max(0, now_ms - row.seen_ms) // 1000


def _missing(row: Row[Any]) -> int:
    """Count the numbers below the highest held one that are neither held nor gone."""
    if not row.held:
        return 0
    held, gone = ranges_of(row.held), ranges_of(row.gone)
    highest = held[-1][1] if held else 0
    return highest - _size(held) - sum(max(0, min(last, highest) - first + 1) for first, last in gone)


def _size(ranges: Ranges) -> int:
    return sum(last - first + 1 for first, last in ranges)


def _call(row: Row[Any], now_ms: int, *, unattended: bool) -> CallRow:
    return CallRow(
        station=row.station,
        id=row.call,
        state=row.state,
        origin=row.origin,
        raised_time=row.raised_time,
        clock_unsure=row.clock_unsure,
        age_s=max(0, now_ms - row.received_ms) // 1000,
        presses=row.presses,
        escalated=row.escalated,
        breached=row.breached,
        answered_by=row.answered_by,
        unattended=unattended,
    )


def _alarms_of(connection: Connection, now_ms: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for station, kind in connection.execute(_LATELY, {"since": now_ms - ALARM_SHOWN_MS}):
        found.setdefault(station, []).append(kind)
    return found
