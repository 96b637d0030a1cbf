"""Alarms of equipment at the duty desk, and what headquarters' page of equipment shows."""

import re

import msgspec
import pytest
from sqlalchemy import insert
from test_record_pages import form_id
from test_sign_in_pages import sign_in
from web_desks import WALL_MS, CityDesk, StationDesk, a_call, at_headquarters, at_station
from window_rig import STAFF, on_the_list

from agent.database import JournalError
from agent.view import DeviceView
from common.events.desk import ShiftBegun
from common.events.journal import SettingsSet
from common.ordered_settings import OrderedHealth, OrderedSettings
from hq import tables

HERE = "/duty/alarms"
READER = DeviceView(name="reader", kind="card_reader", state="absent", reason="unplugged")
SHELVE = f"{HERE}/shelve?alarm=device_down:reader"
SCRIPT = "<script>alert(1)</script>"
SHELF = "019a0000-0000-7000-8000-0000000000a1"


@pytest.fixture
async def broken():
    async with at_station(StationDesk(devices=(READER,), hq_online=True)) as browser:
        yield browser


def encoded(payload):
    return msgspec.json.encode(payload).decode()


async def shelve(browser, reason, **more):
    page = (await browser.get(SHELVE)).text
    form = {"event_id": form_id(page, f"{HERE}/shelve"), "alarm": "device_down:reader", "reason": reason} | more
    return await browser.post(f"{HERE}/shelve", data=form)


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh-CN", ("设备告警", "设备故障", "搁置到本班结束", "已搁置")),
        ("en", ("Equipment alarms", "A device does not work", "Shelve until the shift ends", "On the shelf")),
    ],
)
async def test_an_alarm_is_beside_the_work_shelved_with_a_reason_and_back_when_a_shift_begins(broken, lang, words):
    first = (await broken.get(f"/duty?lang={lang}")).text
    assert words[0] in first
    assert words[1] in first
    assert first.index('class="now"') < first.index('id="alarms"')
    page = (await broken.get(f"{HERE}?lang={lang}")).text
    assert re.search(r'href="/duty/alarms/shelve\?alarm=device_down:reader" data-key="1" autofocus', page)
    assert words[2] in (await broken.get(f"{SHELVE}&lang={lang}")).text
    assert (await shelve(broken, "已报修")).headers["location"] == HERE
    page = (await broken.get(f"{HERE}?lang={lang}")).text
    assert words[3] in page
    assert "已报修" in page
    assert "device_down:reader" not in page
    assert words[1] not in (await broken.get(f"/duty?lang={lang}")).text
    sheet = (await broken.get(f"/duty/handover?lang={lang}")).text
    for said in (words[1], "reader", "已报修"):
        assert said in sheet
    await broken.journal.append(ShiftBegun(by="hand"))
    assert "device_down:reader" in (await broken.get(HERE)).text


async def test_who_shelved_it_stands_there_if_they_were_signed_in_and_anybody_takes_it_back(broken):
    await on_the_list(broken.journal)
    await sign_in(broken)
    await shelve(broken, "已报修")
    page = (await broken.get(HERE)).text
    assert STAFF in page
    action = re.search(r'action="(/duty/alarms/shelf/[0-9a-f-]{36}/return)"', page)[1]
    form = {"event_id": form_id(page, action)}
    for _ in range(2):
        assert (await broken.post(action, data=form)).headers["location"] == HERE
    assert "device_down:reader" in (await broken.get(HERE)).text


@pytest.mark.parametrize(
    ("reason", "said"),
    [(" ", "Say why."), ("x" * 121, "is too long"), ("打 139 1234 5678", "There seems to be somebody")],
)
async def test_a_reason_that_is_none_is_asked_again_with_what_is_wrong(broken, reason, said):
    await broken.get("/duty?lang=en")
    answer = await shelve(broken, reason)
    assert answer.status_code == 400
    assert said in answer.text
    assert f'value="{reason}"' in answer.text


async def test_a_disk_that_fails_says_so_and_nothing_is_shelved(broken, monkeypatch):
    async def fails(*_arguments):
        raise JournalError("write", broken.journal._path, "full", "free it")

    page = (await broken.get(SHELVE)).text
    form = {"event_id": form_id(page, f"{HERE}/shelve"), "alarm": "device_down:reader", "reason": "已报修"}
    with monkeypatch.context() as patch:
        patch.setattr(broken.journal, "run", fails)
        answer = await broken.post(f"{HERE}/shelve?lang=en", data=form)
        assert answer.status_code == 503
        assert "the disk fails" in answer.text
    assert (await broken.post(f"{HERE}/shelve", data=form)).status_code == 303


async def test_what_is_no_alarm_is_refused_and_one_that_is_gone_leads_back(broken):
    for alarm in ("help", "call:1", "", SCRIPT):
        assert (await broken.get(f"{HERE}/shelve", params={"alarm": alarm})).status_code == 400
    assert (await broken.get(f"{HERE}/shelve?alarm=disk:")).headers["location"] == HERE


async def test_a_call_for_help_is_above_and_never_among_the_alarms():
    async with at_station(StationDesk(a_call(), devices=(READER,))) as browser:
        page = (await browser.get("/duty")).text
        assert page.index("data-acknowledge") < page.index('id="alarms"')
        page = (await browser.get(HERE)).text
        assert page.index("data-acknowledge") < page.index('class="book"')
        assert page.count('href="/duty/alarms/shelve') == 1


async def test_headquarters_lists_what_is_shelved_and_which_settings_hold():
    async with at_headquarters(CityDesk()) as browser:
        page = (await browser.get("/equipment?lang=en")).text
        assert "No alarm is shelved anywhere" in page
        assert "No settings were ordered" in page
        given = {"type": "settings.set", "expires": None, "given_ms": WALL_MS}
        orders = [
            ("o1", "applied", "", "changed", 30),
            ("o2", "failed", "no_link", "rolled_back", 40),
        ]
        with browser.database.write() as connection:
            connection.execute(insert(tables.stations), [{"station": "jt-001"}])
            for place, (order, outcome, reason, told, every_s) in enumerate(orders):
                data = SettingsSet(settings=OrderedSettings(health=OrderedHealth(every_s=every_s)))
                row = {
                    "station": "jt-001",
                    "id": order,
                    "position": place,
                    "data": msgspec.json.encode(data).decode(),
                } | given
                connection.execute(insert(tables.orders), [row | {"outcome": outcome, "reason": reason, "told": told}])
            shelved = {"station": "jt-001", "shelf": SHELF, "kind": "device_down", "device": SCRIPT, "staff": STAFF}
            shelved |= {"reason": SCRIPT, "time": "2026-11-25T00:00:00.000Z", "unsure": True, "received_ms": WALL_MS}
            connection.execute(insert(tables.shelved_alarms), [shelved])
        page = (await browser.get("/equipment?lang=en")).text
        for said in ("A device does not work", STAFF, "~2026-11-25 08:00", "health.every_s=30", "could not be reached"):
            assert said in page
        assert SCRIPT not in page
