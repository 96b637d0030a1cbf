"""Who is on duty: a rota as data, and which one team it puts on duty at an instant. Pure.

A pattern of shifts and rest, one sign a day, is gone through by each team from its own offset; exceptions give a shift
to another team, or let two teams change places. Days are local days of the station's time zone. A rota is good only
with no `faults`: then exactly one team is on duty at every instant.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

Sign: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=1)]
"""One character, as it stands in the pattern."""

TeamName: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=8)]
Label: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=24)]
TimeOfDay: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")]
RotaDay: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]

MOST_DAYS: Final = 84
"""Longest pattern, in days: twelve weeks."""

MOST_SHIFTS: Final = 6
MOST_TEAMS: Final = 12
MOST_EXCEPTIONS: Final = 150
"""As many as surely go into one event line of the link (32 KiB)."""

LONGEST_EXCEPTION: Final = 92
"""Most days of one exception: what lasts longer is another rota."""

_MOST_TOLD: Final = 12
_DAY: Final = timedelta(days=1)


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A shift: its sign in the pattern, what people call it, and the local time at which it begins."""

    sign: Sign
    zh: Label
    en: Label
    starts: TimeOfDay


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """A team; on the anchor's day it stands `offset` days into the pattern."""

    name: TeamName
    offset: Annotated[int, msgspec.Meta(ge=0)]


