import random

import pytest

from sync.backoff import BASE_S, CEILING_S, KICKS, LASTED_S, SUSPECTED_S, URGENT_S, Backoff


def delays(backoff, *, urgent=False):
    return [backoff.delay(urgent=urgent) for _ in range(400)]


@pytest.fixture
def backoff():
    return Backoff(random.Random(1))


@pytest.mark.parametrize(("failures", "cap"), [(0, 1), (1, 2), (3, 8), (5, 32), (6, CEILING_S), (5000, CEILING_S)])
def test_the_wait_is_drawn_from_zero_to_a_cap_that_doubles(backoff, failures, cap):
    for _ in range(failures):
        backoff.failed()
    drawn = delays(backoff)
    assert 0 <= min(drawn) < cap * 0.05
    assert cap * 0.95 < max(drawn) <= cap


def test_a_session_that_lasted_resets_it(backoff):
    for _ in range(9):
        backoff.failed()
    backoff.ended(lasted=LASTED_S, by_broker=True, taken_over=False)
    assert max(delays(backoff)) <= BASE_S


def test_a_session_that_was_accepted_and_kicked_does_not_reset_it(backoff):
    for _ in range(6):
        backoff.failed()
    backoff.ended(lasted=LASTED_S - 0.1, by_broker=True, taken_over=False)
    assert max(delays(backoff)) > CEILING_S / 2


def test_three_quick_closes_by_the_broker_are_a_suspected_takeover(backoff):
    for _ in range(KICKS):
        assert not backoff.suspected
        backoff.ended(lasted=1, by_broker=True, taken_over=False)
    assert backoff.suspected
    drawn = delays(backoff)
    assert SUSPECTED_S[0] <= min(drawn)
    assert max(drawn) <= SUSPECTED_S[1]


def test_our_own_quick_closes_are_no_takeover(backoff):
    for _ in range(9):
        backoff.ended(lasted=1, by_broker=False, taken_over=False)
    assert not backoff.suspected


def test_the_brokers_word_alone_is_enough_for_suspicion(backoff):
    backoff.ended(lasted=1, by_broker=True, taken_over=True)
    assert backoff.suspected


def test_suspicion_ends_with_a_session_that_lasted_unless_that_too_was_taken_over(backoff):
    backoff.ended(lasted=LASTED_S, by_broker=True, taken_over=True)
    assert backoff.suspected
    backoff.ended(lasted=LASTED_S, by_broker=False, taken_over=False)
    assert not backoff.suspected


def test_an_attempt_that_fails_in_between_does_not_make_kicks_forgotten(backoff):
    for _ in range(KICKS):
        backoff.ended(lasted=1, by_broker=True, taken_over=False)
        backoff.failed()
    assert backoff.suspected


@pytest.mark.parametrize("trouble", ["failures", "takeover"])
def test_while_a_help_call_is_unsent_attempts_go_on_every_few_seconds(backoff, trouble):
    for _ in range(20):
        if trouble == "failures":
            backoff.failed()
        else:
            backoff.ended(lasted=1, by_broker=True, taken_over=True)
    drawn = delays(backoff, urgent=True)
    assert URGENT_S[0] <= min(drawn)
    assert max(drawn) <= URGENT_S[1]
