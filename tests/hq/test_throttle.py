"""Guesses at passwords: slowed, never locked out, in a bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from common import slowing
from common.slowing import FREE
from hq.throttle import FORGOTTEN_S, MOST_S, Throttle


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def clock_of(throttle):
    return throttle._slowing._monotonic


def wrong(guesses, throttle, account="wang", address="192.0.2.7"):
    """Guess so often, waiting as long as is asked, and return the seconds it took."""
    clock, began = clock_of(throttle), clock_of(throttle).now
    for _ in range(guesses):
        wait = throttle.wait_s(account, address)
        if wait:
            clock.now += wait
            assert throttle.wait_s(account, address) == 0
    return clock.now - began


def test_the_first_guesses_are_free_and_each_one_after_them_waits_twice_as_long_up_to_a_minute():
    throttle = Throttle(Clock())
    assert wrong(FREE, throttle) == 0
    assert [throttle.wait_s("wang", "192.0.2.7")] == [1.0]
    assert wrong(7, throttle) == 1 + 2 + 4 + 8 + 16 + 32 + 60
    assert throttle.wait_s("wang", "192.0.2.7") == MOST_S


def test_an_account_is_slowed_from_everywhere_and_an_address_for_every_account():
    throttle = Throttle(Clock())
    wrong(FREE, throttle)
    assert throttle.wait_s("wang", "198.51.100.9") > 0
    assert throttle.wait_s("li", "192.0.2.7") > 0
    assert throttle.wait_s("li", "198.51.100.9") == 0


def test_strangers_do_not_keep_an_accounts_owner_out():
    throttle = Throttle(Clock())
    assert throttle.wait_s("wang", "192.0.2.1") == 0
    throttle.right("wang", "192.0.2.1")
    for number in range(50):
        throttle.wait_s("wang", f"198.51.100.{number}")
    assert throttle.wait_s("wang", "203.0.113.1") > 0
    assert throttle.wait_s("wang", "192.0.2.1") == 0


def test_whoever_sits_at_the_owners_address_is_slowed_there_too():
    throttle = Throttle(Clock())
    throttle.wait_s("wang", "192.0.2.1")
    throttle.right("wang", "192.0.2.1")
    wrong(FREE, throttle, address="192.0.2.1")
    assert throttle.wait_s("wang", "192.0.2.1") > 0


def test_ones_own_account_does_not_make_guesses_at_others_free():
    throttle = Throttle(Clock())
    for _ in range(FREE):
        throttle.wait_s("mallory", "192.0.2.7")
        throttle.right("mallory", "192.0.2.7")
        throttle.wait_s("wang", "192.0.2.7")
    assert throttle.wait_s("wang", "192.0.2.7") > 0


def test_who_guesses_for_days_locks_nobody_out():
    throttle = Throttle(Clock())
    wrong(3000, throttle)
    assert throttle.wait_s("wang", "198.51.100.1") == MOST_S
    clock_of(throttle).now += MOST_S
    assert throttle.wait_s("wang", "198.51.100.1") == 0


def test_a_quiet_quarter_of_an_hour_is_forgotten():
    throttle = Throttle(Clock())
    wrong(FREE + 3, throttle)
    clock_of(throttle).now += FORGOTTEN_S + MOST_S
    assert wrong(FREE, throttle) == 0


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3), st.booleans(), st.floats(0, 100))))
def test_whatever_comes_nobody_waits_for_more_than_a_minute_and_memory_stays_bounded(guesses):
    clock = Clock()
    throttled = Throttle(clock)
    before, slowing.REMEMBERED = slowing.REMEMBERED, 8
    try:
        for account, address, right, later in guesses:
            clock.now += later
            wait = throttled.wait_s(account, address)
            assert 0 <= wait <= MOST_S
            if right and not wait:
                throttled.right(account, address)
            assert len(throttled._slowing._counts) <= 8
            assert len(throttled._known) <= 8
            assert all(count.wrong >= 0 for count in throttled._slowing._counts.values())
    finally:
        slowing.REMEMBERED = before
