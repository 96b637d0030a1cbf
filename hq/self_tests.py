"""Self-tests of panels as headquarters knows them: the last of each panel, and what a station's come to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from common.events.calls import HelpTested
from common.events.equipment import DeviceTested
from hq import tables

_FORGOTTEN_MS: Final = 7 * 24 * 3600 * 1000

_tests = tables.self_tests
_ONE = (_tests.c.station == bindparam("of")) & (_tests.c.device == bindparam("what"))
_KNOWN = select(_tests.c.device).where(_ONE)
_NEW = insert(_tests)
_PRESSED = update(_tests).where(_ONE).values(pressed_ms=bindparam("at"))
_TESTED = (
    update(_tests)
    .where(_ONE, _tests.c.tested_ms.is_(None) | (_tests.c.tested_ms <= bindparam("at")))
    .values(tested_ms=bindparam("at"), reason=bindparam("why"), took_ms=bindparam("took"))
)
_PASSED = (
    update(_tests)
    .where(_ONE, _tests.c.passed_ms.is_(None) | (_tests.c.passed_ms < bindparam("at")))
    .values(passed_ms=bindparam("at"))
)
_ALL = select(_tests).order_by(_tests.c.station, _tests.c.device)


@dataclass(frozen=True, slots=True)
class SelfTestFacts:
    """What a station's self-tests come to: the worst of its panels.

    `age_s`: seconds since the panel that passed longest ago did; None when none ever has. `failed`: of a panel whose
    last test failed, its name and why; empty when each passed its last.
    """

    age_s: int | None = None
    failed: str = ""


def note_pressed(connection: Connection, station: str, payload: HelpTested, *, received_ms: int) -> None:
    """Keep that a self-test's press has come; the caller holds the station's lock."""
    _make(connection, station, payload.panel)
    connection.execute(_PRESSED, {"of": station, "what": payload.panel, "at": received_ms})


def note_tested(
    connection: Connection, station: str, payload: DeviceTested, event: Mapping[str, Any], *, received_ms: int
) -> None:
    """Keep how a self-test went, unless a later one is known; the caller holds the station's lock."""
    _make(connection, station, payload.device)
    key: dict[str, Any] = {"of": station, "what": payload.device, "at": happened_ms(event, received_ms)}
    connection.execute(_TESTED, key | {"why": payload.reason, "took": payload.took_ms})
    if payload.passed:
        connection.execute(_PASSED, key)


def read_self_tests(connection: Connection, now_ms: int) -> dict[str, SelfTestFacts]:
    """Return what the self-tests of each station come to at `now_ms`."""
    rows: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(_ALL):
        rows.setdefault(row.station, []).append(row)
    return {station: sum_up(of_station, now_ms) for station, of_station in rows.items()}


def sum_up(rows: Iterable[Row[Any]], now_ms: int) -> SelfTestFacts:
    """Return what the rows of one station come to.

    A panel of which nothing was said for a week while others were tested is no longer there.
    """
    tested = [row for row in rows if row.tested_ms is not None]
    newest_ms = max((row.tested_ms for row in tested), default=0)
    there = [row for row in tested if row.tested_ms > newest_ms - _FORGOTTEN_MS]
    ages = [max(0, now_ms - row.passed_ms) // 1000 for row in there if row.passed_ms is not None]
    failed = next((f"{row.device}: {row.reason}" for row in there if row.reason), "")
    return SelfTestFacts(max(ages, default=None), failed)


def _make(connection: Connection, station: str, device: str) -> None:
    if connection.execute(_KNOWN, {"of": station, "what": device}).first() is None:
        connection.execute(_NEW, {"station": station, "device": device, "reason": ""})


def happened_ms(event: Mapping[str, Any], received_ms: int) -> int:
    """Return when an event happened by its own clock, and when that is not to be trusted, when it came."""
    if event.get("clock") == "unsure":
        return received_ms
    try:
        happened_ms = round(datetime.fromisoformat(event["time"]).timestamp() * 1000)
    except (KeyError, TypeError, ValueError, OverflowError):
        return received_ms
    return min(happened_ms, received_ms)
