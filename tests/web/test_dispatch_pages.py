"""Dispatches at the duty desk, and on headquarters' page."""

import re
import sqlite3

import pytest
from sqlalchemy import insert
from web_desks import WALL_MS, CityDesk, at_headquarters
from window_rig import CATALOGUE

from common.events.errands import DispatchSent
from hq import tables

ONE, EVENT = "019a0000-0000-7000-8000-0000000000d1", "019a0000-0000-7000-8000-0000000000e1"
SCRIPT = "<script>alert(1)</script>"


async def send(browser, reference="110-7", **fields):
    sent = DispatchSent(service="QZ-01", reference=reference, expires="2099-01-01T00:00:00.000Z", **fields)
    await browser.journal.run(lambda pen: browser.counter.dispatches.send(pen, ONE, sent))


async def step(browser, name, **more):
    page = (await browser.get("/duty/live")).text
    form = page[page.index(f'action="/duty/dispatches/{ONE}/{name}"') :]
    event = re.search(r'name="event_id" value="([0-9a-f-]{36})"', form)[1]
    return await browser.post(f"/duty/dispatches/{ONE}/{name}", data={"event_id": event} | more)


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh-CN", ("出警任务", "未签收", "签收", "出发", "到达", "未发现情况", "网格")),
        ("en", ("Dispatches", "not received yet", "Receive", "Set out", "Arrived", "Nothing found", "Grid")),
    ],
)
async def test_a_dispatch_is_shown_with_its_next_step_on_one_key_until_it_is_reported(station, lang, words):
    await send(station, grid="G-07", priority="urgent")
    page = (await station.get(f"/duty?lang={lang}")).text
    service = CATALOGUE.services["QZ-01"]
    for said in (*words[:3], words[-1], "110-7", "G-07", service.zh if lang == "zh-CN" else service.en):
        assert said in page
    assert page.count('data-key="d"') == 1
    for name in ("receive", "set_out", "arrive"):
        assert (await step(station, name)).headers["location"] == "/duty"
    page = (await station.get("/duty")).text
    assert words[5] in page
    assert (await step(station, "report", result="nothing_found")).status_code == 303
    assert "110-7" not in (await station.get("/duty")).text


async def test_a_late_step_changes_nothing_and_a_wrong_one_is_refused(station):
    await send(station)
    form = {"event_id": EVENT}
    assert (await station.post(f"/duty/dispatches/{ONE}/arrive", data=form)).status_code == 303
    assert station.counter.dispatches.open_ones()[0].state == "sent"
    assert (await station.post(f"/duty/dispatches/{ONE}/nonsense", data=form)).status_code == 404
    assert (await station.post(f"/duty/dispatches/{ONE}/report", data=form | {"result": "x"})).status_code == 400
    assert (await station.post("/duty/dispatches/x/receive", data=form)).status_code == 404
    assert (await station.post(f"/duty/dispatches/{ONE}/receive", data={"event_id": "x"})).status_code == 400


async def test_without_a_disk_the_desk_says_so_and_the_dispatch_stays(station, monkeypatch):
    await send(station)

    async def broken(*_):
        raise station.journal.damaged(sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(station.journal, "run", broken)
    answer = await station.post(f"/duty/dispatches/{ONE}/receive", data={"event_id": EVENT})
    assert answer.status_code == 503
    assert "未登记" in answer.text or "磁盘" in answer.text


async def test_script_in_a_reference_is_shown_as_text(station):
    await send(station, SCRIPT)
    assert "<script>alert" not in (await station.get("/duty")).text


def known_at_headquarters(browser, *, step, time, unsure):
    """A dispatch that was sent, and the one thing that its station said of it."""
    data = '{"service":"QZ-01","reference":"110-7","expires":"2099-01-01T00:00:00.000Z"}'
    order = {"station": "sjz-001", "id": ONE, "position": 1, "type": "dispatch.sent", "data": data}
    order |= {"outcome": "applied", "reason": "", "given_ms": WALL_MS, "expires": "2099-01-01T00:00:00.000Z"}
    said = {"station": "sjz-001", "dispatch": ONE, "step": step, "received_ms": WALL_MS, "time": time, "unsure": unsure}
    with browser.database.write() as connection:
        connection.execute(insert(tables.stations).values(station="sjz-001"))
        connection.execute(insert(tables.orders).values(**order))
        connection.execute(insert(tables.dispatch_steps).values(**said))


@pytest.mark.parametrize(
    ("lang", "words"), [("zh-CN", ("出警任务", "无人签收")), ("en", ("Dispatches", "nobody received"))]
)
async def test_headquarters_page_lists_what_was_sent_and_how_it_stands(lang, words):
    async with at_headquarters(CityDesk()) as browser:
        known_at_headquarters(browser, step="expired", time="2026-11-18T11:36:40.000Z", unsure=False)
        page = (await browser.get(f"/dispatches?lang={lang}")).text
        assert all(word in page for word in (*words, "110-7", "sjz-001"))
        assert ">2026-11-18 19:06<" in page  # WALL_MS, in the city's zone


@pytest.mark.parametrize(
    ("time", "unsure", "shown"),
    [("2026-11-18T11:07:40.000Z", True, "~2026-11-18 19:07"), ("2026-99-99T", False, "2026-99-99T")],
)
async def test_a_step_is_shown_in_the_citys_time_an_unsure_one_marked_and_a_wrong_one_as_it_came(time, unsure, shown):
    async with at_headquarters(CityDesk()) as browser:
        known_at_headquarters(browser, step="receive", time=time, unsure=unsure)
        assert f">{shown}<" in (await browser.get("/dispatches")).text
