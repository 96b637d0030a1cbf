import json
import re

import pytest
from test_record_pages import form_id, lines, open_record, step
from web_desks import EVENT, StationDesk, a_call, at_station

from agent.database import JournalError
from agent.rating import OFFERED_S, THANKED_S
from common.events.records import RATINGS

WORDS = {
    "zh-CN": ("您对本次服务是否满意", "非常满意", "基本满意", "非常不满意", "不评价", "感谢您的评价"),
    "en": (
        "How satisfied are you",
        "Very satisfied",
        "Fairly satisfied",
        "Very dissatisfied",
        "No answer",
        "Thank you",
    ),
}


async def done(browser, service="ZX-01"):
    """Let an officer finish a record; return it."""
    record, _ = await open_record(browser, service)
    for name in ("accept", "handle"):
        await step(browser, record, name)
    await step(browser, record, "finish", result="advised")
    return record


async def screen(browser):
    return (await browser.get("/")).text


async def rate(browser, rating):
    offer = form_id(await screen(browser), "/rating")
    answer = await browser.post("/rating", data={"event_id": offer, "rating": rating})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    return offer


def rated(browser):
    return [event for event in lines(browser) if event["type"] == "record.rated"]


@pytest.mark.parametrize("lang", WORDS)
async def test_when_a_service_is_done_the_screen_asks_with_five_answers_and_nothing_preselected(station, lang):
    await station.get(f"/?lang={lang}")
    record = await done(station)
    page = await screen(station)
    assert all(words in page for words in WORDS[lang][:-1])
    assert station.counter.records.get(record).number in page
    assert re.findall(r'name="rating" value="(\w+)"', page) == list(RATINGS)
    assert not re.search(r"checked|selected|autofocus|咨询|Ask for advice", page.split('class="page rating')[1])
    assert rated(station) == []
    await rate(station, "satisfied")
    assert WORDS[lang][-1] in await screen(station)


async def test_what_was_tapped_is_journaled_once_under_the_id_of_its_form(station):
    record = await done(station)
    offer = await rate(station, "dissatisfied")
    for rating in ("dissatisfied", "very_satisfied"):
        await station.post("/rating", data={"event_id": offer, "rating": rating})
    (event,) = rated(station)
    assert (event["id"], event["data"]) == (offer, {"record": record, "change": 5, "rating": "dissatisfied"})
    station.counter.clock.ahead_s += THANKED_S
    assert "/rating" not in await screen(station)


@pytest.mark.parametrize("way", ["skip", "/back", "/end", "walks away"])
async def test_whoever_skips_it_or_walks_away_has_given_no_rating(station, way):
    await done(station)
    before = lines(station)
    offer = form_id(await screen(station), "/rating")
    if way == "walks away":
        station.counter.clock.ahead_s += OFFERED_S
    elif way == "skip":
        await station.post("/rating/skip", data={"event_id": offer})
    else:
        await station.post(way)
    assert 'action="/rating"' not in await screen(station)
    await station.post("/rating", data={"event_id": offer, "rating": "very_satisfied"})
    assert lines(station) == before


async def test_somebody_who_reads_slowly_keeps_the_question(station):
    await done(station)
    for _ in range(3):
        station.counter.clock.ahead_s += OFFERED_S - 5
        await station.post("/stay")
        assert 'action="/rating"' in await screen(station)


async def test_a_call_for_help_and_the_next_visitor_come_before_it_and_end_it(station):
    await done(station)
    await station.post("/help", data={"event_id": EVENT})
    assert 'action="/rating"' not in await screen(station)
    await station.desk.become(calls=())
    await done(station)
    offer = form_id(await screen(station), "/rating")
    await station.post("/visit", data={"event_id": "019a0000-0000-7000-8000-0000000000aa", "service": "ZX-01"})
    await station.post("/rating", data={"event_id": offer, "rating": "satisfied"})
    assert rated(station) == []
    await station.post("/end")
    assert 'action="/rating"' not in await screen(station)


