"""The figures of a day and its month, of all stations or one, as headquarters' page and command show them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, tzinfo
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select, true

from common import counted, figures
from common.counted import CallFigure, Key
from common.events.records import Rating
from common.figures import Figures
from hq import tables
from hq.database import Database
from hq.late_times import raised_ms

LEAST_RATED: Final = 5
"""Of fewer ratings nothing is said: the officer would know whose they are."""

_figures, _calls = tables.figures, tables.help_calls
_UNSURE = select(_calls.c.station, _calls.c.figure).where(_calls.c.clock_unsure)

_Move = tuple[str, Key, int]


class StationFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A station's month: calls for help, of `of` measured and unanswered ones how many were answered how soon."""

    station: str
    help: int
    of: int
    within_15_s: int
    within_20_s: int
    unanswered: int
    unknown: int
    records: int


class Rated(msgspec.Struct, frozen=True, kw_only=True):
    """Ratings of a station's month, LEAST_RATED at least, or of all such stations: `rated` of `of` closed as done."""

    station: str
    rated: int
    of: int
    levels: dict[Rating, int]


class CityFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a day and of its month; `by_day`: calls for help of each day, `stations`: most calls first.

    `corrected`: calls that count for another day here than at their station, whose clock was wrong. `ratings`: None
    while the month is not over; `rated_too_few`: how many stations had some, but fewer than LEAST_RATED.
    """

    day: str
    month: str
    of_day: Figures
    of_month: Figures
    by_day: dict[str, int]
    stations: tuple[StationFigures, ...]
    corrected: int
    ratings: tuple[Rated, ...] | None
    rated_in_all: Rated | None
    rated_too_few: int


def read(database: Database, day: date, *, today: date, zone: tzinfo, station: str | None = None) -> CityFigures:
    """Return the figures of a day and its month; `zone` is the city's, `today` its local date."""
    days = list(figures.days_of(day))
    of = true() if station is None else _figures.c.station == station
    with database.snapshot() as connection:
        moves = list(_corrected(connection, zone, station))
        that_day = _counted(connection, of, day.isoformat(), day.isoformat())
        month = _counted(connection, of, days[0], days[-1])
        by_day = dict(_helped(connection, of, days[0], days[-1]))
    for where, (on, what, which), by in moves:
        if on == day.isoformat():
            that_day[where, what, which] += by
        if days[0] <= on <= days[-1]:
            month[where, what, which] += by
            if (what, which) == ("help", "raised"):
                by_day[on] = by_day.get(on, 0) + by
    over = days[-1] < today.isoformat()
    ratings, too_few = _ratings(month) if over else ((), 0)
    return CityFigures(
        day=day.isoformat(),
        month=days[0][:7],
        of_day=_sum(that_day),
        of_month=_sum(month),
        by_day={each: by_day.get(each, 0) for each in days},
        stations=_stations(month),
        corrected=sum(by for _, (_, what, which), by in moves if (what, which, by) == ("help", "raised", 1)),
        ratings=ratings if over else None,
        rated_in_all=_all_rated(ratings),
        rated_too_few=too_few,
    )


_Found = Counter[tuple[str, str, str]]


def _counted(connection: Connection, of: ColumnElement[bool], first: str, last: str) -> _Found:
    summed = func.sum(_figures.c.count)
    columns = (_figures.c.station, _figures.c.what, _figures.c.which)
    rows = select(*columns, summed).where(of, _figures.c.day.between(first, last)).group_by(*columns)
    return Counter({(station, what, which): int(count) for station, what, which, count in connection.execute(rows)})


def _helped(connection: Connection, of: ColumnElement[bool], first: str, last: str) -> Iterator[tuple[str, int]]:
    rows = (
        select(_figures.c.day, func.sum(_figures.c.count))
        .where(of, _figures.c.day.between(first, last), _figures.c.what == "help", _figures.c.which == "raised")
        .group_by(_figures.c.day)
    )
    for day, count in connection.execute(rows):
        yield day, int(count)


def _corrected(connection: Connection, zone: tzinfo, station: str | None) -> Iterator[_Move]:
    """Yield what moves from the day a station wrote to the day it really was, of calls that are kept."""
    unsure: defaultdict[str, list[CallFigure]] = defaultdict(list)
    wanted = _UNSURE if station is None else _UNSURE.where(_calls.c.station == station)
    for where, figure in connection.execute(wanted):
        unsure[where].append(msgspec.json.decode(figure, type=CallFigure))
    for where, calls in unsure.items():
        for call, at_ms in zip(calls, raised_ms(connection, where, calls), strict=True):
            if at_ms is not None:
                for key, by in counted.change(counted.of_call(call, zone), counted.of_call(call, zone, at_ms=at_ms)):
                    yield where, key, by


def _sum(found: _Found) -> Figures:
    return figures.add_up((what, which, count) for (_, what, which), count in found.items())


def _of_each(found: _Found) -> dict[str, list[tuple[str, str, int]]]:
    of_each: defaultdict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for (station, what, which), count in found.items():
        of_each[station].append((what, which, count))
    return of_each


def _stations(month: _Found) -> tuple[StationFigures, ...]:
    rows = []
    for station, its_own in _of_each(month).items():
        found = figures.add_up(its_own)
        answering = found.answering
        rows.append(
            StationFigures(
                station=station,
                help=found.help,
                of=answering.of,
                within_15_s=answering.within_15_s,
                within_20_s=answering.within_20_s,
                unanswered=answering.unanswered,
                unknown=answering.unknown,
                records=found.records,
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.help, -row.records, row.station)))


def _ratings(month: _Found) -> tuple[tuple[Rated, ...], int]:
    """Return the ratings of each station that has enough of them, and how many have some, but too few."""
    shown, too_few = [], 0
    for station, its_own in sorted(_of_each(month).items()):
        levels = figures.ratings(its_own)
        rated = sum(levels.values())
        if rated >= LEAST_RATED:
            done = figures.add_up(its_own).outcomes.get("done", 0)
            shown.append(Rated(station=station, rated=rated, of=done, levels=levels))
        elif rated:
            too_few += 1
    return tuple(shown), too_few


def _all_rated(ratings: Iterable[Rated]) -> Rated | None:
    """Return what the shown ones come to, and no others: a difference would tell what is not shown."""
    rows: list[Any] = list(ratings)
    if not rows:
        return None
    levels = {level: sum(row.levels[level] for row in rows) for level in rows[0].levels}
    return Rated(station="", rated=sum(row.rated for row in rows), of=sum(row.of for row in rows), levels=levels)
