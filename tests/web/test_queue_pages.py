import json
import re

import pytest
from test_record_pages import form_id, lines, open_record, step
from web_desks import StationDesk, at_station

from agent.database import JournalError

NAME = "欧阳甲测"


async def waiting(browser, *services):
    """Let people be registered; return their records."""
    return [(await open_record(browser, service, name=NAME))[0] for service in services]


async def press(browser, action):
    page = (await browser.get("/duty")).text
    answer = await browser.post(action, data={"event_id": form_id(page, action)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/duty")


def number(browser, record):
    return browser.counter.records.get(record).number


def numbers(html, part):
    section = re.search(rf'<section class="{part}".*?</section>', html, re.DOTALL)[0]
    return re.findall(r"<small>([A-Z0-9-]+)</small>", section)


async def test_one_key_at_the_desk_calls_the_next_one_to_the_display(station):
    first, second = await waiting(station, "ZX-01", "HZ-03")
    page = (await station.get("/duty?lang=en")).text
    assert re.search(rf'id="call-next" data-key="c">Call the next one <b[^>]*>{number(station, first)}<', page)
    await press(station, "/duty/call")
    shown = (await station.get("/queue")).text
    assert numbers(shown, "called") == [number(station, first)]
    assert numbers(shown, "next") == [number(station, second)]
    assert 'class="turn fresh"' in shown
    await press(station, f"/duty/records/{first}/call")
    assert 'data-times="2"' in (await station.get("/queue/live")).text
    assert "已叫号 2 次" in (await station.get("/duty?lang=zh-CN")).text
    called = [event["data"] for event in lines(station) if event["type"] == "record.called"]
    assert called == [{"record": first, "times": 1}, {"record": first, "times": 2}]


async def test_whoever_is_accepted_is_at_the_desk_and_whoever_did_not_come_is_gone(station):
    first, second = await waiting(station, "ZX-01", "ZX-01")
    for _ in range(2):
        await press(station, "/duty/call")
    assert numbers((await station.get("/queue")).text, "called") == [number(station, second), number(station, first)]
    await step(station, second, "no_show")
    await step(station, first, "accept")
    shown = (await station.get("/queue")).text
    assert (numbers(shown, "called"), numbers(shown, "served")) == ([], [number(station, first)])
    assert "/duty/call" not in (await station.get("/duty")).text, "nobody waits: there is no button"


async def test_the_display_shows_numbers_and_counters_and_nothing_else(station):
    services = ("TS-01", "HZ-03", "ZX-01")
    await waiting(station, *services)
    await press(station, "/duty/call")
    shown = (await station.get("/queue")).text + (await station.get("/queue/live")).text
    catalogue = station.counter.records.catalogue
    for secret in (NAME, "欧", *(catalogue.services[code].zh for code in services), *services):
        assert secret not in shown
    assert not re.search(r"<(form|button|input|a) ", shown), "nobody touches it"


async def test_the_display_speaks_both_languages_at_once_and_keeps_the_numbers_for_emergencies(station):
    for language in ("zh-CN", "en"):
        shown = (await station.get(f"/queue?lang={language}")).text
        for words in ("请到服务台", "Now called", "等候人数", "Waiting", "按红色求助按钮", "Press a red help button"):
            assert words in shown
        assert "<b>110</b>" in shown
        assert 'id="stale"' in shown
        assert 'data-live="/queue/live"' in shown


async def test_a_call_moves_every_open_page(station):
    await waiting(station, "ZX-01")
    version = station.desk.view().version
    await press(station, "/duty/call")
    assert await station.desk.changed(version) > version


async def test_how_long_it_takes_is_said_once_the_station_knows_it(station):
    for _ in range(5):
        assert "现在取号约等候" not in (await station.get("/queue")).text
        (record,) = await waiting(station, "ZX-01")
        await step(station, record, "accept")
        await step(station, record, "handle")
        station.counter.clock.ahead_s += 8 * 60
        await step(station, record, "finish", result="advised")
    await waiting(station, "ZX-01")
    assert re.search(r"现在取号约等候（分钟）.*?<dd>10</dd>", (await station.get("/queue")).text, re.DOTALL)


async def test_a_disk_that_cannot_be_read_is_said(monkeypatch):
    async with at_station(StationDesk()) as browser:

        def fails(*_):
            raise JournalError("read", browser.counter, "it is gone", "look at it")

        monkeypatch.setattr(browser.journal, "query", fails)
        shown = (await browser.get("/queue")).text
        assert "暂时无法显示排队情况" in shown
        assert "110" in shown
        assert (await browser.get("/duty")).status_code == 200


@pytest.mark.parametrize("path", ["/duty/call", "/duty/records/019a0000-0000-7000-8000-00000000000e/call"])
async def test_a_form_without_its_id_calls_nobody(station, path):
    await waiting(station, "ZX-01")
    assert (await station.post(path, data={"event_id": "7"})).status_code == 400
    assert "record.called" not in json.dumps(lines(station))


async def take_a_number(browser, lang):
    await browser.post("/end")  # of whoever stood there before
    await browser.get(f"/?lang={lang}")
    await browser.post("/go", data={"to": "service/ZX-01"})
    visit = form_id((await browser.get("/")).text, "/visit")
    await browser.post("/visit", data={"event_id": visit, "service": "ZX-01"})
    await browser.post("/visit/confirm", data={"event_id": visit})
    ticket = (await browser.get("/")).text
    await browser.post("/visit/end", data={"event_id": visit})
    return visit, ticket


@pytest.mark.parametrize(
    ("lang", "first", "later", "long"),
    [
        ("zh-CN", "下一位就是您", "前面还有 2 人", "约 20 分钟"),
        ("en", "You are next", "Before you: 2", "About 20 minutes"),
    ],
)
async def test_the_ticket_says_how_many_come_first_and_how_long_once_that_is_known(station, lang, first, later, long):
    visit, ticket = await take_a_number(station, lang)
    assert first in ticket
    assert long not in ticket
    await step(station, visit, "withdraw")
    for _ in range(5):
        (record,) = await waiting(station, "ZX-01")
        await step(station, record, "accept")
        station.counter.clock.ahead_s += 9 * 60
        await step(station, record, "handle")
        await step(station, record, "finish", result="advised")
    await waiting(station, "ZX-01", "ZX-01")
    await press(station, "/duty/call")
    await station.get(f"/?lang={lang}")  # the next one to come begins in the first language
    _, ticket = await take_a_number(station, lang)
    assert later in ticket
    assert long in ticket
