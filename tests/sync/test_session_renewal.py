"""A session that a station ends of its own accord: when, and how often."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.renewal import EPOCH_JITTER_S, Renewal


@pytest.fixture
def renewal():
    return Renewal(random.Random(1))


def when(renewal, now):
    """The first second in which it is due, within an hour."""
    return next((at for at in range(now, now + 3600) if renewal.due(at)), None)


def test_the_first_epoch_and_one_that_comes_retained_are_only_noted(renewal):
    renewal.saw("one", 0, retained=False)
    renewal.saw("two", 1, retained=True)
    renewal.saw("two", 2, retained=False)
    assert when(renewal, 3) is None


def test_a_changed_epoch_begins_a_new_session_once_within_a_minute(renewal):
    renewal.saw("one", 0, retained=True)
    renewal.saw("two", 100, retained=False)
    assert 100 <= when(renewal, 100) <= 100 + EPOCH_JITTER_S + 1
    assert when(renewal, 200) is None


def test_asked_for_it_is_due_at_once_and_only_once(renewal):
    renewal.ask(7)
    assert renewal.due(7)
    assert when(renewal, 7) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc")), max_size=60), st.integers())
def test_however_often_the_epoch_changes_sessions_are_a_minute_apart(changes, seed):
    renewal, now, renewed = Renewal(random.Random(seed)), 0, []
    for passed, epoch in changes:
        now += passed
        renewal.saw(epoch, now, retained=False)
        if renewal.due(now):
            renewed.append(now)
    assert all(later - earlier >= EPOCH_JITTER_S for earlier, later in itertools.pairwise(renewed))
