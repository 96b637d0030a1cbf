import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.ladder import RUNGS, STEPS, UNKNOWN_S, Alarm, Ladder, climb, step, worst

LADDER = Ladder()
STATES = st.sampled_from(list(STEPS))


def up(seconds, state="raised", done=(), hq_answered=False):
    return climb(LADDER, state, seconds, done=done, hq_answered=hq_answered)


def test_a_call_goes_from_raised_over_acknowledged_and_attending_to_closed():
    assert step("raised", "acknowledge") == "acknowledged"
    assert step("acknowledged", "attend") == "attending"
    assert step("attending", "close") == "closed"


def test_nobody_closes_or_attends_a_call_before_it_is_acknowledged():
    assert step("raised", "close") is None
    assert step("raised", "attend") is None


def test_a_closed_call_takes_no_step():
    assert STEPS["closed"] == {}


def test_a_further_press_makes_an_answered_call_unanswered_again():
    assert {step(state, "press") for state in ("raised", "acknowledged", "attending")} == {"raised"}


def test_a_press_sounds_at_once():
    assert up(0).alarm == Alarm(lamp="raised", tone=1)


def test_after_fifteen_seconds_it_is_louder_and_a_second_output_sounds():
    assert up(14.999).alarm.tone == 1
    assert up(15).alarm == Alarm(lamp="raised", tone=2, second_output=True)


def test_rungs_are_due_after_thirty_and_sixty_seconds_once_each():
    assert up(29.999).due == ()
    assert up(30).due == ("escalated",)
    assert up(60, done={"escalated"}).due == ("breached",)
    assert up(3600, done=RUNGS).due == ()


def test_an_unknown_time_is_beyond_every_rung():
    climbed = up(UNKNOWN_S)
    assert climbed.alarm.tone == 2
    assert climbed.due == RUNGS


def test_when_headquarters_answers_no_rung_is_due_but_the_desk_sounds_on():
    climbed = up(60, hq_answered=True)
    assert climbed.due == ()
    assert climbed.alarm.tone == 2


def test_an_answered_call_is_silent_but_shown():
    assert up(3600, "acknowledged").alarm == Alarm(lamp="acknowledged")
    assert up(3600, "attending").alarm == Alarm(lamp="acknowledged")
    assert up(3600, "closed").alarm == Alarm()


def test_of_several_calls_the_worst_wins():
    quiet, loud, shown = up(1).alarm, up(20).alarm, up(99, "acknowledged").alarm
    assert worst([quiet, shown, loud]) == loud
    assert worst([shown, quiet]) == quiet
    assert worst([]) == Alarm()


@given(STATES, st.floats(0, 200), st.sets(st.sampled_from(RUNGS)), st.booleans())
def test_only_an_unanswered_call_sounds_and_climbs(state, seconds, done, hq_answered):
    climbed = up(seconds, state, done, hq_answered)
    assert (climbed.alarm.tone > 0) == (state == "raised")
    if climbed.due:
        assert state == "raised"
    assert not done.intersection(climbed.due)


@given(st.floats(0, 200))
def test_nothing_happens_before_the_time_told_to_look_again(seconds):
    climbed = up(seconds, done=up(seconds).due)
    wait = math.inf if climbed.again_s is None else climbed.again_s
    before = up(seconds + min(wait, 1000) * 0.99, done=up(seconds).due)
    assert before.alarm == climbed.alarm
    assert before.due == ()


@given(st.lists(st.floats(0, 200), min_size=2).map(sorted))
def test_an_unanswered_call_never_grows_quieter(times):
    for sooner, later in pairwise(times):
        assert up(later).alarm.tone >= up(sooner).alarm.tone
