"""The frame of the citizen's screen: what is around every page, the ways between them, and what is left afterwards."""

import json
import re
from dataclasses import replace

import pytest
from web_desks import EVENT, StationDesk, a_call, at_station
from window_rig import a_window

from agent.screens.shown import Shown
from agent.screens.stage import Stage
from agent.screens.visit_pages import VisitPages
from agent.visit import IDLE_S, WARNING_S

GROUP = Shown("citizen_group.html", {"group": {"zh": "某处", "en": "Somewhere"}, "services": []})


def somewhere(words):
    return GROUP if words == ("here",) else None


async def go(browser, to):
    answer = await browser.post("/go", data={"to": to})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    return (await browser.get("/")).text


async def wait(browser, seconds):
    browser.counter.clock.ahead_s += seconds
    browser.counter.visits.look()
    return (await browser.get("/")).text


async def test_all_services_are_two_taps_away_and_back_returns_step_by_step(station):
    groups = await go(station, "services")
    catalogue = station.counter.records.catalogue
    assert re.findall(r'id="group-([A-Z]+)"', groups) == list(catalogue.groups)
    services = await go(station, "services/HZ")
    assert re.findall(r'id="service-([A-Z]+-\d+)"', services) == ["HZ-01", "HZ-02", "HZ-03"]
    await station.post("/back")
    assert 'id="group-HZ"' in (await station.get("/")).text
    await station.post("/back")
    assert 'id="all-services"' in (await station.get("/")).text
    await station.post("/back")
    assert 'id="all-services"' in (await station.get("/")).text


async def test_a_group_of_one_service_leads_straight_to_it(station):
    groups = await go(station, "services")
    assert 'value="service/ZX-01" id="group-ZX"' in groups
    assert 'value="services/JG" id="group-JG"' in groups


async def test_in_large_words_the_groups_stand_on_two_pages(station):
    await station.post("/look", data={"size": "large"})
    first = re.findall(r'id="group-([A-Z]+)"', await go(station, "services"))
    second = re.findall(r'id="group-([A-Z]+)"', await go(station, "services/2"))
    assert len(first) == 6
    assert first + second == list(station.counter.records.catalogue.groups)


@pytest.mark.parametrize("to", ["services/ZZ", "services/0", "nowhere", "services/HZ/x", "here"])
async def test_a_page_that_does_not_exist_is_the_first_page(station, to):
    await go(station, "services/HZ")
    assert 'id="all-services"' in await go(station, to)
    assert station.counter.visits.browse.at == ()


@pytest.mark.parametrize("to", ["a b", "a/b/c/d/e/f/g", "x" * 41, "../etc", "<script>"])
async def test_words_that_no_button_has_are_refused(station, to):
    assert (await station.post("/go", data={"to": to})).status_code == 400


async def test_a_room_shows_its_pages_inside_the_frame():
    async with at_station(StationDesk(), citizen={"rooms": {"somewhere": somewhere}}) as browser:
        page = await go(browser, "somewhere/here")
        assert "<h2>某处</h2>" in page
        assert page.index('action="/help"') < page.index('action="/end"') < page.index("某处") < page.index("/back")
        assert 'id="all-services"' in await go(browser, "somewhere/else")


async def test_a_call_for_help_is_a_strip_above_what_is_open_and_whole_above_nothing(station):
    await station.desk.become(calls=(a_call(),))
    assert 'class="news whole' in (await station.get("/")).text
    page = await go(station, "services")
    assert 'class="news strip' in page
    assert 'id="group-HZ"' in page


async def test_what_stands_on_the_stage_is_the_first_of_visit_rating_page_and_idle_content():
    async with a_window(lambda: None) as (counter, _, _):
        offered = {"rating": None, "idle": Shown("idle")}
        stage = Stage(
            visits=counter.visits,
            ratings=counter.ratings,
            visit=VisitPages(counter),
            rooms={"somewhere": somewhere},
            rating=lambda: offered["rating"],
            idle=lambda: offered["idle"],
        )
        assert stage.shown()[0] == "home"
        counter.clock.ahead_s += IDLE_S
        assert stage.shown()[0] == "idle"
        counter.visits.stay()
        assert stage.shown()[0] == "home"
        counter.visits.go(("somewhere", "here"))
        assert stage.shown() == ("room", GROUP)
        offered["rating"] = Shown("rating")
        assert stage.shown()[0] == "rating"
        counter.visits.begin(EVENT, "ZX-01")
        assert stage.shown()[0] == "visit"
        counter.visits.leave()
        assert stage.shown()[0] == "rating"
        offered["rating"] = None
        assert stage.shown()[0] == "home"


# -- leaving ----------------------------------------------------------------------------------------------------------


async def test_a_page_left_alone_warns_with_one_button_and_is_then_the_first_page_in_the_first_language(station):
    await station.post("/look", data={"lang": "en", "size": "large"})
    await go(station, "services/HZ")
    page = await wait(station, IDLE_S + 1)
    assert re.findall(r'<button[^>]*id="(\w+)"', page.split('id="live"')[1].split("</main>")[0]) == ["stay"]
    assert "Are you still there?" in page
    await station.post("/stay")
    assert 'id="service-HZ-03"' in (await station.get("/")).text
    page = await wait(station, IDLE_S + WARNING_S)
    assert 'lang="zh-CN"' in page
    assert 'class="citizen"' in page
    assert 'id="all-services"' in page


