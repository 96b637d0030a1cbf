import asyncio
import json
import re

import pytest
from web_desks import CALL, EVENT, OTHER_CALL, StationDesk, a_call, at_station

from agent.view import DeviceView
from common.events.calls import CLOSE_REASONS

SCRIPT = "<script>alert(1)</script>"


def _event_id(html):
    return re.search(r'name="event_id" value="([0-9a-f-]{36})"', html)[1]


async def test_pressing_the_button_rings_and_brings_the_page_back(station):
    form = (await station.get("/")).text
    answer = await station.post("/help", data={"event_id": _event_id(form)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    page = (await station.get("/")).text
    assert "报警声已响起" in page
    assert "求助已记录" in page


async def test_one_form_submitted_twice_is_one_press(station):
    form = {"event_id": _event_id((await station.get("/")).text)}
    await station.post("/help", data=form)
    await station.post("/help", data=form)
    (call,) = station.desk.view().calls
    assert (call.id, call.presses) == (form["event_id"], 1)


async def test_a_new_form_is_a_further_press_on_the_open_call(station):
    for _ in range(2):
        await station.post("/help", data={"event_id": _event_id((await station.get("/")).text)})
    (call,) = station.desk.view().calls
    assert call.presses == 2


@pytest.mark.parametrize("data", [{}, {"event_id": "nonsense"}, {"event_id": EVENT.upper()}])
async def test_a_press_without_a_usable_id_rings_all_the_same(station, data):
    assert (await station.post("/help", data=data)).status_code == 303
    assert len(station.desk.view().calls) == 1


async def test_a_press_with_an_undecodable_form_rings_all_the_same(station):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await station.post("/help", content=b"event_id=%zz", headers=headers)).status_code == 303
    assert len(station.desk.view().calls) == 1


async def test_a_disk_that_does_not_answer_holds_up_no_page_and_is_not_called_recorded(station):
    station.desk.disk.clear()
    async with asyncio.timeout(5):
        await station.post("/help", data={"event_id": EVENT})
    page = (await station.get("/")).text
    assert "报警声已响起" in page
    assert "记录" not in page
    station.desk.disk.set()
    async with asyncio.timeout(5):
        while not station.desk.view().calls[0].recorded:
            await station.desk.changed(station.desk.view().version)


async def test_a_call_that_is_not_recorded_shows_110_large():
    async with at_station(StationDesk(a_call(recorded=False))) as browser:
        page = (await browser.get("/?lang=en")).text
    assert re.search(r'class="call-110".*not recorded yet.*<b>110</b>', page, re.DOTALL)


@pytest.mark.parametrize("path", ["/", "/?lang=en"])
async def test_the_emergency_numbers_are_always_there(station, path):
    for call in ((), (a_call(state="attending"),)):
        await station.desk.become(calls=call)
        footer = (await station.get(path)).text.split("<footer")[1]
        assert re.findall(r"<b>(\d+)</b>", footer) == ["110", "119", "120", "12345"]


async def test_a_call_goes_from_acknowledged_to_attending_to_closed():
    async with at_station(StationDesk(a_call())) as browser:
        for action, state in (("acknowledge", "acknowledged"), ("attend", "attending")):
            page = (await browser.get("/duty")).text
            answer = await browser.post(f"/duty/calls/{CALL}/{action}", data={"event_id": _event_id(page)})
            assert (answer.status_code, answer.headers["location"]) == (303, "/duty")
            assert browser.desk.view().calls[0].state == state
        page = (await browser.get("/duty")).text
        assert re.findall(r'name="reason" value="(\w+)"', page) == list(CLOSE_REASONS)
        form = {"event_id": _event_id(page), "reason": "helped"}
        await browser.post(f"/duty/calls/{CALL}/close", data=form)
        assert browser.desk.closed == [(CALL, "helped")]
        assert "没有未处理的求助" in (await browser.get("/duty")).text
        assert "本次求助已结束" in (await browser.get("/")).text


@pytest.mark.parametrize("reason", [None, "", "because", SCRIPT])
async def test_a_call_closes_only_with_a_reason_of_the_list(reason):
    async with at_station(StationDesk(a_call(state="attending"))) as browser:
        form = {"event_id": EVENT} | ({"reason": reason} if reason is not None else {})
        assert (await browser.post(f"/duty/calls/{CALL}/close", data=form)).status_code == 400
        assert browser.desk.closed == []


async def test_a_late_step_changes_nothing_and_shows_what_is_true():
    async with at_station(StationDesk(a_call(state="attending"))) as browser:
        before = browser.desk.view()
        answer = await browser.post(f"/duty/calls/{CALL}/acknowledge", data={"event_id": EVENT})
        assert answer.status_code == 303
        assert browser.desk.view() == before


async def test_the_oldest_call_nobody_has_taken_is_on_top_and_takes_the_one_key():
    old, young = a_call(age_s=9), a_call(id=OTHER_CALL, age_s=40)
    taken = a_call(id=EVENT, age_s=100, state="acknowledged")
    async with at_station(StationDesk(taken, old, young)) as browser:
        page = (await browser.get("/duty")).text
    assert re.findall(r'id="(?:acknowledge|attend)-([0-9a-f-]+)"', page) == [OTHER_CALL, CALL, EVENT]
    assert re.search(rf'id="acknowledge-{OTHER_CALL}" autofocus', page)
    assert page.count("autofocus") == 1


async def test_the_duty_page_shows_elapsed_times_and_the_status_line():
    desk = StationDesk(
        a_call(age_s=75), link="down", hq_online=False, waiting=12, oldest_waiting_s=3661, journal_ok=False
    )
    async with at_station(desk) as browser:
        page = (await browser.get("/duty?lang=en")).text
    assert 'data-age="75">1:15<' in page
    assert 'data-age="3661">1:01:01<' in page
    for words in ("down", "not heard", "CANNOT WRITE", "synchronised", "ready"):
        assert words in page
    assert "<title>(1) HELP" in page


async def test_scripts_in_names_and_reasons_are_shown_as_text():
    device = DeviceView(name=SCRIPT, kind="panel", state="faulty", reason=SCRIPT)
    desk = StationDesk(a_call(), name_zh=SCRIPT, name_en=SCRIPT, devices=(device,))
    async with at_station(desk) as browser:
        for path in ("/", "/duty", "/live", "/duty/live", "/duty?lang=en", f"/{SCRIPT}", f"/duty?lang={SCRIPT}"):
            assert "<script>" not in (await browser.get(path)).text


@pytest.mark.parametrize("path", ["/", "/duty", "/no-such-page"])
async def test_a_page_carries_no_inline_script_or_style_and_names_no_other_host(station, path):
    page = (await station.get(path)).text
    assert not re.search(r"<style|style=|\son\w+=|javascript:|<script>", page)
    assert not re.search(r'(?:src|href|action)="(?!/)', page)


async def test_the_language_asked_for_is_remembered(station):
    assert 'lang="zh-CN"' in (await station.get("/")).text
    assert "HELP" in (await station.get("/?lang=en")).text
    assert "HELP" in (await station.get("/")).text
    assert "求助" in (await station.get("/?lang=zh-CN")).text
    assert "求助" in (await station.get("/?lang=tlh")).text


async def test_a_fragment_in_another_tabs_language_does_not_change_what_is_remembered(station):
    await station.get("/?lang=en")
    assert "set-cookie" not in (await station.get("/live?lang=zh-CN")).headers


async def test_status_is_the_view_as_json(station):
    status = json.loads((await station.get("/status.json")).content)
    assert (status["station"], status["link"], status["calls"]) == ("sjz-001", "up", [])
    assert status["devices"] == [{"name": "desk", "kind": "panel", "state": "ready", "reason": "", "self_test": None}]


async def test_the_citizens_colours_reach_a_contrast_of_seven():
    css = await _static("citizen.css")
    colour = dict(re.findall(r"--([\w-]+): #([0-9a-f]{6});", css))
    on = {
        "paper": ("ink", "help"),
        "card": ("ink", "help", "good", "calm"),
        "on-help": ("help", "help-light", "help-deep", "calm"),
    }
    for ground, inks in on.items():
        for ink in inks:
            assert _contrast(colour[ground], colour[ink]) >= 7, (ground, ink)


async def _static(name):
    async with at_station(StationDesk()) as browser:
        return (await browser.get(f"/static/{name}")).text


def _contrast(first, second):
    """WCAG 2.2, "contrast ratio" and "relative luminance"."""

    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
