"""The duty desk's handover pages: the sheet a page at a time, one item after the other, both signatures, and print."""

import re

import pytest
from test_record_pages import form_id, lines, open_record, step
from web_desks import StationDesk, at_station
from window_rig import PIN, STAFF, on_the_list

from agent.database import JournalError
from agent.sign_in import IDLE_S

HERE = "/duty/handover"


async def submit(browser, page, action, **fields):
    """Send a form of a page, and return where it leads."""
    html = (await browser.get(page)).text
    answer = await browser.post(action, data={"event_id": form_id(html, action), **fields})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def begin(browser):
    assert await submit(browser, HERE, f"{HERE}/begin") == f"{HERE}/next"
    return re.search(rf"{HERE}/([0-9a-f-]{{36}})/", (await browser.get(f"{HERE}/next")).text)[1]


async def go_through(browser, handover, **fields):
    """Answer the item that is shown; return the page that follows."""
    html = (await browser.get(f"{HERE}/next?lang=en")).text
    item = re.search(r'name="item" value="([^"]+)"', html)[1]
    data = {"event_id": form_id(html, f"{HERE}/{handover}/check"), "item": item, **fields}
    assert (await browser.post(f"{HERE}/{handover}/check", data=data)).status_code == 303
    return (await browser.get(f"{HERE}/next?lang=en")).text


async def test_a_sheet_is_gone_through_item_by_item_signed_by_both_and_printed(station):
    first, second = [(await open_record(station, "ZX-01"))[0] for _ in range(2)]
    await submit(station, HERE, f"{HERE}/notes", text="门口的灯坏了")
    html = (await station.get(f"{HERE}?lang=en")).text
    assert re.search(r'data-key="b"[^>]*>Begin the handover <kbd>B</kbd>', html)
    assert "门口的灯坏了" in html
    handover = await begin(station)
    html = (await station.get(f"{HERE}/next?lang=en")).text
    assert "item 1 of 3" in html
    assert re.search(r'value="accepted" data-key="t" autofocus>Take over', html)
    html = await go_through(station, handover, **{"as": "accepted"})
    assert "item 2 of 3" in html
    html = await go_through(station, handover, **{"as": "refused", "reason": "没看到材料"})
    html = await go_through(station, handover, **{"as": "accepted"})
    assert "Sign the handover" in html
    form = {"giving_staff": "1001", "receiving_staff": "2001"}
    goal = await submit(station, f"{HERE}/next", f"{HERE}/{handover}/sign", **form)
    assert goal == f"{HERE}/past/{handover}"
    html = (await station.get(f"{goal}?lang=zh-CN")).text
    assert re.search(r"<dd>20\d\d年\d+月\d+日 \d\d:\d\d</dd>", html)
    for shown in ("1001", "2001", "门口的灯坏了", "已拒收：没看到材料", station.counter.records.get(first).number):
        assert shown in html
    sheet = (await station.get(f"{HERE}?lang=en")).text
    assert "stays with –: 没看到材料" in sheet
    assert f'href="{goal}"' in sheet
    assert {station.counter.records.get(record).state for record in (first, second)} == {"registered"}
    signed = [event["data"] for event in lines(station) if event["type"] == "handover.signed"]
    assert [(one["accepted"], one["refused"]) for one in signed] == [(2, 1)]


async def test_many_open_items_are_shown_a_page_at_a_time_and_each_is_led_to(station):
    for _ in range(60):
        await open_record(station, "ZX-01")
    html = (await station.get(f"{HERE}?lang=en")).text
    assert "page 1 of 3" in html
    assert html.count("<tr>") == 26
    assert 'data-key="ArrowRight"' in html
    assert 'data-key="ArrowLeft"' not in html
    last = (await station.get(f"{HERE}?lang=en&page=99")).text
    assert "page 3 of 3" in last
    assert last.count("<tr>") == 11
    assert "page 1 of 3" in (await station.get(f"{HERE}?lang=en&page=x")).text
    await begin(station)
    html = (await station.get(f"{HERE}?lang=en&page=3")).text
    item = re.findall(rf'href="({HERE}/next\?item=[^"]+)"', html)[-1]
    assert "item 60 of 60" in (await station.get(f"{item}&lang=en")).text


