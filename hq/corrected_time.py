"""When something really happened, whatever the station's clock said at the time: pure, the original is always kept.

`docs/link.md`, "Time". Inside one boot CLOCK_BOOTTIME is the ruler, and wall time keeps its distance from it except
when somebody sets the clock; so one moment whose time is known tells the time of every other. The last one known is
believed: who steps a synchronised clock corrects it, and a step to a wrong time is stepped back.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from common.events.journal import ClockSet, ClockStepped
from common.events.terms import Identifier, Nanoseconds

_NS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a station wrote on one event: its boot, CLOCK_BOOTTIME (ns), wall time (ms since 1970).

    `number` is the event's own in the station's journal, None for a rescued copy, whose number says nothing of when.
    """

    number: int | None
    boot: str
    mono_ns: int
    written_ms: int
    unsure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """At `mono_ns` (CLOCK_BOOTTIME) of `boot` it was `time_ms` (since 1970)."""

    boot: str
    mono_ns: int
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A time as it was written and as it should have been, in milliseconds since 1970.

    `time_ms` is None in an unsure boot that never learned the time; then the event lies between `not_before_ms` and
    `not_after_ms`, each None where no neighbour tells.
    """

    written_ms: int
    time_ms: int | None
    not_before_ms: int | None = None
    not_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class _Began:
    """When a boot began, in milliseconds since 1970."""

    not_before_ms: int | None
    not_after_ms: int | None


class _Stamped(msgspec.Struct):
    time: str
    boot: Identifier
    mono: Nanoseconds
    clock: str = ""


def read_stamp(event: Mapping[str, Any], number: int | None) -> Stamp | None:
    """Return the stamp on a parsed event; None when it has none that can be read (not every source keeps a boot)."""
    try:
        stamped = msgspec.convert(event, _Stamped)
        return Stamp(
            number=number,
            boot=stamped.boot,
            mono_ns=int(stamped.mono),
            written_ms=_read_ms(stamped.time),
            unsure=stamped.clock == "unsure",
        )
    except ValueError:
        return None


def known_by(payload: ClockSet | ClockStepped) -> Known | None:
    """Return what a clock event tells; None for a time that is none, such as a 30th of February."""
    time = payload.time if isinstance(payload, ClockSet) else payload.after
    try:
        return Known(boot=payload.boot, mono_ns=int(payload.mono), time_ms=_read_ms(time))
    except ValueError:
        return None


def correct(stamps: Sequence[Stamp], known: Iterable[Known]) -> list[Corrected]:
    """Return each stamp's corrected time, in their order.

    `stamps` are those of one journal and of what was rescued into it, `known` what its clock events tell.
    """
    told: dict[str, Known] = {}
    for each in known:
        _keep_last(told, each)
    anchors = dict(told)
    for stamp in stamps:
        if not stamp.unsure:
            _keep_last(anchors, Known(boot=stamp.boot, mono_ns=stamp.mono_ns, time_ms=stamp.written_ms))
    times = [_time(stamp, told.get(stamp.boot), anchors.get(stamp.boot)) for stamp in stamps]
    began = _boots_began(stamps, times)
    return [
        _bounded(stamp, began[stamp.boot]) if time is None else Corrected(written_ms=stamp.written_ms, time_ms=time)
        for stamp, time in zip(stamps, times, strict=True)
    ]


def _read_ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def _keep_last(last: dict[str, Known], one: Known) -> None:
    held = last.get(one.boot)
    if held is None or one.mono_ns >= held.mono_ns:
        last[one.boot] = one


def _time(stamp: Stamp, told: Known | None, anchor: Known | None) -> int | None:
    if not stamp.unsure and (told is None or told.mono_ns <= stamp.mono_ns):
        return stamp.written_ms
    if anchor is None:
        return None
    return anchor.time_ms + (stamp.mono_ns - anchor.mono_ns) // _NS


def _boots_began(stamps: Sequence[Stamp], times: Sequence[int | None]) -> dict[str, _Began]:
    """Return when each boot without a known time began: after what was numbered before it, before what came after.

    A boot after it began when this one was over, so its own CLOCK_BOOTTIME counts too. Neighbours that contradict each
    other (a wrong clock that nobody ever set right) bound nothing.
    """
    of_boot: defaultdict[str, list[Stamp]] = defaultdict(list)
    timed: list[tuple[int, int, int]] = []
    for stamp, time in zip(stamps, times, strict=True):
        if time is None:
            of_boot[stamp.boot].append(stamp)
        elif stamp.number is not None:
            timed.append((stamp.number, time, time - stamp.mono_ns // _NS))
    timed.sort()
    began = {}
    for boot, own in of_boot.items():
        numbers = [stamp.number for stamp in own if stamp.number is not None]
        lasted_ms = max(stamp.mono_ns for stamp in own) // _NS
        before = max((time for number, time, _ in timed if numbers and number < min(numbers)), default=None)
        after = min((start for number, _, start in timed if numbers and number > max(numbers)), default=None)
        latest = None if after is None else after - lasted_ms
        agree = before is None or latest is None or before <= latest
        began[boot] = _Began(before, latest) if agree else _Began(None, None)
    return began


def _bounded(stamp: Stamp, began: _Began) -> Corrected:
    passed_ms = stamp.mono_ns // _NS
    return Corrected(
        written_ms=stamp.written_ms,
        time_ms=None,
        not_before_ms=None if began.not_before_ms is None else began.not_before_ms + passed_ms,
        not_after_ms=None if began.not_after_ms is None else began.not_after_ms + passed_ms,
    )
