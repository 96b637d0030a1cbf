"""The demo's story: each change in plain words, once."""

import pytest

from jingting.story import tell

CALL = {
    "id": "c",
    "state": "raised",
    "origin": "panel",
    "age_s": 0,
    "presses": 1,
    "recorded": None,
    "at_hq": False,
    "hq_answered": False,
    "escalated": False,
    "breached": False,
    "closed_reason": None,
}
QUIET = {
    "calls": [],
    "recently_closed": None,
    "devices": [{"name": "front", "kind": "panel", "state": "ready", "reason": ""}],
    "link": "up",
    "hq_online": True,
    "journal_ok": True,
}


def with_call(**changes: object) -> dict[str, object]:
    return QUIET | {"calls": [CALL | changes]}


def test_where_nothing_changed_nothing_is_told():
    assert tell(QUIET, QUIET) == []
    assert tell(with_call(), with_call(age_s=9)) == []


def test_a_press_is_told_with_what_is_true_by_then():
    assert tell(QUIET, with_call(recorded=True, at_hq=True)) == [
        "somebody presses the help button: the desk alarm sounds",
        "recorded on the station's disk",
        "headquarters has it",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"presses": 3}, "pressed again (3 presses)"),
        ({"recorded": False}, "could NOT be recorded"),
        ({"hq_answered": True}, "headquarters is answering"),
        ({"escalated": True}, "headquarters' desk rings"),
        ({"breached": True}, "Call 110"),
        ({"state": "acknowledged"}, "the desk has taken the call"),
        ({"state": "attending"}, "an officer is coming"),
    ],
)
def test_every_step_of_a_call_has_its_words(changes, words):
    [line] = tell(with_call(), with_call(**changes))
    assert words in line


def test_a_call_that_is_closed_is_told_although_it_is_open_no_more():
    closed = QUIET | {"recently_closed": CALL | {"state": "closed", "closed_reason": "handed_over"}}
    assert tell(with_call(), closed) == ["the call is closed: handed over"]
    assert tell(closed, closed) == []


def test_a_station_that_goes_and_comes_is_told_once_each():
    assert tell(QUIET, None) == ["the station does not answer"]
    assert tell(None, None) == []
    assert tell(None, QUIET) == ["the station answers"]


@pytest.mark.parametrize(("key", "bad"), [("link", "down"), ("hq_online", False), ("journal_ok", False)])
def test_what_breaks_and_recovers_is_told_both_times(key, bad):
    assert len(tell(QUIET, QUIET | {key: bad})) == 1
    assert len(tell(QUIET | {key: bad}, QUIET)) == 1


def test_a_panel_that_is_unplugged_is_told():
    absent = QUIET | {"devices": [QUIET["devices"][0] | {"state": "absent"}]}
    assert tell(QUIET, absent) == ["panel front is absent"]
