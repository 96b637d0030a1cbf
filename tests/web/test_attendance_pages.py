"""Nobody at the desk: at the duty desk, and as the citizen reads it."""

import re
import sqlite3

import pytest
from web_desks import CALL, StationDesk, a_call, at_station

AWAY, BACK = "019a0000-0000-7000-8000-0000000000a1", "019a0000-0000-7000-8000-0000000000a2"


async def leave(browser, event=AWAY):
    return await browser.post("/duty/unattended", data={"event_id": event})


def is_left(browser):
    return browser.counter.attendance.unattended_s() is not None


async def until_back(browser):
    for _ in range(200):
        if not is_left(browser):
            return
        await browser.get("/duty/calls")
    raise AssertionError("nobody came back")


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh-CN", ("全员离岗", "值班台无人", "已有人回岗")),
        ("en", ("Everybody leaves the desk", "Nobody is at the desk", "Somebody is back")),
    ],
)
async def test_one_key_says_that_everybody_leaves_and_another_that_somebody_is_back(station, lang, words):
    page = (await station.get(f"/duty?lang={lang}")).text
    assert words[0] in page
    assert words[1] not in page
    assert len(re.findall('data-key="e"', page)) == 1
    assert (await leave(station)).headers["location"] == "/duty"
    assert is_left(station)
    await station.desk.become(unattended_s=200)
    page = (await station.get("/duty")).text
    assert words[1] in page
    assert words[2] in page
    assert 'data-age="200"' in page
    assert len(re.findall('data-key="b"', page)) == 1
    assert (await station.post("/duty/attended", data={"event_id": BACK})).status_code == 303
    assert not is_left(station)


async def test_acknowledging_a_call_shows_that_somebody_is_there():
    async with at_station(StationDesk(a_call())) as browser:
        await leave(browser)
        await browser.post(f"/duty/calls/{CALL}/acknowledge", data={"event_id": BACK})
        await until_back(browser)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/duty/unattended", {"event_id": BACK}),
        ("/duty/sign-out", {}),
        ("/duty/self-test", {"device": "desk", "event_id": BACK}),
        ("/duty/calls/x/acknowledge", {"event_id": BACK}),
        ("/duty/attended", {"event_id": "x"}),
    ],
)
async def test_who_goes_tests_from_afar_or_is_refused_shows_nothing_of_the_kind(station, path, form):
    await leave(station)
    await station.post(path, data=form)
    await station.get("/duty")
    assert is_left(station)


async def test_a_form_from_another_site_is_nobody_at_the_desk(station):
    await leave(station)
    answer = await station.post(
        "/duty/call", data={"event_id": BACK}, headers={"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403
    assert is_left(station)


async def test_without_a_disk_the_desk_says_so_and_is_left_all_the_same(station, monkeypatch):
    async def broken(*_):
        raise station.journal.damaged(sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(station.journal, "run", broken)
    assert (await leave(station)).status_code == 503
    assert is_left(station)


@pytest.mark.parametrize(
    ("lang", "nobody", "called", "reach"),
    [
        ("zh-CN", "现在值班台没有人", "正在呼叫指挥中心", "联系不上指挥中心"),
        ("en", "Nobody is at the desk just now", "Headquarters is called", "out of reach"),
    ],
)
async def test_the_citizen_reads_that_nobody_is_there_and_who_is_called(lang, nobody, called, reach):
    async with at_station(StationDesk(a_call(), unattended_s=60)) as browser:
        page = (await browser.get(f"/?lang={lang}")).text
        assert nobody in page
        assert called not in page
        await browser.desk.become(calls=(a_call(escalated=True),))
        page = (await browser.get(f"/?lang={lang}")).text
        assert nobody in page
        assert called in page
        await browser.desk.become(hq_online=False)
        page = (await browser.get(f"/?lang={lang}")).text
        assert nobody in page
        assert called not in page
        assert reach in page
        assert "<b>110</b>" in page
