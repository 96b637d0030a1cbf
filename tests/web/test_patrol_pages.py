"""The patrol log at the duty desk, and patrols on the sheet of a handover."""

import re
import sqlite3

import pytest

from agent.whereabouts import Spot

EVENT, OTHER = "019a0000-0000-7000-8000-0000000000a1", "019a0000-0000-7000-8000-0000000000a2"
ROUND = {"event_id": EVENT, "where": "G-07", "purpose": "round", "as": "out"}


def is_left(browser):
    return browser.counter.attendance.unattended_s() is not None


@pytest.mark.parametrize(
    ("lang", "words"),
    [("zh-CN", ("巡防登记", "外出", "巡逻", "已返回")), ("en", ("Patrol log", "out", "Patrol", "They are back"))],
)
async def test_somebody_goes_and_comes_back_by_one_key_each(station, lang, words):
    assert words[0] in (await station.get(f"/duty?lang={lang}")).text
    assert (await station.post("/duty/patrols", data=ROUND)).headers["location"] == "/duty/patrols"
    page = (await station.get("/duty/patrols")).text
    assert all(word in page for word in words)
    assert len(re.findall('data-key="1"', page)) == 1
    assert (await station.post(f"/duty/patrols/{EVENT}/return", data={"event_id": OTHER})).status_code == 303
    page = (await station.get("/duty/patrols")).text
    assert f"/duty/patrols/{EVENT}/" not in page
    assert "G-07" in page


async def test_whoever_goes_last_says_so_with_the_same_form_and_the_form_again_leaves_nobody_out(station):
    leaving = ROUND | {"as": "everybody"}
    assert (await station.post("/duty/patrols", data=leaving)).headers["location"] == "/duty"
    assert is_left(station)
    await station.post(f"/duty/patrols/{EVENT}/return", data={"event_id": OTHER})
    assert not is_left(station)
    await station.post("/duty/patrols", data=leaving)
    assert not is_left(station)


async def test_going_while_somebody_stays_leaves_the_desk_as_it_is(station):
    await station.post("/duty/patrols", data=ROUND)
    assert not is_left(station)


@pytest.mark.parametrize(("lang", "words"), [("zh-CN", ("地点", "时间")), ("en", ("Where", "number"))])
async def test_a_wrong_form_says_what_is_wrong_and_writes_nothing(station, lang, words):
    answer = await station.post(f"/duty/patrols?lang={lang}", data=ROUND | {"where": "13800138000", "as": "everybody"})
    assert answer.status_code == 400
    assert not is_left(station)
    assert station.counter.patrols.out() == ()
    assert "13800138000" not in answer.text


async def test_the_citys_grids_and_places_are_offered(station):
    station.counter.patrols.spots = lambda: (Spot("grid", "G-07", "七号<网格>", "Grid seven"),)
    page = (await station.get("/duty/patrols")).text
    assert '<option value="G-07">七号&lt;网格&gt;</option>' in page


async def test_strange_addresses_are_refused(station):
    form = {"event_id": OTHER}
    assert (await station.post(f"/duty/patrols/{EVENT}/nonsense", data=form)).status_code == 404
    assert (await station.post("/duty/patrols/x/return", data=form)).status_code == 404
    assert (await station.post(f"/duty/patrols/{EVENT}/return", data=form)).status_code == 303
    assert (await station.post("/duty/patrols", data=ROUND | {"event_id": "x"})).status_code == 400


async def test_without_a_disk_the_log_says_so(station, monkeypatch):
    async def broken(*_):
        raise station.journal.damaged(sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(station.journal, "run", broken)
    assert (await station.post("/duty/patrols", data=ROUND)).status_code == 503


async def test_who_is_out_stands_on_the_sheet_of_the_handover(station):
    await station.post("/duty/patrols", data=ROUND)
    page = (await station.get("/duty/handover")).text
    assert "巡逻" in page
    assert "G-07" in page
    await station.post(f"/duty/patrols/{EVENT}/return", data={"event_id": OTHER})
    assert "G-07" not in (await station.get("/duty/handover")).text
