"""What a call for help, a record and a step of a dispatch count for, the same at a station and at headquarters.

A call and a record count for the local day on which they began, as they stand now; a step of a dispatch for the day on
which it was taken. So what changes takes away what it counted for and adds what it counts for now, and whatever is
counted so can be counted again. Pure.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final, TypeAlias, get_args

import msgspec

from common.events.calls import (
    CloseReason,
    HelpAcknowledged,
    HelpAttending,
    HelpBreached,
    HelpClosed,
    HelpEscalated,
    HelpPressedAgain,
    HelpRaised,
)
from common.events.terms import Identifier, Instant, Nanoseconds
from common.record import Record

HelpEvent: TypeAlias = (
    HelpRaised | HelpPressedAgain | HelpAcknowledged | HelpAttending | HelpEscalated | HelpBreached | HelpClosed
)
Key: TypeAlias = tuple[str, str, str]
"""A day (`2026-11-22`), what is counted, and which of it."""
Counts: TypeAlias = dict[Key, int]

_HELP: Final = get_args(HelpEvent)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TENTH_MS: Final = 100
_LONGEST: Final = 10**8  # tenths of a second: what is longer says nothing more


class CallFigure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the events of one call say that is counted, whatever their order.

    `raised_ms`: wall time of the first press, None while its help.raised is missing; `boot`, `mono_ns`: the same on
    CLOCK_BOOTTIME. `answers`: of each boot in which somebody acknowledged, when first (ns), and after how many ms; what
    was measured in another boot than the press is no measure. `closed`: the event's id, and the reason.
    """

    raised_ms: int | None = None
    unsure: bool = False
    boot: str = ""
    mono_ns: int = 0
    again: int = 0
    answers: dict[str, tuple[int, int]] = {}
    escalated: bool = False
    breached: bool = False
    closed: tuple[str, CloseReason] | None = None


class _Stamp(msgspec.Struct):
    time: Instant
    boot: Identifier
    mono: Nanoseconds
    clock: str = ""


def fold_call(figure: CallFigure, payload: HelpEvent, event_id: str, event: Mapping[str, Any]) -> CallFigure:
    """Return the figure with one more event of its call, which was not folded in before; any order gives the same."""
    match payload:
        case HelpRaised():
            figure = _raised(figure, payload, event)
        case HelpPressedAgain():
            figure = _with(figure, again=figure.again + 1)
        case HelpAcknowledged():
            figure = _acknowledged(figure, payload, event)
        case HelpEscalated():
            figure = _with(figure, escalated=True)
        case HelpBreached():
            figure = _with(figure, breached=True)
        case HelpClosed():
            closed = (event_id, payload.reason)
            figure = _with(figure, closed=closed if figure.closed is None else min(figure.closed, closed))
        case HelpAttending():
            pass
    return figure


def is_help(payload: object) -> bool:
    """Tell whether a payload is an event of a call."""
    return isinstance(payload, _HELP)


def of_call(figure: CallFigure, zone: tzinfo, *, at_ms: int | None = None) -> Counts:
    """Return what a call counts for; `at_ms`: when it was really raised, if its clock was wrong and that is known."""
    if figure.raised_ms is None:
        return {}
    day = local_day(figure.raised_ms if at_ms is None else at_ms, zone)
    if day is None:
        return {}
    if figure.closed is not None and figure.closed[1] == "test":
        return {(day, "help", "test"): 1}
    counts = {
        ("help", "raised"): 1,
        ("help", "again"): figure.again,
        ("help", "escalated"): figure.escalated,
        ("help", "breached"): figure.breached,
        ("unsure", "help"): figure.unsure and at_ms is None,
    }
    if figure.closed is not None:
        counts["closed", figure.closed[1]] = 1
    if figure.answers:
        measured = figure.answers.get(figure.boot)
        counts[("help", "unknown") if measured is None else ("answer", _tenths(measured[1]))] = 1
    return {(day, *which): int(count) for which, count in counts.items() if count}


def of_record(record: Record, *, with_rating: bool) -> Counts:
    """Return what a record counts for; ratings are for headquarters alone."""
    opened = record.opened_day
    if opened is None:
        return {}
    day = opened.isoformat()
    counts: Counts = {(day, "record", "opened"): 1, (day, "service", record.service): 1}
    if record.clock_unsure:
        counts[day, "unsure", "record"] = 1
    if record.state == "closed":
        counts[day, "outcome", record.outcome or "done"] = 1
    else:
        counts[day, "open", record.state] = 1
    if record.result is not None and record.state == "closed":
        counts[day, "result", record.result] = 1
    if record.target is not None and record.state in ("referred", "received", "closed"):
        counts[day, "referral", record.state] = 1
    if with_rating and record.rating is not None:
        counts[day, "rating", record.rating] = 1
    return counts


def of_dispatch(step: str, event: Mapping[str, Any], zone: tzinfo) -> Counts:
    """Return what a step of a dispatch, or that it has expired, counts for."""
    day = day_of_event(event, zone)
    if day is None:
        return {}
    return {(day, "dispatch", step): 1} | ({(day, "unsure", "dispatch"): 1} if event.get("clock") == "unsure" else {})


def change(before: Counts, after: Counts) -> list[tuple[Key, int]]:
    """Return by how much each count changes."""
    keys = [*before, *(key for key in after if key not in before)]
    moved = ((key, after.get(key, 0) - before.get(key, 0)) for key in keys)
    return [(key, by) for key, by in moved if by]


def day_of_event(event: Mapping[str, Any], zone: tzinfo) -> str | None:
    """Return the local date on an event, as its clock said; None when it has none."""
    stamp = _stamp(event)
    return None if stamp is None else local_day(_ms(stamp.time), zone)


def local_day(wall_ms: int | None, zone: tzinfo) -> str | None:
    """Return the local date of a moment (ms since 1970); None of one that no calendar has."""
    if wall_ms is None:
        return None
    try:
        return (_EPOCH + timedelta(milliseconds=wall_ms)).astimezone(zone).date().isoformat()
    except (OverflowError, ValueError):
        return None


def _raised(figure: CallFigure, payload: HelpRaised, event: Mapping[str, Any]) -> CallFigure:
    stamp = _stamp(event)
    written_ms = None if stamp is None else _ms(stamp.time)
    if stamp is None or written_ms is None:
        return figure
    return _with(
        figure,
        raised_ms=written_ms - payload.age_ms,
        unsure=stamp.clock == "unsure",
        boot=stamp.boot,
        mono_ns=int(stamp.mono) - payload.age_ms * 1_000_000,
    )


def _acknowledged(figure: CallFigure, payload: HelpAcknowledged, event: Mapping[str, Any]) -> CallFigure:
    stamp = _stamp(event)
    boot, said = ("", (0, payload.after_ms)) if stamp is None else (stamp.boot, (int(stamp.mono), payload.after_ms))
    before = figure.answers.get(boot)
    return _with(figure, answers=figure.answers | {boot: said if before is None else min(before, said)})


def _with(figure: CallFigure, **changes: Any) -> CallFigure:
    return msgspec.structs.replace(figure, **changes)


def _stamp(event: Mapping[str, Any]) -> _Stamp | None:
    try:
        return msgspec.convert(dict(event), _Stamp)
    except msgspec.ValidationError:
        return None


def _ms(time: str) -> int | None:
    try:
        return (datetime.fromisoformat(time) - _EPOCH) // timedelta(milliseconds=1)
    except ValueError:  # a 30th of February
        return None


def _tenths(ms: int) -> str:
    return str(min(-(-ms // _TENTH_MS), _LONGEST))
