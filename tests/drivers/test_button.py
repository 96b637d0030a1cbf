"""When a level on a pin is a press: any bounces at any moments, and any voltage on a loop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.firmware.button import (
    CUT,
    FULL_SCALE,
    NORMAL,
    PRESS_MS,
    PRESSED,
    RELEASE_MS,
    SHORT,
    STUCK_MS,
    Bands,
    Button,
    Contact,
)
from drivers.firmware.clock import PERIOD, Clock
from drivers.firmware.debounce import NEVER_MS, Debounce
from drivers.firmware.settings import BANDS

BORDERS = (BANDS["short_below"], BANDS["pressed_below"], BANDS["normal_below"])
OPEN, CLOSED = 65535, 0
bounces = st.lists(st.integers(1, 5), max_size=12)


def follow(debounce, changes, until):
    """Feed levels that last so long each, looking only when due; return the moments at which it came on."""
    now, on = 0, []

    def pass_until(end):
        nonlocal now
        while now + debounce.due_ms() <= end:
            now += max(1, debounce.due_ms())
            on.extend([now] * debounce.look(now))
        now = end
        on.extend([now] * debounce.look(now))

    for made, lasts in changes:
        on.extend([now] * debounce.sample(made, now))
        pass_until(now + lasts)
    pass_until(until)
    return on


def alternating(lasts, first):
    return [(bool((at + first) % 2), ms) for at, ms in enumerate(lasts)]


@given(before=bounces, after=bounces, held=st.integers(2 * PRESS_MS, 5000))
def test_a_press_with_any_bounces_of_up_to_five_ms_is_one_and_no_later_than_they_lasted(before, after, held):
    before = before[: len(before) // 2 * 2]
    changes = [*alternating(before, 1), (True, held), *alternating(after, 0)]
    changes.append((False, 2 * RELEASE_MS))
    total = sum(ms for _, ms in changes)
    came_on = follow(Debounce(PRESS_MS, RELEASE_MS), changes, total)
    assert len(came_on) == 1
    assert came_on[0] <= sum(before) + PRESS_MS


@given(lasts=st.lists(st.tuples(st.integers(1, PRESS_MS - 1), st.integers(PRESS_MS, 200)), max_size=20))
def test_flickers_shorter_than_a_press_with_rests_between_are_none(lasts):
    changes = [step for made, rest in lasts for step in ((True, made), (False, rest))]
    assert follow(Debounce(PRESS_MS, RELEASE_MS), changes, sum(ms for _, ms in changes) + 1000) == []


@given(st.lists(st.tuples(st.integers(3, 20), st.just(1)), min_size=14, max_size=16))
def test_a_dirty_contact_that_flickers_while_it_is_held_is_one_press_all_the_same(lasts):
    changes = [step for made, gap in lasts for step in ((True, made), (False, gap))]
    assert len(follow(Debounce(PRESS_MS, RELEASE_MS), changes, sum(ms for _, ms in changes))) == 1


@given(
    before=bounces,
    after=bounces,
    held=st.integers(2 * PRESS_MS, 500),
    late=st.lists(st.integers(0, 300), min_size=40, max_size=40),
)
def test_a_press_whose_changes_wait_in_a_queue_while_time_is_let_pass_is_one(before, after, held, late):
    before = before[: len(before) // 2 * 2]
    changes = [*alternating(before, 1), (True, held), *alternating(after, 0), (False, 0)]
    debounce, on, now, seen = Debounce(PRESS_MS, RELEASE_MS), 0, 0, 0
    for (made, lasts), late_ms in zip(changes, late, strict=False):
        seen = max(seen, now + late_ms)
        on += debounce.look(seen) + debounce.sample(made, now)
        now += lasts
    on += debounce.look(now + 2 * RELEASE_MS)
    assert on == 1
    assert not debounce.on


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 120)), max_size=10))
def test_looking_more_often_than_asked_changes_nothing(changes):
    total = sum(ms for _, ms in changes) + 200
    often = Debounce(PRESS_MS, RELEASE_MS)
    now, on = 0, []
    for made, lasts in changes:
        on += [now] * often.sample(made, now)
        for _ in range(lasts):
            now += 1
            on += [now] * often.look(now)
    while now < total:
        now += 1
        on += [now] * often.look(now)
    assert follow(Debounce(PRESS_MS, RELEASE_MS), changes, total) == on


@given(st.integers(0, FULL_SCALE - 1))
def test_any_voltage_is_in_one_zone_and_the_same_again_when_read_again(value):
    bands = Bands(**BANDS)
    for before in (SHORT, PRESSED, NORMAL, CUT):
        zone = bands.zone(value, before)
        assert bands.zone(value, zone) == zone
        reading = value * 1000 // FULL_SCALE
        if all(abs(reading - border) > BANDS["hysteresis"] for border in BORDERS):
            assert zone == sum(reading >= border for border in BORDERS)


@given(
    st.sampled_from(BORDERS),
    st.lists(st.integers(-19, 19), max_size=40),
    st.sampled_from((SHORT, PRESSED, NORMAL, CUT)),
)
def test_a_voltage_that_trembles_on_a_border_stays_in_its_zone(border, tremble, zone):
    bands = Bands(**BANDS)
    zones = []
    for off in [0, *tremble]:
        zone = bands.zone((border + off) * FULL_SCALE // 1000 + 1, zone)
        zones.append(zone)
    assert len(set(zones)) == 1


@given(st.sampled_from((SHORT, CUT)), st.integers(1, 199))
def test_a_loop_that_is_shorted_or_cut_for_a_moment_is_no_fault(zone, lasts):
    button = Button(Bands(**BANDS))
    button.sample(OPEN if zone == CUT else CLOSED, 0)
    button.sample(44500, lasts)
    button.look(10_000)
    assert not button.short
    assert not button.cut


@pytest.mark.parametrize("closes", [True, False])
def test_a_plain_contact_is_pressed_when_it_closes_or_when_it_opens(closes):
    button = Button(Contact(closes))
    button.sample(OPEN if closes else CLOSED, 0)
    assert not button.look(1000)
    button.sample(CLOSED if closes else OPEN, 1000)
    assert button.look(1000 + PRESS_MS)
    assert not button.stuck(1000 + PRESS_MS + STUCK_MS)
    assert button.stuck(1001 + PRESS_MS + STUCK_MS)
    button.sample(OPEN if closes else CLOSED, 50_000)
    button.look(50_000 + RELEASE_MS)
    assert not button.stuck(50_000 + RELEASE_MS)


def test_a_button_at_rest_asks_for_nothing():
    button = Button(Bands(**BANDS))
    button.sample(44500, 0)
    assert button.due_ms(10) == NEVER_MS


@given(st.integers(0, PERIOD - 1), st.lists(st.integers(-100, PERIOD // 2 - 200), max_size=30))
def test_the_clock_only_grows_through_any_number_of_wraps_and_knows_what_is_a_little_older(start, steps):
    clock = Clock(start)
    ticks, true_ms, newest = start, 0, 0
    for step in steps:
        true_ms = newest + step
        ticks = start + true_ms
        assert clock.ms(ticks % PERIOD) == true_ms
        newest = max(newest, true_ms)
