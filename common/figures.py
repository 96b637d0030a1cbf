"""Figures of days, added up of what is counted (`common.counted`): with denominators, and what is not known. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final

import msgspec

from common.events.calls import CLOSE_REASONS
from common.events.records import RATINGS, Rating

ANCHORS: Final = ((15, 90), (20, 95))
"""Of calls, within so many seconds so many percent are to be answered (NENA-STA-020.1-2020, 2.2.1)."""

_FEWEST: Final = 28  # days that every month has


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """How soon calls were acknowledged, in seconds, rounded up to a tenth.

    `measured` of the `calls`, no tests among them; `unanswered` by anybody; of the rest nobody knows how long it took,
    since the station was started anew between. `of`: those the shares are of: measured and unanswered ones.
    `p50_s`, `p90_s`: so soon half, nine of ten of the measured ones at least were (nearest rank); None of none.
    """

    calls: int
    measured: int
    unanswered: int
    unknown: int
    of: int
    p50_s: float | None
    p90_s: float | None
    within_15_s: int
    within_20_s: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of some days. Each table says how often, by code; what never was is not in it.

    `pressed_again`: presses while a call was open; `unsure`: how many calls, records and steps of dispatches are of a
    clock that was not to be trusted, so that their day may be another one.
    """

    help: int
    pressed_again: int
    tests: int
    escalated: int
    breached: int
    answering: Answering
    closed: dict[str, int]
    records: int
    open: dict[str, int]
    outcomes: dict[str, int]
    services: dict[str, int]
    results: dict[str, int]
    referrals: dict[str, int]
    dispatches: dict[str, int]
    unsure: int


def add_up(counted: Iterable[tuple[str, str, int]]) -> Figures:
    """Return the figures of some days, of (what, which, how often); other things counted are left out."""
    tables: dict[str, Counter[str]] = {}
    for what, which, count in counted:
        tables.setdefault(what, Counter())[which] += count

    def table(what: str) -> dict[str, int]:
        found = sorted(tables.get(what, Counter()).items(), key=lambda item: (-item[1], item[0]))
        return {which: count for which, count in found if count}

    helped = tables.get("help", Counter())
    return Figures(
        help=helped["raised"],
        pressed_again=helped["again"],
        tests=helped["test"],
        escalated=helped["escalated"],
        breached=helped["breached"],
        answering=_answering(helped, tables.get("answer", Counter())),
        closed={reason: count for reason in CLOSE_REASONS if (count := tables.get("closed", Counter())[reason])},
        records=tables.get("record", Counter())["opened"],
        open=table("open"),
        outcomes=table("outcome"),
        services=table("service"),
        results=table("result"),
        referrals=table("referral"),
        dispatches=table("dispatch"),
        unsure=sum(tables.get("unsure", Counter()).values()),
    )


def ratings(counted: Iterable[tuple[str, str, int]]) -> dict[Rating, int]:
    """Return how often each of the five levels was tapped, of (what, which, how often)."""
    found = Counter[str]()
    for what, which, count in counted:
        if what == "rating":
            found[which] += count
    return {level: found[level] for level in RATINGS}


def days_of(month: date) -> Iterator[str]:
    """Yield the days (`2026-11-22`) of the month in which a day is."""
    # Without `calendar`, which a kiosk needs for nothing else; the last month of all has no day after it.
    yield from (month.replace(day=day).isoformat() for day in range(1, _FEWEST + 1))
    day = month.replace(day=_FEWEST)
    while day < date.max and (day := day + timedelta(days=1)).month == month.month:
        yield day.isoformat()


def _answering(helped: Counter[str], answers: Counter[str]) -> Answering:
    tenths = sorted((int(which), count) for which, count in answers.items() if count > 0)
    measured = sum(count for _, count in tenths)
    unknown = helped["unknown"]
    unanswered = max(0, helped["raised"] - measured - unknown)
    within = {s: sum(count for tenth, count in tenths if tenth <= s * 10) for s, _ in ANCHORS}
    return Answering(
        calls=helped["raised"],
        measured=measured,
        unanswered=unanswered,
        unknown=unknown,
        of=measured + unanswered,
        p50_s=_percentile(tenths, measured, 50),
        p90_s=_percentile(tenths, measured, 90),
        within_15_s=within[15],
        within_20_s=within[20],
    )


def _percentile(tenths: list[tuple[int, int]], measured: int, percent: int) -> float | None:
    rank, below = -(-measured * percent // 100), 0
    for tenth, count in tenths:
        below += count
        if below >= rank:
            return tenth / 10
    return None