async def test_while_somebody_calls_or_is_at_the_screen_nothing_is_offered_and_the_desk_says_so():
    async with at_station(StationDesk(a_call())) as browser:
        record = await done(browser)
        assert "群众屏幕正在使用" in (await browser.get(f"/duty/records/{record}")).text
        await browser.desk.become(calls=())
        assert 'action="/rating"' not in await screen(browser)
        page = (await browser.get(f"/duty/records/{record}")).text
        assert f'action="/duty/records/{record}/rating"><button data-key="f"' in page
        await browser.post(f"/duty/records/{record}/rating")
        assert 'action="/rating"' in await screen(browser)


async def test_the_duty_desk_is_shown_no_rating_nor_whether_there_is_one(station):
    one, other = await done(station), await done(station)
    await rate(station, "very_dissatisfied")
    assert [event["data"]["record"] for event in rated(station)] == [other]

    # Each of the pages may name both: what is done stands on the desk.
    names = "|".join(name for record in (one, other) for name in (record, station.counter.records.get(record).number))

    async def seen(record):
        pages = [(await station.get(path)).text for path in (f"/duty/records/{record}", "/duty", "/status.json")]
        return [re.sub(rf"{names}|value=\"[0-9a-f-]+\"|data-age=\"\d+\">[\d:]+", "", page) for page in pages]

    assert await seen(one) == await seen(other)
    assert not any("不满意" in page for page in await seen(other))
    station.counter.clock.ahead_s += THANKED_S
    answers = [await station.post(f"/duty/records/{record}/rating") for record in (other, one)]
    assert [answer.status_code for answer in answers] == [303, 303]


async def test_a_second_rating_never_takes_the_first_ones_place(station):
    record = await done(station)
    await rate(station, "very_dissatisfied")
    station.counter.clock.ahead_s += THANKED_S
    await station.post(f"/duty/records/{record}/rating")
    assert 'action="/rating"' not in await screen(station)
    await step(station, record, "reopen", reason="citizen-returned")
    await step(station, record, "finish", result="handled")
    await rate(station, "satisfied")
    assert [event["data"]["rating"] for event in rated(station)] == ["very_dissatisfied", "satisfied"]


@pytest.mark.parametrize("service", ["TS-01", "BJ-01", "FZ-01"])
async def test_services_that_offer_none_are_not_rated(station, service):
    fields = {"reference": "110-7"} if service == "BJ-01" else {}
    record, _ = await open_record(station, service, **fields)
    for name in ("accept", "handle"):
        await step(station, record, name)
    await step(station, record, "finish", result="advised")
    assert "/rating" not in (await station.get(f"/duty/records/{record}")).text
    await station.post(f"/duty/records/{record}/rating")
    assert 'action="/rating"' not in await screen(station)


@pytest.mark.parametrize("end", ["withdraw", "no_show"])
async def test_what_was_not_done_is_not_rated(station, end):
    record, _ = await open_record(station, "ZX-01")
    await step(station, record, end)
    await station.post(f"/duty/records/{record}/rating")
    assert 'action="/rating"' not in await screen(station)


async def test_a_disk_that_fails_is_said_and_the_same_answer_may_be_tapped_again(station, monkeypatch):
    await done(station)

    async def fails(_work):
        raise JournalError("write", station.counter, "it is full", "make room")

    with monkeypatch.context() as broken:
        broken.setattr(station.journal, "run", fails)
        offer = await rate(station, "satisfied")
    page = await screen(station)
    assert "未能记录" in page
    assert form_id(page, "/rating") == offer
    await rate(station, "satisfied")
    assert [event["id"] for event in rated(station)] == [offer]


@pytest.mark.parametrize("rating", ["", "good", "<script>"])
async def test_an_answer_that_is_none_of_the_five_is_none(station, rating):
    await done(station)
    await rate(station, rating)
    assert "record.rated" not in json.dumps(lines(station))
    assert 'action="/rating"' in await screen(station)
