"""What `jingting hq figures` prints."""

import sys
from contextlib import closing
from datetime import date
from typing import Literal

import msgspec

from common.clock import Clock
from common.figures import Answering
from hq.city_figures import LEAST_RATED, CityFigures, read
from hq.cli import NO_STORE, fail, first_line
from hq.settings import HqSettings
from hq.store import Store


def print_figures(settings: HqSettings, day: date | None, station: str | None, *, as_json: bool) -> int:
    """Print the figures of a day, today's for None, and its month, and return the exit code."""
    calendar = settings.calendar.calendar
    today = calendar.day(Clock().wall_ms())
    try:
        with closing(Store.open(settings.store.url)) as store:
            if station is not None and not store.has_heard_of(station):
                return fail(f"{station} is no station that headquarters knows; look at the id again")
            found = read(store.database, day or today, today=today, zone=calendar.zone, station=station)
    except NO_STORE as error:
        return fail(first_line(error))
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n" if as_json else in_words(found))
    return 0


def in_words(found: CityFigures) -> str:
    """Return the most important figures as a few lines for a person."""
    both = (found.of_day, found.of_month)
    rows: tuple[tuple[str, list[object]], ...] = (
        ("calls for help", [one.help for one in both]),
        ("  pressed again while open", [one.pressed_again for one in both]),
        ("  answered within 15 s (90 % asked)", [_share(one.answering, "within_15_s") for one in both]),
        ("  answered within 20 s (95 % asked)", [_share(one.answering, "within_20_s") for one in both]),
        ("  half were answered within", [_s(one.answering.p50_s) for one in both]),
        ("  nine of ten were answered within", [_s(one.answering.p90_s) for one in both]),
        ("  not answered", [one.answering.unanswered for one in both]),
        ("  answered, not known how soon", [one.answering.unknown for one in both]),
        ("records", [one.records for one in both]),
        ("  of them referred", [sum(one.referrals.values()) for one in both]),
        ("dispatches received", [one.dispatches.get("receive", 0) for one in both]),
        ("of an unsure clock", [one.unsure for one in both]),
    )
    lines = [f"{'':<36} {found.day:>18} {found.month:>18}"]
    lines += [f"{words:<36} {of_day!s:>18} {of_month!s:>18}" for words, (of_day, of_month) in rows]
    if found.ratings is None:
        lines.append("Ratings are told once the month is over.")
    else:
        lines += [f"{one.station}: {one.rated} ratings of {one.of} records closed as done" for one in found.ratings]
        if found.rated_too_few:
            lines.append(
                f"{found.rated_too_few} more stations have fewer than {LEAST_RATED} ratings, and are left out."
            )
    return "\n".join(lines) + "\n"


def _share(answering: Answering, which: Literal["within_15_s", "within_20_s"]) -> str:
    part: int = getattr(answering, which)
    return f"{part}/{answering.of} {100 * part / answering.of:.1f} %" if answering.of else "-"


def _s(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"
