"""Figures at the duty desk: what was recorded, in words and pictures, with what they are of."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from test_record_pages import open_record, step
from window_rig import CATALOGUE

from common.events.calls import HelpAcknowledged, HelpClosed, HelpRaised
from common.events.records import RecordRated
from common.identifiers import uuid7

NOON_MS = int(datetime(2026, 11, 22, 12, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)


@pytest.fixture(autouse=True)
def noon(station, monkeypatch):
    """It is noon of a day, and the clock is synchronised."""
    monkeypatch.setattr(station.counter.clock, "wall_ms", lambda: NOON_MS)
    monkeypatch.setattr(station.counter.clock, "trusted", lambda: True)


async def a_call(browser, *after_ms, reason="helped"):
    call = uuid7(wall_ms=browser.counter.clock.wall_ms())
    await browser.journal.append(HelpRaised(call=call, origin="screen"), event_id=call)
    for each in after_ms:
        await browser.journal.append(HelpAcknowledged(call=call, after_ms=each))
        await browser.journal.append(HelpClosed(call=call, reason=reason))


def row(page, words):
    """Return what the cells of a row say."""
    found = re.search(rf'<tr><th scope="row">{re.escape(words)}</th>(.*?)</tr>', page, re.DOTALL)
    return [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", found[1], re.DOTALL)]


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh-CN", ("2026年11月22日", "15 秒内应答", "未应答", "未达到 90%")),
        ("en", ("2026-11-22", "Answered within 15 seconds", "Not answered", "below 90 %")),
    ],
)
async def test_calls_are_shown_with_how_many_were_answered_in_time_of_how_many(station, lang, words):
    for after_ms in (2_000, 15_000, 40_000):
        await a_call(station, after_ms)
    await a_call(station)
    await a_call(station, 1_000, reason="test")
    title, within, unanswered, reached = words
    page = (await station.get(f"/duty/figures?lang={lang}")).text
    assert title in page
    assert row(page, within)[0] == "2 / 4 50.0 %"
    assert row(page, within)[1].startswith("2 / 4 50.0 %")
    assert reached in page
    assert row(page, unanswered)[:2] == ["1", "1"]
    assert '<rect class="fill" width="50.0" height="12"/><path class="anchor" d="M90 0v12"/>' in page
    assert "style=" not in page


async def test_records_are_shown_by_service_and_stand_and_no_rating_is(station):
    record, _ = await open_record(station, service="ZX-01")
    await step(station, record, "accept")
    await station.journal.append(RecordRated(record=record, change=3, rating="very_dissatisfied"))
    page = (await station.get("/duty/figures")).text
    assert row(page, CATALOGUE.services["ZX-01"].zh)[:2] == ["1", "1"]
    assert row(page, "已受理")[:2] == ["1", "1"]
    assert "不满意" not in page
    assert row(page, "15 秒内应答")[0] == "–"


async def test_another_day_is_one_key_away_and_its_month_is_its_own(station):
    await a_call(station, 2_000)
    page = (await station.get("/duty/figures")).text
    before = re.search(r'href="(/duty/figures\?day=[0-9-]+)" data-key="ArrowLeft"', page)[1]
    assert before.endswith("2026-11-21")
    assert "ArrowRight" not in page
    page = (await station.get(before)).text
    assert row(page, "求助")[:2] == ["0", "1"]
    assert 'data-key="ArrowRight"' in page
    october = (await station.get("/duty/figures?day=2026-10-31")).text
    assert row(october, "求助")[:2] == ["0", "0"]
    for odd in ("nonsense", "0001-01-01", "9999-12-31", "<script>"):
        answer = await station.get("/duty/figures", params={"day": odd})
        assert answer.status_code == 200
        assert "<script>" not in answer.text.replace('<script src="', "")


async def test_it_says_of_how_many_the_clock_was_not_to_be_trusted_and_that_today_may_be_another_day(
    station, monkeypatch
):
    monkeypatch.setattr(station.counter.clock, "trusted", lambda: False)
    await a_call(station, 2_000)
    page = (await station.get("/duty/figures")).text
    assert "当日 1 件，当月 1 件" in page
    assert "今天的日期可能不对" in page


async def test_a_disk_that_cannot_be_read_is_said(station):
    await station.journal.stop()
    page = await station.get("/duty/figures")
    assert page.status_code == 200
    assert "无法读取统计" in page.text


async def test_the_desk_leads_there_by_one_key(station):
    assert 'href="/duty/figures" data-key="i"' in (await station.get("/duty")).text
