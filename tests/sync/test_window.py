from hypothesis import given
from hypothesis import strategies as st

from sync.window import LEAST, MOST, START, Window


def converse(window, *, bytes_per_s, round_trip, acks=40):
    """Send whole windows over a link of that speed and hear their acks."""
    now = 100.0
    for _ in range(acks):
        size = window.size
        drained = now + size / bytes_per_s
        window.acked(size=size, oldest_sent=now, newest_sent=now, now=drained + round_trip)
        now = drained + round_trip
    return window


def test_it_starts_at_4_kib():
    assert Window().size == START == 4096


@given(st.lists(st.tuples(st.integers(1, 10**7), st.floats(0, 100), st.floats(0, 100), st.booleans()), max_size=30))
def test_whatever_acks_say_it_stays_between_its_bounds(acks):
    window, now = Window(), 0.0
    for size, waited, spread, timed_out in acks:
        now += waited
        if timed_out:
            window.timed_out()
        else:
            window.acked(size=size, oldest_sent=now - waited, newest_sent=now - min(waited, spread), now=now)
        assert LEAST <= window.size <= MOST


def test_a_slow_link_is_never_given_less_than_1_kib():
    window = Window()
    for _ in range(20):
        window.timed_out()
    assert window.size == LEAST == 1024


def test_a_slow_link_is_soon_given_no_more_than_drains_in_a_few_seconds():
    """20 kbit/s; the first round trip holds a whole window, so the rate is overestimated at first, never for long."""
    window = Window()
    window.acked(size=200, oldest_sent=0.0, newest_sent=0.0, now=0.5)  # a birth's ack: the link's bare round trip
    converse(window, bytes_per_s=2500, round_trip=0.4)
    assert 1024 <= window.size <= 3 * 2500


def test_a_fast_link_is_given_more_and_more():
    assert converse(Window(), bytes_per_s=10_000_000, round_trip=0.02).size > 64 * 1024


def test_what_was_not_answered_in_time_halves_it():
    window = Window()
    window.timed_out()
    assert window.size == START // 2


def test_an_ack_that_comes_at_once_does_not_divide_by_nothing():
    window = Window()
    window.acked(size=1000, oldest_sent=5.0, newest_sent=5.0, now=5.0)
    assert window.size == (START + 1000 / 0.05) // 2
