"""Times corrected afterwards: a model of stations whose clocks lie, and what headquarters makes of their journals."""

import itertools
import uuid
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from common.clock import rfc3339
from common.events.journal import ClockSet, ClockStepped
from hq.corrected_time import Corrected, Known, Stamp, correct, known_by, read_stamp

MS = 1_000_000
BOOT = "6a1d0d0e-6f6c-4a8e-9a58-2f6f3a3f0a01"


@dataclass
class Told:
    """A journal, the clock events in it, and when each event truly happened."""

    stamps: list[Stamp] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)
    true_ms: list[int] = field(default_factory=list)


ERRORS = st.integers(-(10**9), 10**9).filter(lambda ms: abs(ms) > 2_000)
RUNNING = st.tuples(st.just("run"), st.integers(1, 10**8))
UNSURE = st.lists(st.one_of(RUNNING, st.just(("event", 0)), st.tuples(st.just("lie"), ERRORS)), max_size=5)
SURE = st.lists(st.one_of(RUNNING, st.just(("event", 0)), st.tuples(st.just("step"), ERRORS)), max_size=5)


@st.composite
def boots(draw, *, ends_right):
    """One boot: unsure at first perhaps, then synchronised perhaps; stepped to a wrong time it is stepped back."""
    actions = [*draw(UNSURE), ("event", 0)]
    if ends_right:
        actions += [("sync", 0), ("event", 0), *draw(SURE), ("run", 1), ("step", 0), ("event", 0)]
    return draw(st.integers(0, 10**9)), draw(st.booleans()) and ends_right, draw(ERRORS), actions


def play(*played) -> Told:
    told, true_ms, numbers = Told(), 1_700_000_000_000, itertools.count(1)
    for count, (off_ms, begins_sure, first_error, actions) in enumerate(played):
        true_ms += off_ms + 1
        start_ms, boot = true_ms, str(uuid.UUID(int=count))
        sure = was_sure = begins_sure
        error, written_error = 0 if sure else first_error, None
        for action, value in actions:
            match action:
                case "run":
                    true_ms += value
                case "lie" | "step":
                    error = value
                case "sync":
                    sure, error = True, 0
                case "event":
                    true_ms += 1
                    mono_ns = (true_ms - start_ms) * MS
                    stepped = written_error is not None and was_sure and abs(error - written_error) > 2_000
                    if sure and (not was_sure or stepped):
                        told.known.append(Known(boot=boot, mono_ns=mono_ns, time_ms=true_ms + error))
                    written_error, was_sure = error, sure
                    told.true_ms.append(true_ms)
                    told.stamps.append(
                        Stamp(
                            number=next(numbers),
                            boot=boot,
                            mono_ns=mono_ns,
                            written_ms=true_ms + error,
                            unsure=not sure,
                        )
                    )
    return told


@given(st.lists(boots(ends_right=True), max_size=3))
def test_every_event_of_a_boot_that_learned_the_time_gets_the_true_one(played):
    told = play(*played)
    corrected = correct(told.stamps, told.known)
    assert [each.time_ms for each in corrected] == told.true_ms
    assert [each.written_ms for each in corrected] == [stamp.written_ms for stamp in told.stamps]


@given(
    st.lists(boots(ends_right=True), max_size=2), boots(ends_right=False), st.lists(boots(ends_right=True), max_size=2)
)
def test_a_boot_that_never_learned_the_time_lies_between_its_neighbours(before, unsure, after):
    told = play(*before, unsure, *after)
    for each, true_ms, stamp in zip(correct(told.stamps, told.known), told.true_ms, told.stamps, strict=True):
        if each.time_ms is None:
            assert stamp.unsure
            assert (each.not_before_ms is None) == (not before)
            assert (each.not_after_ms is None) == (not after)
            assert (each.not_before_ms or 0) <= true_ms
            assert each.not_after_ms is None or true_ms <= each.not_after_ms
        else:
            assert each.time_ms == true_ms


@given(st.lists(boots(ends_right=False), min_size=2, max_size=3))
def test_what_nobody_can_know_is_not_made_up(played):
    told = play(*played)
    assert correct(told.stamps, told.known) == [
        Corrected(written_ms=stamp.written_ms, time_ms=None) for stamp in told.stamps
    ]


