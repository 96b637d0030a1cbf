"""A panel's self-test at the duty desk: asked for with one click, shown as it went; and how headquarters sees it."""

import re
from types import SimpleNamespace

import pytest
from microdot.microdot import HTTPException
from web_desks import EVENT, CityDesk, StationDesk, a_call, a_station, at_headquarters, at_station

from agent.screens.duty import _Screen
from agent.view import DeviceView, SelfTestView


def a_panel(state="passed", *, reason="", passed_s=3600, stands="ready"):
    tested = SelfTestView(state=state, reason=reason, passed_s=passed_s)
    return DeviceView(name="front", kind="panel", state=stands, reason="", self_test=tested)


async def test_one_click_asks_for_a_test_and_brings_the_page_back():
    async with at_station(StationDesk(devices=(a_panel(),))) as station:
        duty = (await station.get("/duty?lang=en")).text
        form = duty[duty.index('action="/duty/self-test"') :]
        event_id = re.search(r'name="event_id" value="([0-9a-f-]{36})"', form)[1]
        answer = await station.post("/duty/self-test", data={"device": "front", "event_id": event_id})
        assert (answer.status_code, answer.headers["location"]) == (303, "/duty")
        assert station.desk.asked == [("front", event_id)]


@pytest.mark.parametrize(
    ("refusal", "status", "words"),
    [
        ("unknown", 404, ""),
        ("call", 409, "a help call is open"),
        ("away", 409, "cannot be heard"),
        ("journal", 409, ""),
    ],
)
async def test_why_it_is_not_tested_is_said(refusal, status, words):
    async with at_station(StationDesk()) as station:
        station.desk.refusal = refusal
        answer = await station.post("/duty/self-test", data={"device": "front", "event_id": EVENT})
        assert answer.status_code == status
        assert words in answer.text


@pytest.mark.parametrize(
    ("data", "headers"),
    [({"device": "front"}, {}), ({"event_id": EVENT, "device": "front"}, {"Origin": "http://elsewhere.example"})],
)
async def test_a_form_that_is_not_ours_tests_nothing(data, headers):
    async with at_station(StationDesk()) as station:
        assert (await station.post("/duty/self-test", data=data, headers=headers)).status_code in (400, 403)
        assert not station.desk.asked


async def test_only_this_machine_may_ask():
    desk = StationDesk()
    screens = SimpleNamespace(_desk=desk)
    with pytest.raises(HTTPException) as caught:
        await _Screen.self_test(screens, SimpleNamespace(client_addr=("192.0.2.7", 1)))
    assert caught.value.status_code == 403
    assert not desk.asked


@pytest.mark.parametrize(
    ("panel", "words", "button"),
    [
        (a_panel("never", passed_s=None), "not tested yet", True),
        (a_panel("running"), "self-test under way", False),
        (a_panel("passed"), "self-test passed", True),
        (a_panel("failed", reason="no_press"), "the panel sent no press", True),
        (a_panel("failed", reason="not_recorded"), "it could not be recorded", True),
        (a_panel("failed", reason="no_answer"), "no answer from headquarters", True),
        (a_panel(stands="absent"), "self-test passed", False),
    ],
)
async def test_the_duty_desk_says_how_the_last_test_went(panel, words, button):
    async with at_station(StationDesk(devices=(panel,))) as station:
        duty = (await station.get("/duty?lang=en")).text
        assert words in duty
        assert ("/duty/self-test" in duty) == button


async def test_while_a_call_is_open_no_test_is_offered():
    async with at_station(StationDesk(a_call(), devices=(a_panel(),))) as station:
        assert "/duty/self-test" not in (await station.get("/duty")).text


@pytest.mark.parametrize("connected", [True, False])
async def test_headquarters_shows_a_test_that_failed_or_is_too_old_and_nothing_of_others(connected):
    stations = [
        a_station("sjz-failed", self_test_failed="front: no_answer"),
        a_station("sjz-old", self_test_age_s=40 * 3600),
        a_station("sjz-well", self_test_age_s=3600),
        a_station("sjz-new"),
    ]
    async with at_headquarters(CityDesk(stations=stations, broker_connected=connected)) as hq:
        page = (await hq.get("/?lang=en")).text
    assert page.count("self-test failed: front: no_answer") == 1
    assert page.count("no self-test passed for") == 1
    assert page.count("self-test") == 2
    # With trouble of its own a station is shown also while the broker is away.
    assert [name in page for name in ("sjz-failed", "sjz-old", "sjz-well")] == [True, True, connected]