async def test_what_is_not_gone_through_cannot_be_signed_and_what_ends_meanwhile_is_left_off(station):
    await open_record(station, "ZX-01")
    handover = await begin(station)
    html = await go_through(station, handover, **{"as": "accepted"})
    late, _ = await open_record(station, "ZX-01")
    data = {"event_id": form_id(html, f"{HERE}/{handover}/sign"), "giving_staff": "1", "receiving_staff": "2"}
    answer = await station.post(f"{HERE}/{handover}/sign", data=data)
    assert answer.headers["location"] == f"{HERE}/next"
    assert "item 2 of 2" in (await station.get(f"{HERE}/next?lang=en")).text
    await step(station, late, "withdraw")
    assert "Sign the handover" in (await station.get(f"{HERE}/next?lang=en")).text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"as": "refused", "reason": ""}, "is needed"),
        ({"as": "refused", "reason": "打 13900001234"}, "There seems to be somebody's number in it."),
        ({"as": "refused", "reason": "x" * 121}, "is too long"),
    ],
)
async def test_a_refusal_that_cannot_be_written_says_why(station, fields, told):
    await open_record(station, "ZX-01")
    handover = await begin(station)
    html = (await station.get(f"{HERE}/next")).text
    item = re.search(r'name="item" value="([^"]+)"', html)[1]
    data = {"event_id": form_id(html, f"{HERE}/{handover}/check"), "item": item, **fields}
    answer = await station.post(f"{HERE}/{handover}/check?lang=en", data=data)
    assert answer.status_code == 400
    assert told in (await station.post(f"{HERE}/{handover}/check?lang=en", data=data)).text
    assert "13900001234" not in answer.text


async def test_who_is_signed_in_need_not_type_their_number_and_stays_signed_in_by_handing_over(station):
    await on_the_list(station.journal)
    await station.post("/duty/sign-in", data={"staff": STAFF, "pin": PIN})
    handover = await begin(station)
    for _ in range(2):
        station.counter.clock.ahead_s += IDLE_S - 10
        html = (await station.get(f"{HERE}/next")).text
    assert f'name="giving_staff" value="{STAFF}"' in html
    assert station.counter.sign_in.present == STAFF
    assert handover in html


async def test_one_signature_for_both_is_none(station):
    handover = await begin(station)
    html = (await station.get(f"{HERE}/next?lang=en")).text
    data = {"event_id": form_id(html, f"{HERE}/{handover}/sign"), "giving_staff": "7", "receiving_staff": "7"}
    answer = await station.post(f"{HERE}/{handover}/sign?lang=en", data=data)
    assert answer.status_code == 400
    assert "Two different people sign." in answer.text


@pytest.mark.parametrize("item", ["", "record", "thing:1", "record:"])
async def test_an_item_that_is_none_is_refused(station, item):
    handover = await begin(station)
    data = {"event_id": handover, "item": item, "as": "accepted"}
    assert (await station.post(f"{HERE}/{handover}/check", data=data)).status_code == 400
    assert (await station.get(f"{HERE}/past/{handover}")).status_code == 404


async def test_before_a_handover_there_is_nothing_to_go_through(station):
    assert (await station.get(f"{HERE}/next")).headers["location"] == HERE
    assert "Nothing is open." in (await station.get(f"{HERE}?lang=en")).text


async def test_a_disk_that_fails_is_said_and_the_page_is_no_crash():
    async with at_station(StationDesk()) as browser:

        async def fails(*_args, **_options):
            raise JournalError("write", browser.journal._path, "full", "free it")

        browser.counter.handovers._journal = type("Disk", (), {"run": fails, "query": browser.journal.query})()
        html = (await browser.get(f"{HERE}?lang=en")).text
        answer = await browser.post(f"{HERE}/begin?lang=en", data={"event_id": form_id(html, f"{HERE}/begin")})
        assert answer.status_code == 503
        assert "the disk fails" in answer.text


async def test_handing_over_has_a_key_on_the_desks_page(station):
    assert re.search(r'href="/duty/handover" data-key="h"', (await station.get("/duty")).text)
