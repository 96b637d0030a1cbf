import statistics

from hypothesis import given
from hypothesis import strategies as st

from agent.waiting import FEWEST, MOST_MINUTES, Wait, estimate, median

TIMES = st.lists(st.floats(min_value=0, max_value=20_000), min_size=FEWEST, max_size=40)
AHEAD = st.integers(min_value=0, max_value=200)


@given(st.lists(st.floats(min_value=0, max_value=20_000), max_size=FEWEST - 1), AHEAD)
def test_with_too_little_experience_the_wait_is_unknown(took_s, ahead):
    assert estimate(ahead, took_s) is None


@given(TIMES)
def test_the_median_is_that_of_the_standard_library(took_s):
    assert median(took_s) == statistics.median(took_s)


@given(TIMES, AHEAD)
def test_nobody_is_promised_less_than_the_figures_say_and_nobody_ten_minutes_more(took_s, ahead):
    exact, wait = statistics.median(took_s) * ahead / 60, estimate(ahead, took_s)
    if wait.over:
        assert (wait.minutes, exact > MOST_MINUTES) == (MOST_MINUTES, True)
    elif ahead == 0:
        assert wait == Wait(0)
    else:
        assert exact <= wait.minutes < max(5, exact) + 10
        assert wait.minutes % (5 if wait.minutes <= 30 else 10) == 0


@given(TIMES, AHEAD)
def test_whoever_has_one_more_before_them_waits_no_shorter(took_s, ahead):
    fewer, more = estimate(ahead, took_s), estimate(ahead + 1, took_s)
    assert (fewer.over, fewer.minutes) <= (more.over, more.minutes)


@given(TIMES, AHEAD, st.randoms())
def test_the_order_of_the_times_does_not_matter(took_s, ahead, chance):
    mixed = chance.sample(took_s, len(took_s))
    assert estimate(ahead, mixed) == estimate(ahead, took_s)


def test_it_is_said_as_people_say_it():
    took_s = [60, 300, 300, 300, 9_000]  # one took all morning
    assert [estimate(ahead, took_s) for ahead in (0, 1, 2, 3, 7, 24, 25)] == [
        Wait(0),
        Wait(5),
        Wait(10),
        Wait(15),
        Wait(40),
        Wait(120),
        Wait(120, over=True),
    ]
