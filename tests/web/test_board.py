"""The desk's first page: what is to be done, a page at a time, and what was done last."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from test_record_pages import TYPED, open_record, step
from window_rig import CATALOGUE

from agent.screens.board import DONE, DONE_FOR_S, PAGE


def listed(page):
    return re.findall(r'id="record-([0-9a-f-]{36})"', page)


def keys(page):
    return re.findall(r'data-key="([^"]+)"', page)


async def finished(station):
    record, _ = await open_record(station, "ZX-01", **TYPED)
    for name, fields in (("accept", {}), ("handle", {}), ("finish", {"result": "advised"})):
        await step(station, record, name, **fields)
    return record


async def test_more_open_records_than_number_keys_are_paged_and_counted(station):
    records = [(await open_record(station, "ZX-01"))[0] for _ in range(2 * PAGE + 3)]
    first, last = [(await station.get(f"/duty?page={number}&lang=en")).text for number in (1, 3)]
    assert "23 open" in first
    assert listed(first) == records[:PAGE]
    assert listed(last) == records[2 * PAGE :]
    assert "page 3 of 3" in last
    assert ("ArrowLeft" in first, "ArrowRight" in first) == (False, True)
    assert ("ArrowLeft" in last, "ArrowRight" in last) == (True, False)
    assert 'data-live="/duty/live?lang=en&amp;page=3"' in last
    assert listed((await station.get("/duty/live?page=2")).text) == records[PAGE : 2 * PAGE]


async def test_a_page_that_is_empty_by_now_is_the_last_one_there_is(station):
    records = [(await open_record(station, "ZX-01"))[0] for _ in range(PAGE + 1)]
    await step(station, records[-1], "withdraw")
    for asked in ("2", "99999", "999999999", "-1", "²", ""):
        assert listed((await station.get(f"/duty/live?page={asked}")).text) == records[:PAGE]


async def test_what_is_overdue_stands_on_top_of_the_first_page_and_is_counted(station):
    records = [(await open_record(station, "HZ-01", **TYPED))[0] for _ in range(PAGE + 2)]
    today = datetime.fromtimestamp(station.counter.clock.wall_ms() / 1000, ZoneInfo("Asia/Shanghai")).date().isoformat()
    for record in records[-2:]:
        await step(station, record, "accept")
    await step(station, records[-2], "suspend", until=today)
    await step(station, records[-1], "refer", target="household-office", due=today)
    station.counter.records.known_ms = lambda: station.counter.clock.wall_ms() + 2 * 86_400_000
    page = (await station.get("/duty?lang=en")).text
    assert listed(page) == [*records[-2:], *records[: PAGE - 2]]
    assert "1 overdue" in page
    assert listed((await station.get("/duty?page=2")).text) == records[PAGE - 2 : -2]


async def test_no_key_leads_to_two_things(station):
    for _ in range(PAGE + 1):
        await open_record(station, "ZX-01")
    for path in ("/duty", "/duty?page=2"):
        found = keys((await station.get(path)).text)
        assert len(found) == len(set(found)), found


async def test_what_was_done_last_is_listed_newest_first_and_says_nothing_of_anybody(station):
    records = [await finished(station) for _ in range(DONE + 2)]
    page = (await station.get("/duty?lang=en")).text
    done = page[page.index('class="done"') :]
    assert re.findall(r'id="done-([0-9a-f-]{36})"', done) == records[: -DONE - 1 : -1]
    assert "Identity on file" in done
    assert CATALOGUE.services["ZX-01"].en in done
    assert "欧*" not in done
    await step(station, records[-1], "reopen", reason="citizen-returned")
    page = (await station.get("/duty")).text
    assert f"done-{records[-1]}" not in page
    assert f"record-{records[-1]}" in page


async def test_what_was_done_in_an_earlier_shift_is_not_listed(station):
    record = await finished(station)
    station.counter.clock.ahead_s = DONE_FOR_S - 60
    assert f"done-{record}" in (await station.get("/duty")).text
    station.counter.clock.ahead_s = DONE_FOR_S + 60
    assert f"done-{record}" not in (await station.get("/duty")).text