@given(boots(ends_right=True))
def test_the_order_in_which_clock_events_arrive_changes_nothing(boot):
    told = play(boot)
    assert correct(told.stamps, reversed(told.known)) == correct(told.stamps, told.known)


@given(boots(ends_right=True), st.integers(1, 10**9))
def test_inside_a_boot_corrected_times_are_as_far_apart_as_its_own_monotonic_clock_says(boot, wrong_ms):
    told = play(boot)
    last = told.known[-1:] or [Known(boot=told.stamps[0].boot, mono_ns=told.stamps[-1].mono_ns, time_ms=0)]
    wrong = [*told.known, Known(boot=last[0].boot, mono_ns=told.stamps[-1].mono_ns + MS, time_ms=wrong_ms)]
    corrected = correct(told.stamps, wrong)
    for (one, a), (other, b) in itertools.pairwise(zip(told.stamps, corrected, strict=True)):
        assert b.time_ms - a.time_ms == (other.mono_ns - one.mono_ns) // MS


def test_a_sure_event_alone_tells_the_time_of_an_unsure_one_whose_clock_event_has_not_come_yet():
    unsure = Stamp(number=1, boot=BOOT, mono_ns=5_000 * MS, written_ms=7, unsure=True)
    sure = Stamp(number=3, boot=BOOT, mono_ns=9_000 * MS, written_ms=1_790_000_000_000, unsure=False)
    assert [each.time_ms for each in correct([unsure, sure], [])] == [1_789_999_996_000, 1_790_000_000_000]


def test_a_rescued_copy_is_corrected_by_its_boot_and_bounds_nothing():
    other = "0b9f7c55-0f0e-4d5c-8a43-6f0b1d7f9a02"
    copy = Stamp(number=None, boot=BOOT, mono_ns=5_000 * MS, written_ms=7, unsure=True)
    sure = Stamp(number=1, boot=other, mono_ns=9_000 * MS, written_ms=1_790_000_000_000, unsure=False)
    assert correct([sure, copy], [])[1] == Corrected(written_ms=7, time_ms=None)
    known = Known(boot=BOOT, mono_ns=6_000 * MS, time_ms=1_780_000_000_000)
    assert correct([sure, copy], [known])[1].time_ms == 1_779_999_999_000


def test_neighbours_that_contradict_each_other_bound_nothing():
    def stamp(number: int, boot: int, written_ms: int, *, unsure: bool) -> Stamp:
        return Stamp(number=number, boot=str(boot), mono_ns=MS, written_ms=written_ms, unsure=unsure)

    stamps = [stamp(1, 1, 2_000_000, unsure=False), stamp(2, 2, 0, unsure=True), stamp(3, 3, 1_000_000, unsure=False)]
    assert correct(stamps, [])[1] == Corrected(written_ms=0, time_ms=None)


def test_stamps_and_clock_events_are_read_as_they_travel():
    event = {"time": rfc3339(1_790_000_000_042), "boot": BOOT, "mono": "77000000001", "clock": "unsure", "id": "x"}
    expected = Stamp(number=3, boot=BOOT, mono_ns=77_000_000_001, written_ms=1_790_000_000_042, unsure=True)
    assert read_stamp(event, 3) == expected
    del event["clock"]
    sure = read_stamp(event, 3)
    assert sure is not None
    assert not sure.unsure
    for missing in ("time", "boot", "mono"):
        assert read_stamp({key: value for key, value in event.items() if key != missing}, 3) is None
    assert read_stamp(event | {"time": "yesterday"}, 3) is None
    assert read_stamp(event | {"mono": "-1"}, 3) is None
    known = Known(boot=BOOT, mono_ns=9, time_ms=1_790_000_000_042)
    time = rfc3339(1_790_000_000_042)
    assert known_by(ClockSet(boot=BOOT, mono="9", time=time)) == known
    assert known_by(ClockStepped(boot=BOOT, mono="9", before=rfc3339(0), after=time)) == known
    assert known_by(ClockSet(boot=BOOT, mono="9", time="2026-02-30T00:00:00.000Z")) is None