class RotaException(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is different from day `first` to day `last`, both included.

    Either `team` has what is said in `shift` (all shifts, when that is absent), or the two teams of `swap` change
    places. A day is that on which the shift's day begins, also for one that begins after midnight.
    """

    first: RotaDay
    last: RotaDay
    shift: Sign | None = None
    team: TeamName | None = None
    swap: tuple[TeamName, ...] = ()


class Rota(msgspec.Struct, frozen=True, kw_only=True):
    """A rota. `shifts` stand in the order of a day, each beginning where the one before ends; `rest` is no shift.

    The last shift ends with the next day's first. One that begins earlier by the clock than the one before it begins
    after midnight, and belongs to the day before.
    """

    pattern: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_DAYS)]
    rest: Sign
    anchor: RotaDay
    shifts: Annotated[tuple[Shift, ...], msgspec.Meta(min_length=1, max_length=MOST_SHIFTS)]
    teams: Annotated[tuple[Team, ...], msgspec.Meta(min_length=1, max_length=MOST_TEAMS)]
    exceptions: Annotated[tuple[RotaException, ...], msgspec.Meta(max_length=MOST_EXCEPTIONS)] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a rota cannot be used: the key, what was found there, what was expected."""

    key: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.key}: found {self.found}; expected {self.expected}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One shift of one day: who has it, and from when to when (milliseconds since 1970; the end is the next one's)."""

    team: str
    shift: Shift
    day: date
    begins_ms: int
    ends_ms: int


def turn_at(rota: Rota, now_ms: int, zone: ZoneInfo) -> Turn:
    """Return the turn at an instant, of a rota without faults.

    A shift runs from its start to that of the next one in the zone, be the day of 23, 24 or 25 hours. A start that the
    clocks skip or show twice is taken as before the change (PEP 495, `fold=0`); should that put a shift's start behind
    the next one's, it has no time at all that day.
    """
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    starts = [(_start_ms(rota, day, place, zone), day, place) for day, place in _around(rota, today)]
    # The last one that has begun, in the order of shifts and not of instants: there is always exactly one.
    found = max(place for place, (start, *_) in enumerate(starts) if start <= now_ms)
    begins_ms, day, place = starts[found]
    team = _team_of(rota, day, rota.shifts[place])
    ends_ms = min(start for start, *_ in starts[found + 1 :])
    return Turn(team=team, shift=rota.shifts[place], day=day, begins_ms=begins_ms, ends_ms=ends_ms)


def faults(rota: Rota) -> tuple[Fault, ...]:
    """Return everything that is wrong with a rota: each shift needs exactly one team on each day of the whole cycle."""
    found = [*_shape(rota)]
    if not found:
        found += _uncovered(rota)
    if not found:
        found += _contradictions(rota)
    return tuple(found)


# -- looking up --------------------------------------------------------------------------------------------------------


def _around(rota: Rota, today: date) -> Iterator[tuple[date, int]]:
    """Yield the shifts of the days that can matter at an instant of `today`, in their order."""
    for days in range(-2, 3):
        for place in range(len(rota.shifts)):
            yield today + days * _DAY, place


def _start_ms(rota: Rota, day: date, place: int, zone: ZoneInfo) -> int:
    at = time.fromisoformat(rota.shifts[place].starts)
    local = datetime.combine(day + _after_midnight(rota.shifts, place) * _DAY, at, zone)
    return int(local.astimezone(UTC).timestamp()) * 1000


def _after_midnight(shifts: tuple[Shift, ...], place: int) -> int:
    """Return how many midnights lie between the day's first shift and the start of that one."""
    return sum(shifts[index].starts <= shifts[index - 1].starts for index in range(1, place + 1))


def _team_of(rota: Rota, day: date, shift: Shift) -> str:
    for exception in rota.exceptions:
        for claimed, team in _claims(rota, exception, day):
            if claimed == shift.sign:
                return team
    return _by_pattern(rota, day, shift.sign)[0]


def _by_pattern(rota: Rota, day: date, sign: str) -> list[str]:
    since = (day - date.fromisoformat(rota.anchor)).days
    return [team.name for team in rota.teams if rota.pattern[(since + team.offset) % len(rota.pattern)] == sign]


def _claims(rota: Rota, exception: RotaException, day: date) -> Iterator[tuple[str, str]]:
    """Yield what an exception says of a day: the sign of a shift, and the team that has it."""
    if not exception.first <= day.isoformat() <= exception.last:
        return
    for shift in rota.shifts:
        if exception.team is not None:
            if exception.shift in (None, shift.sign):
                yield shift.sign, exception.team
        elif (team := _by_pattern(rota, day, shift.sign)[0]) in exception.swap:
            one, other = exception.swap
            yield shift.sign, other if team == one else one


# -- checking ----------------------------------------------------------------------------------------------------------


def _shape(rota: Rota) -> Iterator[Fault]:
    """Yield what is wrong with single fields, and with names that stand for nothing."""
    signs = [shift.sign for shift in rota.shifts]
    yield from _twice("shift", "sign", [*signs, rota.rest])
    yield from _twice("team", "name", [team.name for team in rota.teams])
    yield from _starts(rota.shifts)
    known = "one of " + ", ".join([*signs, rota.rest])
    for place, sign in enumerate(rota.pattern):
        if sign not in (*signs, rota.rest):
            yield Fault("pattern", f'"{sign}" as its sign {place + 1}', known)
    if not _is_day(rota.anchor):
        yield Fault("anchor", f'"{rota.anchor}"', "a day, such as 2026-01-01")
    for place, team in enumerate(rota.teams):
        if team.offset >= len(rota.pattern):
            yield Fault(f"team[{place}].offset", str(team.offset), f"0 to {len(rota.pattern) - 1}, days of the pattern")
    for place, exception in enumerate(rota.exceptions):
        yield from _exception(rota, f"exception[{place}]", exception)


def _twice(table: str, name: str, values: list[str]) -> Iterator[Fault]:
    for place, value in enumerate(values):
        if value in values[:place]:
            key = "rest" if table == "shift" and place == len(values) - 1 else f"{table}[{place}].{name}"
            yield Fault(key, f'"{value}" again', "another one than the others")


def _starts(shifts: tuple[Shift, ...]) -> Iterator[Fault]:
    midnights = _after_midnight(shifts, len(shifts) - 1)
    if midnights > 1 or (midnights == 1 and shifts[-1].starts >= shifts[0].starts):
        yield Fault(
            "shift",
            "starts " + ", ".join(shift.starts for shift in shifts),
            "them in the order of one day, the last before the first comes round again",
        )


def _exception(rota: Rota, key: str, exception: RotaException) -> Iterator[Fault]:
    yield from _exception_days(key, exception)
    if (exception.team is None) == (not exception.swap):
        yield Fault(key, "both or neither", "either team, or swap")
    signs, teams = [shift.sign for shift in rota.shifts], [team.name for team in rota.teams]
    if exception.team is not None and exception.team not in teams:
        yield Fault(f"{key}.team", f'"{exception.team}"', "one of " + ", ".join(teams))
    if exception.shift is not None and (exception.swap or exception.shift not in signs):
        expected = "none beside swap, which is for whole days" if exception.swap else "one of " + ", ".join(signs)
        yield Fault(f"{key}.shift", f'"{exception.shift}"', expected)
    if exception.swap and not (len(exception.swap) == len({*exception.swap} & {*teams}) == 2):  # noqa: PLR2004 - a swap
        yield Fault(f"{key}.swap", ", ".join(exception.swap), "two different ones of " + ", ".join(teams))


def _exception_days(key: str, exception: RotaException) -> Iterator[Fault]:
    if not _is_day(exception.first) or not _is_day(exception.last):
        yield Fault(key, f"{exception.first} to {exception.last}", "days, such as 2026-01-01")
    elif not exception.first <= exception.last:
        yield Fault(f"{key}.last", exception.last, f"{exception.first} or later")
    elif (date.fromisoformat(exception.last) - date.fromisoformat(exception.first)).days >= LONGEST_EXCEPTION:
        yield Fault(f"{key}.last", exception.last, f"at most {LONGEST_EXCEPTION} days; what lasts is another rota")


def _uncovered(rota: Rota) -> Iterator[Fault]:
    """Yield the shifts of one cycle that the pattern gives to no team, or to more than one."""
    found = []
    for days in range(len(rota.pattern)):
        day = date.fromisoformat(rota.anchor) + days * _DAY
        for place, shift in enumerate(rota.shifts):
            teams = _by_pattern(rota, day, shift.sign)
            if len(teams) != 1:
                found.append(Fault("pattern", f"{_who(teams)} at {_when(rota, day, place)}", "exactly one team"))
    yield from _first_ones(found)


def _contradictions(rota: Rota) -> Iterator[Fault]:
    """Yield the shifts that exceptions give to more than one team."""
    claimed: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    signs = {shift.sign: place for place, shift in enumerate(rota.shifts)}
    for place, exception in enumerate(rota.exceptions):
        for day in _days(exception):
            for sign, team in _claims(rota, exception, day):
                claimed[day.isoformat(), signs[sign]].setdefault(team, place)
    found = []
    for (text, place), teams in sorted(claimed.items()):
        if len(teams) > 1:
            when, key = _when(rota, date.fromisoformat(text), place), f"exception[{max(teams.values())}]"
            found.append(Fault(key, f"{_who(teams)} at {when}", "exactly one team"))
    yield from _first_ones(found)


def _days(exception: RotaException) -> Iterator[date]:
    first, last = date.fromisoformat(exception.first), date.fromisoformat(exception.last)
    for days in range((last - first).days + 1):
        yield first + days * _DAY


def _who(teams: Iterable[str]) -> str:
    names = list(teams)
    return f"{len(names)} teams ({', '.join(names)})" if names else "no team"


def _when(rota: Rota, day: date, place: int) -> str:
    shift = rota.shifts[place]
    return f"{day + _after_midnight(rota.shifts, place) * _DAY} {shift.starts} ({shift.sign})"


def _first_ones(found: list[Fault]) -> Iterator[Fault]:
    """Yield the first faults and how many more there are: one wrong offset makes one for every day."""
    yield from found[:_MOST_TOLD]
    if len(found) > _MOST_TOLD:
        yield Fault(found[0].key, f"{len(found) - _MOST_TOLD} more such instants", "exactly one team")


def _is_day(text: str) -> bool:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return False
    return date(1970, 1, 1) <= day <= date(9000, 1, 1)
