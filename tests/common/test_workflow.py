from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from common.workflow import STEPS, Name, Outcome, State, after, step_called, steps

STATES = get_args(State)
NAMES = get_args(Name)
WAY = ["register", "accept", "handle", "finish"]


def test_the_way_of_a_record_is_draft_registered_accepted_handling_closed():
    state = "draft"
    been = [state]
    for name in WAY:
        state = after(state, name)
        been.append(state)
    assert been == ["draft", "registered", "accepted", "handling", "closed"]


def test_every_state_and_every_outcome_can_be_reached_from_a_draft():
    reached, outcomes = {"draft"}, set()
    while more := {step.target for state in reached for step in steps(state)} - reached:
        reached |= more
    for state in reached:
        outcomes |= {step.outcome for step in steps(state) if step.outcome}
    assert reached == set(STATES)
    assert outcomes == set(get_args(Outcome))


def test_from_every_open_state_a_record_can_be_closed():
    for state in set(STATES) - {"closed"}:
        assert any(step.target == "closed" for step in steps(state))


def test_only_what_closes_has_an_outcome():
    assert all((step.target == "closed") == (step.outcome is not None) for step in STEPS)


def test_a_record_is_rejected_only_with_what_is_missing():
    assert [step.requires for step in STEPS if step.target == "rejected"] == [("missing",)]
    assert next(step.name for step in steps("rejected")) == "resubmit"


def test_a_suspended_record_waits_for_a_day():
    assert [step.requires for step in STEPS if step.target == "suspended"] == [("until",)]
    assert after("suspended", "resume") == "handling"


def test_a_referral_is_not_done_until_its_receiver_has_signed():
    assert after("referred", "finish") is None
    assert after("referred", "sign") == "received"
    assert after("received", "finish") == "closed"


def test_a_referral_has_a_receiver_and_a_day_and_can_be_taken_back():
    assert step_called("refer").requires == ("target", "due")
    assert after("referred", "take_back") == after("received", "take_back") == "handling"


def test_one_reopening_for_each_closing_and_only_with_a_reason():
    assert [step.name for step in steps("closed")] == ["reopen"]
    assert step_called("reopen").requires == ("reason",)
    assert after(after("closed", "reopen"), "reopen") is None


def test_a_draft_is_neither_rejected_nor_missed():
    assert [step.name for step in steps("draft")] == ["register", "withdraw", "duplicate"]


def test_every_name_stands_in_the_table_once():
    assert sorted(step.name for step in STEPS) == sorted(NAMES)


@given(state=st.sampled_from(STATES), name=st.sampled_from(NAMES))
def test_a_step_is_possible_exactly_where_its_button_stands(state, name):
    assert (after(state, name) is not None) == (name in [step.name for step in steps(state)])
