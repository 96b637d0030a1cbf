"""What headquarters' page makes of the overview: what rings, which stations stand out, how many there are of each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hq.view import CallRow, Overview, StationRow, is_self_test_wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrecorded:
    """A station that rings for a call it could not record: headquarters knows of it by its health message only."""

    station: str
    age_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """The page's parts, in the order in which they are read.

    `ringing` counts what nobody at headquarters has answered. While the broker is away the last word of a station says
    nothing of the station: then only those with trouble of their own are `shown`, and `unknown` counts the rest.
    """

    ringing: int
    unrecorded: tuple[Unrecorded, ...]
    calls: tuple[CallRow, ...]
    shown: tuple[StationRow, ...]
    unknown: int
    presence: Counter[str]


def city(overview: Overview, *, wall_ms: int) -> City:
    """Return the page's parts; `wall_ms` is the wall clock, for ages."""
    unrecorded = tuple(
        Unrecorded(station=row.station, age_s=age_s(row.unrecorded_since, wall_ms=wall_ms))
        for row in overview.stations
        if row.unrecorded_since is not None
    )
    shown = overview.stations if overview.broker_connected else _with_own_trouble(overview.stations)
    return City(
        ringing=len(unrecorded) + sum(rings(call) for call in overview.calls),
        unrecorded=unrecorded,
        # Stable: within each half the overview's own order, worst first, stays.
        calls=tuple(sorted(overview.calls, key=lambda call: not rings(call))),
        shown=tuple(shown),
        unknown=len(overview.stations) - len(shown),
        presence=Counter(row.presence for row in overview.stations),
    )


def rings(call: CallRow) -> bool:
    """Tell whether a call still waits for somebody, at its desk or here."""
    return call.state == "raised" and call.answered_by is None


def age_s(instant: str | None, *, wall_ms: int) -> int | None:
    """Return the whole seconds since `instant` (RFC 3339); None when it cannot be told, or lies in the future."""
    try:
        since = datetime.fromisoformat(instant or "").timestamp()
    except ValueError:
        return None
    age = int(wall_ms / 1000 - since)
    return age if age >= 0 else None


def _with_own_trouble(stations: Sequence[StationRow]) -> tuple[StationRow, ...]:
    return tuple(row for row in stations if has_trouble(row))


def has_trouble(row: StationRow) -> bool:
    """Tell whether a station has trouble of its own, besides not being heard."""
    found = row.open_calls or row.unrecorded_since or row.missing or row.alarms or row.revoked
    return bool(found) or is_self_test_wrong(row)
