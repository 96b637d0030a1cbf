"""When nobody was at the desk, and what that makes of the ladder: pure."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent import unattended
from agent.ladder import RUNGS, Ladder, climb
from agent.unattended import MOST, first_at, is_unattended, left, returned

BOOT, LATER_BOOT = "6a1d0d0e-6f6c-4a8e-9a58-2f6f3a3f0a01", "6a1d0d0e-6f6c-4a8e-9a58-2f6f3a3f0a02"
SECOND = 10**9

TOGGLES = st.lists(st.integers(1, 40), max_size=2 * MOST + 20)
"""Seconds from one leaving or coming back to the next."""

SECONDS = st.integers(0, 90)


def a_ladder(louder, to_escalate, to_breach, of_escalate, of_breach):
    """A ladder as the settings let it be: both climb, and nobody at the desk makes no rung later."""
    escalate = louder + 1 + to_escalate
    breach = escalate + 1 + to_breach
    sooner = escalate * of_escalate
    return Ladder(
        louder_after_s=louder,
        escalate_after_s=escalate,
        breach_after_s=breach,
        unattended_escalate_after_s=sooner,
        unattended_breach_after_s=sooner + (breach - sooner) * of_breach,
    )


LADDERS = st.builds(a_ladder, SECONDS, SECONDS, SECONDS, st.floats(0, 1), st.floats(0.01, 1))


def toggled(waits):
    """Everybody leaves, somebody comes back, and so on: the spans after each, and when that was."""
    spans, now, stages = (), 0, [(0, ())]
    for place, wait in enumerate(waits):
        now += wait * SECOND
        if place % 2 == 0:
            spans = left(spans, boot=BOOT, ns=now, ms=now // 10**6)
        else:
            spans = returned(spans, boot=BOOT, ns=now)
        stages.append((now, spans))
    return stages


def stage_at(stages, now):
    return [spans for at, spans in stages if at <= now][-1]


def test_everybody_leaves_once_and_somebody_comes_back_once():
    spans = left((), boot=BOOT, ns=5, ms=0)
    assert is_unattended(spans)
    assert left(spans, boot=BOOT, ns=9, ms=0) == spans
    back = returned(spans, boot=BOOT, ns=7)
    assert not is_unattended(back)
    assert returned(back, boot=BOOT, ns=9) == back
    assert returned((), boot=BOOT, ns=9) == ()


def test_the_first_moment_without_anybody_is_the_press_itself_or_when_they_left():
    spans = left((), boot=BOOT, ns=100, ms=0)
    assert first_at(spans, 30, boot=BOOT) == 100
    assert first_at(spans, 130, boot=BOOT) == 130
    spans = returned(spans, boot=BOOT, ns=200)
    assert first_at(spans, 130, boot=BOOT) == 130
    assert first_at(spans, 200, boot=BOOT) == 200
    assert first_at(spans, 201, boot=BOOT) is None
    assert first_at((), 0, boot=BOOT) is None


def test_whoever_left_before_a_restart_is_away_from_its_first_moment_on():
    spans = left((), boot=BOOT, ns=10**15, ms=5_000)
    assert first_at(spans, 30, boot=LATER_BOOT) == 30
    assert unattended.age_s(spans, boot=LATER_BOOT, now_ns=9, now_ms=65_000) == 60
    ended = returned(spans, boot=BOOT, ns=10**15 + 1)
    assert first_at(ended, 30, boot=LATER_BOOT) is None
    assert unattended.age_s(ended, boot=LATER_BOOT, now_ns=9, now_ms=65_000) is None


@given(TOGGLES, st.integers(0, 400))
def test_however_often_they_come_and_go_the_first_moment_of_a_press_never_moves_later(waits, pressed_s):
    pressed = pressed_s * SECOND
    found = [first_at(spans, pressed, boot=BOOT) for at, spans in toggled(waits) if at >= pressed]
    for before, after in pairwise(found):
        assert before is None or (after is not None and after <= before)
    assert all(moment is None or moment >= pressed for moment in found)


@given(TOGGLES)
def test_what_is_kept_of_it_stays_small(waits):
    assert all(len(spans) <= MOST for _, spans in toggled(waits))


@given(LADDERS, TOGGLES, st.integers(0, 60), st.lists(st.integers(1, 5_000), min_size=1, max_size=60))
def test_leaving_makes_no_rung_later_and_each_comes_once_in_order(ladder, waits, pressed_s, steps_ms):
    """One call, looked at again and again while people come and go, beside the same one at a desk never left."""
    stages, pressed, now = toggled(waits), pressed_s * SECOND, pressed_s * SECOND
    had, usual = {}, {}
    for step_ms in (0, *steps_ms):
        now += step_ms * 10**6
        since = first_at(stage_at(stages, now), pressed, boot=BOOT)
        for done, away_s in ((had, None if since is None else (now - since) / SECOND), (usual, None)):
            climbed = climb(
                ladder, "raised", (now - pressed) / SECOND, done=set(done), hq_answered=False, unattended_s=away_s
            )
            for rung in climbed.due:
                assert rung not in done
                done[rung] = now
            if done is had:
                loud = climbed.alarm.tone
            else:
                assert loud >= climbed.alarm.tone
    assert set(usual) <= set(had)
    assert all(had[rung] <= usual[rung] for rung in usual)
    assert list(had) == [rung for rung in RUNGS if rung in had]


@given(LADDERS, st.floats(0, 200), st.floats(0, 200), st.sets(st.sampled_from(RUNGS)))
def test_nothing_is_due_before_the_time_told_to_look_again(ladder, seconds, away, done):
    away_s = min(away, seconds)
    climbed = climb(ladder, "raised", seconds, done=done, hq_answered=False, unattended_s=away_s)
    done = done | set(climbed.due)
    wait = climbed.again_s
    assert (wait is None) == (climbed.alarm.tone == 2 and done == set(RUNGS))
    if wait is not None:
        for part, due in ((0.99, False), (1.01, True)):
            then = climb(
                ladder,
                "raised",
                seconds + wait * part,
                done=done,
                hq_answered=False,
                unattended_s=away_s + wait * part,
            )
            assert (then.due != () or then.alarm != climbed.alarm) == due


def test_a_call_at_a_desk_that_is_left_goes_to_headquarters_at_once_and_is_louder():
    climbed = climb(Ladder(), "raised", 0, done=(), hq_answered=False, unattended_s=0)
    assert (climbed.due, climbed.alarm.tone, climbed.again_s) == (("escalated",), 2, 30)
