"""Notices at the duty desk, and on the sheet of a handover."""

import re
import sqlite3

import pytest
from window_rig import PIN, STAFF, on_the_list

from common.events.errands import NoticeSent

ONE, EVENT = "019a0000-0000-7000-8000-0000000000d1", "019a0000-0000-7000-8000-0000000000e1"
SCRIPT = "<script>alert(1)</script>"


async def send(browser, notice=ONE, zh="今晚清查", **fields):
    sent = NoticeSent(notice=notice, zh=zh, expires="2099-01-01T00:00:00.000Z", **fields)
    await browser.journal.run(lambda pen: browser.counter.notices.send(pen, ONE, sent))


async def read(browser, notice=ONE):
    return await browser.post(f"/duty/notices/{notice}/read", data={"event_id": EVENT})


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh-CN", ("指挥中心通知", "必读", "已阅", "今晚清查")),
        ("en", ("Notices from headquarters", "Must be read", "Roll call")),
    ],
)
async def test_a_notice_is_read_by_one_key_and_stays_to_be_looked_at(station, lang, words):
    await send(station, en="Roll call", must_read=True)
    page = (await station.get(f"/duty?lang={lang}")).text
    assert all(word in page for word in words)
    assert len(re.findall('data-key="r"', page)) == 1
    assert (await read(station)).headers["location"] == "/duty"
    page = (await station.get("/duty")).text
    assert 'data-key="r"' not in page
    assert words[-1] in page


async def test_without_a_translation_it_is_shown_as_it_is_and_said_to_be_of_the_other_language(station):
    await send(station)
    assert '<span lang="zh-CN">今晚清查</span>' in (await station.get("/duty?lang=en")).text


async def test_the_staff_number_of_who_is_signed_in_stands_there_and_the_next_one_has_it_before_them(station):
    await send(station)
    await on_the_list(station.journal)
    await station.post("/duty/sign-in", data={"staff": STAFF, "pin": PIN})
    await read(station)
    assert station.counter.notices.all(STAFF)[0].read
    assert not station.counter.notices.all("999")[0].read


async def test_script_in_a_notice_is_shown_as_text(station):
    await send(station, zh=SCRIPT)
    page = (await station.get("/duty")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


async def test_strange_addresses_are_refused_and_a_late_one_changes_nothing(station):
    assert (await read(station, "x")).status_code == 404
    assert (await read(station)).status_code == 303
    answer = await station.post(f"/duty/notices/{ONE}/read", data={"event_id": "x"})
    assert answer.status_code == 400


async def test_without_a_disk_the_desk_says_so_and_it_stays_unread(station, monkeypatch):
    await send(station)

    async def broken(*_):
        raise station.journal.damaged(sqlite3.OperationalError("disk I/O error"))

    with monkeypatch.context() as patch:
        patch.setattr(station.journal, "run", broken)
        assert (await read(station)).status_code == 503
    assert not station.counter.notices.all(None)[0].read


async def test_what_must_be_read_stands_on_the_sheet_of_the_handover_until_somebody_has(station):
    await send(station)
    assert "今晚清查" not in (await station.get("/duty/handover")).text
    await send(station, EVENT, zh="全员到岗", must_read=True)
    page = (await station.get("/duty/handover")).text
    assert "全员到岗" in page
    assert "尚未阅读" in page
    await read(station, EVENT)
    assert "全员到岗" not in (await station.get("/duty/handover")).text