async def test_end_and_erase_leaves_no_page_language_or_size(station):
    await station.post("/look", data={"lang": "en"})
    await station.post("/look", data={"size": "large"})
    assert 'class="citizen large"' in await go(station, "services")
    assert (await station.post("/end")).headers["location"] == "/"
    page = (await station.get("/")).text
    assert 'class="citizen"' in page
    assert 'lang="zh-CN"' in page
    assert 'id="all-services"' in page


async def test_whoever_waits_for_help_goes_on_reading_in_their_language(station):
    await station.post("/look", data={"lang": "en"})
    await station.desk.become(calls=(a_call(),))
    assert '<html lang="en"' in await wait(station, 10 * IDLE_S)
    await station.desk.become(calls=())
    station.counter.visits.look()
    assert '<html lang="zh-CN"' in (await station.get("/")).text


async def test_no_browser_is_asked_to_remember_anything(station):
    answers = [await station.get("/?lang=en"), await station.post("/look", data={"lang": "en"})]
    answers.append(await station.post("/go", data={"to": "services"}))
    assert not any("set-cookie" in answer.headers for answer in answers)
    assert {answer.headers["location"] for answer in answers[1:]} == {"/"}


@pytest.mark.parametrize("data", [{"lang": "tlh"}, {"size": "huge"}, {}, {"lang": "<script>"}])
async def test_a_look_there_is_not_changes_nothing(station, data):
    assert (await station.post("/look", data=data)).status_code == 303
    page = (await station.get("/")).text
    assert 'class="citizen"' in page
    assert '<html lang="zh-CN"' in page


# -- while nobody answers ---------------------------------------------------------------------------------------------


async def test_the_page_that_stands_in_has_the_numbers_and_says_in_both_languages_what_does_not_work(station):
    page = (await station.get("/down")).text
    for words in ("本机暂时不能使用", "This machine is not working now.", "您的求助还没有发出去", "110", "12345"):
        assert words in page
    assert page.count('data-lost=""') == page.count('name="event_id" value=""') == 1
    assert page == (await station.get("/down?lang=zh-CN")).text


async def test_the_worker_keeps_that_page_and_all_it_needs_and_is_another_when_one_of_them_is(station):
    worker = (await station.get("/sw.js")).text
    files = json.loads(re.search(r"const FILES = (\[.*?\]);", worker)[1])
    needed = re.findall(r'(?:href|src)="([^"]+)"', (await station.get("/down")).text)
    assert set(files) == {"/down", *needed}
    for file in files:
        assert (await station.get(file)).status_code == 200
    station.desk._view = replace(station.desk.view(), name_zh="别处警务站")
    assert (await station.get("/sw.js")).text != worker


async def test_the_worker_is_one_in_all_languages_for_a_browser_that_changes_it_may_lose_a_page(station):
    worker, page = (await station.get("/sw.js")).text, (await station.get("/down")).text
    await station.post("/look", data={"lang": "en", "size": "large"})
    assert (await station.get("/sw.js")).text == worker
    assert (await station.get("/down")).text == page


async def test_a_script_that_sends_a_form_is_answered_with_what_the_screen_shows_then(station):
    by_script = {"Accept": "text/x-live"}
    answer = await station.post("/look", data={"lang": "en"}, headers=by_script)
    shown = await station.get("/live")
    assert (answer.status_code, answer.text) == (200, shown.text)
    assert "location" not in answer.headers
    for header in ("content-type", "content-security-policy", "cache-control"):
        assert answer.headers[header] == shown.headers[header]
    assert (await station.post("/go", data={"to": "no such/.."}, headers=by_script)).status_code == 400
    assert (await station.post("/look", data={"lang": "en"})).status_code == 303


async def test_the_id_that_a_page_standing_in_makes_up_is_one_press_however_often_it_is_sent(station):
    made_up = "5f0d8a53-2c0e-4b7c-9a39-0b7d0f0c1d2e"  # a version 4, as a browser makes them
    for _ in range(3):
        await station.post("/help", data={"event_id": made_up})
    (call,) = station.desk.view().calls
    assert (call.id, call.presses) == (made_up, 1)


async def test_plain_javascript_is_two_hundred_lines_in_all(station):
    lines = [(await station.get(f"/static/{name}")).text.count("\n") for name in ("jingting.js", "sw.js")]
    assert sum(lines) <= 200


async def test_a_page_and_its_files_weigh_no_more_than_sixty_kilobytes(station):
    await station.desk.become(calls=(a_call(id=EVENT, recorded=True, at_hq=True),))
    page = await go(station, "services")
    weight = len(page.encode())
    for file in set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page)):
        weight += len((await station.get(file)).content)
    assert weight <= 60 * 1024
    assert "night.css" not in page
