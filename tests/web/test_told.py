from dataclasses import replace

import pytest
from web_desks import OTHER_CALL, StationDesk, a_call

from agent.screens.told import told
from agent.view import DeviceView

PANEL = DeviceView(name="desk", kind="panel", state="ready", reason="")


def _told(*calls, **changes):
    return told(StationDesk(*calls, **changes).view())


def test_without_a_call_nothing_is_claimed():
    assert _told().news == "nothing"
    assert not _told().call_110


@pytest.mark.parametrize(
    ("changes", "news"),
    [
        ({}, "sounding"),
        ({"hq_answered": True}, "hq_answering"),
        ({"state": "acknowledged"}, "seen"),
        ({"state": "acknowledged", "hq_answered": True}, "seen"),
        ({"state": "attending"}, "coming"),
    ],
)
def test_the_best_true_news_comes_first(changes, news):
    assert _told(a_call(**changes)).news == news


@pytest.mark.parametrize("state", ["absent", "starting", "faulty"])
def test_an_alarm_that_cannot_sound_is_not_said_to_sound(state):
    silent = _told(a_call(), devices=(replace(PANEL, state=state),))
    assert silent.news == "shown"
    assert silent.call_110


def test_while_the_disk_has_not_answered_nothing_is_said_of_it():
    assert _told(a_call(recorded=None)).recorded is None
    assert not _told(a_call(recorded=None)).call_110


def test_a_call_that_is_not_recorded_names_110():
    assert _told(a_call(recorded=False)).call_110


def test_a_breached_call_names_110_until_somebody_answers():
    assert _told(a_call(breached=True)).call_110
    assert not _told(a_call(breached=True, hq_answered=True)).call_110
    assert not _told(a_call(breached=True, state="attending")).call_110


def test_of_two_calls_the_one_least_far_is_told():
    assert _told(a_call(state="attending"), a_call(id=OTHER_CALL)).news == "sounding"


def test_a_closed_call_is_said_to_be_closed():
    assert _told(recently_closed=a_call(state="closed", closed_reason="helped")).news == "closed"


def test_at_a_desk_that_was_left_the_citizen_reads_that_headquarters_is_called_once_it_is():
    before, after = (_told(a_call(escalated=climbed), unattended_s=9) for climbed in (False, True))
    assert (before.news, before.nobody) == ("sounding", True)
    assert (after.news, after.call_110, after.out_of_reach) == ("unattended", False, False)


def test_nobody_at_the_desk_and_headquarters_out_of_reach_names_110():
    call = a_call(escalated=True)
    assert _told(call, unattended_s=9, hq_online=False).call_110
    assert not _told(replace(call, at_hq=True), unattended_s=9, hq_online=False).call_110


@pytest.mark.parametrize(
    ("changes", "news"),
    [({"hq_answered": True}, "hq_answering"), ({"state": "acknowledged"}, "seen"), ({"state": "attending"}, "coming")],
)
def test_whoever_answers_is_better_news_than_a_desk_that_was_left(changes, news):
    assert _told(a_call(escalated=True, **changes), unattended_s=9).news == news
