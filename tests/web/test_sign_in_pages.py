"""Signing in at the duty desk, as its browser sees it."""

import asyncio
import json
import re

import pytest
from web_desks import StationDesk, a_call, at_station
from window_rig import CARD, PIN, STAFF, on_the_list

from agent.sign_in import IDLE_S
from common.slowing import FREE

SCRIPT = "<script>alert(1)</script>"


async def sign_in(browser, staff=STAFF, pin=PIN, **more):
    return await browser.post("/duty/sign-in", data={"staff": staff, "pin": pin} | more)


async def a_record(browser):
    page = (await browser.get("/duty/new?service=HZ-01")).text
    form = page[page.index('action="/duty/records"') :]
    record = re.search(r'name="event_id" value="([0-9a-f-]{36})"', form)[1]
    fields = {"event_id": record, "service": "HZ-01", "as": "registered", "name": CARD["name"]}
    await browser.post("/duty/records", data=fields | {"number": CARD["number"]})
    return record


async def reveal(browser, record):
    page = (await browser.get(f"/duty/records/{record}")).text
    form = page[page.index(f'action="/duty/records/{record}/reveal"') :]
    event = re.search(r'name="event_id" value="([0-9a-f-]{36})"', form)[1]
    return await browser.post(f"/duty/records/{record}/reveal", data={"event_id": event})


@pytest.mark.parametrize(("lang", "nobody"), [("zh-CN", "无人"), ("en", "Nobody")])
async def test_the_status_line_says_who_is_signed_in_and_leads_to_it_with_one_key(station, lang, nobody):
    await on_the_list(station.journal)
    page = (await station.get(f"/duty?lang={lang}")).text
    assert re.search(rf'href="/duty/sign-in" id="sign-in" data-key="l">{nobody}', page)
    signed = await sign_in(station)
    assert (signed.status_code, signed.headers["location"]) == (303, "/duty")
    assert re.search(r"duty_session=[\w-]{32}; Path=/; HttpOnly; SameSite=Strict$", signed.headers["set-cookie"])
    assert f"<b>{STAFF}</b>" in (await station.get("/duty/live")).text
    await station.post("/duty/sign-out")
    assert f"<b>{STAFF}</b>" not in (await station.get("/duty/live")).text


async def test_nothing_is_revealed_without_signing_in_which_leads_back_to_the_record(station):
    record = await a_record(station)
    answer = await reveal(station, record)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/duty/sign-in?record={record}")
    assert CARD["number"] not in answer.text
    asked = (await station.get(answer.headers["location"])).text
    assert f'name="record" value="{record}"' in asked
    await on_the_list(station.journal)
    assert (await sign_in(station, record=record)).headers["location"] == f"/duty/records/{record}"
    assert CARD["number"] in (await reveal(station, record)).text


async def test_on_a_disk_that_hangs_nothing_is_revealed_and_the_page_comes_all_the_same(station, monkeypatch):
    record = await a_record(station)
    await on_the_list(station.journal)
    await sign_in(station)
    hung = asyncio.Event()

    async def run(_work):
        await hung.wait()

    monkeypatch.setattr("agent.screens.forms.SAVE_S", 0.05)
    with monkeypatch.context() as disk:
        disk.setattr(station.journal, "run", run)
        answer = await reveal(station, record)
    assert answer.status_code == 503
    assert CARD["number"] not in answer.text
    hung.set()
    assert CARD["number"] in (await reveal(station, record)).text


async def test_another_browser_of_the_same_desk_reveals_nothing(station):
    record = await a_record(station)
    await on_the_list(station.journal)
    await sign_in(station)
    station.cookies.clear()
    assert (await reveal(station, record)).status_code == 303
    station.cookies.set("duty_session", "x" * 32)
    assert (await reveal(station, record)).status_code == 303


async def test_after_five_minutes_and_after_the_shift_nothing_is_revealed_any_more(station):
    record = await a_record(station)
    await on_the_list(station.journal)
    await sign_in(station)
    station.counter.clock.ahead_s = IDLE_S + 1
    assert (await reveal(station, record)).status_code == 303
    await sign_in(station)
    await station.post("/duty/shift")
    assert (await reveal(station, record)).status_code == 303
    await sign_in(station)
    shown = await reveal(station, record)
    assert shown.status_code == 200
    assert CARD["number"] not in shown.text  # signed in again, but its key is gone with the shift


@pytest.mark.parametrize(("lang", "words"), [("zh-CN", "错误的 PIN 太多"), ("en", "Too many wrong PINs")])
async def test_wrong_five_times_the_page_says_when_the_next_is_looked_at(station, lang, words):
    await station.get(f"/duty?lang={lang}")
    await on_the_list(station.journal)
    for _ in range(FREE):
        answer = await sign_in(station, pin="000000")
        assert answer.status_code == 403
        assert 'role="alert"' in answer.text
    answer = await sign_in(station)
    assert answer.status_code == 403
    assert words in answer.text
    assert PIN not in answer.text


async def test_a_call_is_taken_and_a_record_kept_by_nobody_in_particular():
    async with at_station(StationDesk(a_call())) as browser:
        page = (await browser.get("/duty")).text
        path = re.search(r'action="(/duty/calls/[^"]+/acknowledge)"', page)[1]
        event = re.search(r'name="event_id" value="([0-9a-f-]{36})"', page[page.index(path) :])[1]
        assert (await browser.post(path, data={"event_id": event})).status_code == 303
        assert browser.desk.view().calls[0].state == "acknowledged"
        assert browser.counter.records.get(await a_record(browser)).staff is None


async def test_what_somebody_does_signed_in_names_them(station):
    await on_the_list(station.journal)
    await sign_in(station)
    assert station.counter.records.get(await a_record(station)).staff == STAFF


@pytest.mark.parametrize(
    "typed", [{"staff": SCRIPT}, {"pin": "9" * 5000}, {"staff": ""}, {"record": "//evil.example/"}]
)
async def test_whatever_is_typed_signs_nobody_in_and_leads_nowhere_else(station, typed):
    await on_the_list(station.journal)
    answer = await sign_in(station, **{"pin": "000000"} | typed)
    assert answer.status_code == 403
    assert "<script>alert" not in answer.text
    assert "evil" not in answer.text
    events = station.journal.query(lambda db: db.execute("SELECT line FROM events").fetchall())
    assert not [one for (line,) in events if (one := json.loads(line))["type"].startswith("staff.")]


async def test_to_sign_in_leads_to_a_record_or_to_the_desk_and_nowhere_else(station):
    await on_the_list(station.journal)
    assert (await sign_in(station, record="//evil.example/")).headers["location"] == "/duty"
