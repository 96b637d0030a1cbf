import asyncio
import json
import re

import pytest
from web_desks import CALL, EVENT, StationDesk, a_call, at_station
from window_rig import CATALOGUE, PIN, STAFF, on_the_list

from agent.reveals import REVEAL_S
from agent.screens.record_view import KEYS
from common import workflow

TYPED = {
    "name": "欧阳甲测",
    "number": "11010119900307651X",
    "phone": "13900001234",
    "represents": "司马乙测",
    "need": "老人行动不便",
}
SCRIPT = "<script>alert(1)</script>"


def form_id(html, action):
    form = html[html.index(f'action="{action}"') :]
    return re.search(r'name="event_id" value="([0-9a-f-]{36})"', form)[1]


async def open_record(browser, service="HZ-01", **fields):
    page = (await browser.get(f"/duty/new?service={service}")).text
    form = {"event_id": form_id(page, "/duty/records"), "service": service, "as": "registered"} | fields
    answer = await browser.post("/duty/records", data=form)
    return form["event_id"], answer


async def step(browser, record, name, **fields):
    page = (await browser.get(f"/duty/records/{record}")).text
    path = f"/duty/records/{record}/steps/{name}"
    answer = await browser.post(path, data={"event_id": form_id(page, path)} | fields)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/duty/records/{record}")
    return browser.counter.records.get(record).state


def lines(browser):
    rows = browser.journal.query(lambda db: db.execute("SELECT line FROM events ORDER BY number").fetchall())
    return [json.loads(line) for (line,) in rows]


async def sign_in(browser):
    await on_the_list(browser.journal)
    answer = await browser.post("/duty/sign-in", data={"staff": STAFF, "pin": PIN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/duty")


async def test_a_new_record_is_listed_with_number_service_state_and_a_masked_name(station):
    record, answer = await open_record(station, **TYPED)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/duty/records/{record}")
    page = (await station.get("/duty")).text
    number = station.counter.records.get(record).number
    for words in (number, CATALOGUE.services["HZ-01"].zh, "已登记，待受理", "欧*", 'class="elapsed" data-age="0"'):
        assert words in page
    assert (await station.get(f"/duty/find?number={number.lower()}")).headers["location"] == f"/duty/records/{record}"


async def test_a_scanned_ticket_leads_to_its_record_with_one_key(station):
    record, _ = await open_record(station, **TYPED)
    number = station.counter.records.get(record).number
    assert 'id="scanned"' not in (await station.get("/duty/live")).text
    station.counter.scans.code(number)
    link = re.search(r'id="scanned" href="([^"]+)" data-key="o"', (await station.get("/duty/live")).text)[1]
    assert (await station.get(link)).headers["location"] == f"/duty/records/{record}"
    station.counter.scans.code(SCRIPT)
    assert SCRIPT not in (await station.get("/duty/live")).text


async def test_nothing_typed_is_on_any_page_and_nothing_of_it_in_the_journal(station):
    record, _ = await open_record(station, **TYPED)
    pages = [(await station.get(path)).text for path in ("/", "/duty", "/duty/live", f"/duty/records/{record}")]
    for secret in TYPED.values():
        assert not any(secret in page for page in pages)
        assert secret not in json.dumps(lines(station), ensure_ascii=False)
    for masked in ("欧*", "1****************X", "139****1234"):
        assert masked in pages[-1]


async def test_once_the_shift_key_is_gone_there_is_only_identity_on_file(station):
    record, _ = await open_record(station, **TYPED)
    await station.keys.new_shift()
    page = (await station.get("/duty?lang=en")).text
    assert "Identity on file" in page
    assert "欧*" not in page
    assert "on file" in (await station.get(f"/duty/records/{record}")).text


async def test_a_new_shift_is_asked_for_twice_and_then_nobody_here_reads_what_the_last_one_sealed(station):
    await open_record(station, **TYPED)
    asked = await station.get("/duty/shift?lang=en")
    assert "Begin a new shift?" in asked.text
    assert "欧*" in (await station.get("/duty?lang=en")).text, "asking changes nothing"
    done = await station.post("/duty/shift")
    assert (done.status_code, done.headers["location"]) == (303, "/duty")
    page = (await station.get("/duty?lang=en")).text
    assert "Identity on file" in page
    assert "欧*" not in page
    assert [event["type"] for event in lines(station)].count("key.issued") == 2


async def test_a_reveal_is_journaled_shown_for_ten_seconds_and_masked_again_by_the_server(station):
    record, _ = await open_record(station, **TYPED)
    await sign_in(station)
    path = f"/duty/records/{record}/reveal"
    form = {"event_id": form_id((await station.get(f"/duty/records/{record}")).text, path)}
    shown = await station.post(path, data=form)
    assert shown.headers["cache-control"] == "no-store"
    assert all(secret in shown.text for secret in TYPED.values())
    assert re.search(rf'http-equiv="refresh" content="{REVEAL_S}; ?url=/duty/records/{record}"', shown.text)
    revealed = [event for event in lines(station) if event["type"] == "record.revealed"]
    assert [(event["id"], event["data"]["staff"]) for event in revealed] == [(form["event_id"], STAFF)]
    assert TYPED["name"] not in (await station.get(f"/duty/records/{record}")).text
    station.counter.clock.ahead_s = REVEAL_S + 1
    again = await station.post(path, data=form)
    assert not any(secret in again.text for secret in TYPED.values())
    assert len([event for event in lines(station) if event["type"] == "record.revealed"]) == 1


async def test_the_buttons_are_the_steps_of_the_table_each_with_a_key(station):
    record, _ = await open_record(station, "ZX-01")
    while True:
        state = station.counter.records.get(record).state
        page = (await station.get(f"/duty/records/{record}")).text
        offered = re.findall(rf'action="/duty/records/{record}/steps/(\w+)"', page)
        steps = [one.name for one in workflow.steps(state) if one.name != "refer"]  # it may be referred nowhere
        assert offered == steps
        assert [page.count(f'data-key="{key}"') for key in KEYS[: len(steps)]] == [1] * len(steps)
        if state == "closed":
            break
        forward = {"registered": "accept", "accepted": "handle", "handling": "finish"}[state]
        await step(station, record, forward, **({"result": "advised"} if forward == "finish" else {}))
    to_do, done = (await station.get("/duty")).text.split('class="done"')
    assert (to_do.count(record), done.count(f"/duty/records/{record}")) == (0, 1)


async def test_steps_that_ask_for_something_take_it_from_their_form(station):
    record, _ = await open_record(station, **TYPED)
    assert await step(station, record, "reject", missing=["photo", "other"][1:]) == "rejected"
    assert await step(station, record, "resubmit") == "registered"
    await step(station, record, "accept")
    assert await step(station, record, "refer", target="household-office", due="2099-01-01") == "referred"
    assert "2099-01-01" in (await station.get(f"/duty/records/{record}")).text
    assert await step(station, record, "sign") == "received"
    assert await step(station, record, "take_back") == "handling"
    assert await step(station, record, "suspend", until="2099-01-01") == "suspended"


@pytest.mark.parametrize(("lang", "words"), [("zh-CN", ("结果", "必填")), ("en", ("Result", "is needed"))])
async def test_a_step_without_what_it_needs_is_refused_in_plain_words_and_changes_nothing(station, lang, words):
    record, _ = await open_record(station, "ZX-01")
    for name in ("accept", "handle"):
        await step(station, record, name)
    path = f"/duty/records/{record}/steps/finish"
    answer = await station.post(f"{path}?lang={lang}", data={"event_id": EVENT})
    assert answer.status_code == 400
    assert all(word in answer.text for word in words)
    assert station.counter.records.get(record).state == "handling"


async def test_one_form_submitted_twice_is_one_record_and_one_step(station):
    record, _ = await open_record(station, "ZX-01")
    form = {"event_id": record, "service": "ZX-01", "as": "registered"}
    again = await asyncio.gather(*(station.post("/duty/records", data=form) for _ in range(3)))
    assert {answer.headers["location"] for answer in again} == {f"/duty/records/{record}"}
    for _ in range(2):
        await station.post(f"/duty/records/{record}/steps/accept", data={"event_id": EVENT})
    assert [event["type"] for event in lines(station)] == ["record.opened", "record.stepped"]


async def test_a_registration_that_needs_a_number_says_so_and_a_draft_can_be_completed(station):
    _, answer = await open_record(station, name=TYPED["name"])
    assert answer.status_code == 400
    assert "证件号码" in answer.text
    assert TYPED["name"] not in answer.text
    record, _ = await open_record(station, name=TYPED["name"], **{"as": "draft"})
    path = f"/duty/records/{record}/amend"
    form = {"event_id": form_id((await station.get(f"/duty/records/{record}")).text, path), "number": TYPED["number"]}
    await station.post(path, data=form)
    assert await step(station, record, "register") == "registered"
    assert station.counter.reveals.masked(record) == {"name": "欧*", "number": "1****************X"}


async def test_every_service_has_a_key_and_what_must_not_be_taken_is_not_asked(station):
    page = (await station.get("/duty/new")).text
    assert re.findall(r"/duty/new\?service=([A-Z0-9-]+)", page) == list(CATALOGUE.services)
    assert re.findall(r'/duty/new\?service=[^"]+" data-key="(\w)"', page) == list(KEYS[: len(CATALOGUE.services)])
    assert not {key for key in re.findall(r'data-key="(\w)"', page) if page.count(f'data-key="{key}"') > 1}
    for code, service in CATALOGUE.services.items():
        form = (await station.get(f"/duty/new?service={code}")).text
        takes = not (service.confidential or service.reference_only)
        assert ('name="phone"' in form) is takes
        assert ('name="reference"' in form) is service.reference_only
    _, answer = await open_record(station, "BJ-01", reference="110-7", name=TYPED["name"])
    assert answer.status_code == 400


async def test_a_reference_is_the_only_thing_kept_of_a_report_to_the_police(station):
    record, _ = await open_record(station, "BJ-01", reference="110-20261123-7")
    assert "110-20261123-7" in (await station.get(f"/duty/records/{record}")).text


async def test_help_calls_stay_on_top_of_every_page_of_the_desk(station):
    record, _ = await open_record(station, "ZX-01")
    await station.desk.become(calls=(a_call(),))
    for path in ("/duty", "/duty/new", "/duty/new?service=ZX-01", f"/duty/records/{record}", "/duty/find?number=X"):
        page = (await station.get(path)).text
        assert page.index(f"acknowledge-{CALL}") < page.index("<main")
    assert f"acknowledge-{CALL}" in (await station.get("/duty/calls")).text


@pytest.mark.parametrize(("trouble", "words"), [({"journal_full": True}, "日志已满"), ({"journal_ok": False}, "纸笔")])
async def test_a_journal_that_takes_nothing_is_told_before_anybody_types(trouble, words):
    async with at_station(StationDesk(**trouble)) as browser:
        assert words in (await browser.get("/duty/new?service=ZX-01")).text


async def test_what_is_typed_as_a_script_is_shown_as_text(station):
    record, _ = await open_record(station, "QZ-02", name=SCRIPT, need=SCRIPT)
    await sign_in(station)
    path = f"/duty/records/{record}/reveal"
    shown = (await station.post(path, data={"event_id": EVENT})).text
    assert "&lt;script&gt;" in shown
    for page in (shown, (await station.get("/duty")).text, (await station.get(f"/duty/find?number={SCRIPT}")).text):
        assert "<script>" not in page


@pytest.mark.parametrize("path", [f"/duty/records/{EVENT}", "/duty/records/x", "/duty/find?number=JW012-20261122-0001"])
async def test_a_record_that_is_not_there_is_not_found(station, path):
    assert (await station.get(path)).status_code == 404


@pytest.mark.parametrize("action", ["amend", "reveal", "steps/accept", "steps/nonsense"])
async def test_forms_about_a_record_that_is_not_there_create_nothing(station, action):
    await station.post(f"/duty/records/{CALL}/{action}", data={"event_id": EVENT})
    assert lines(station) == []


async def test_a_page_of_the_desk_carries_no_inline_script_or_style(station):
    record, _ = await open_record(station, **TYPED)
    for path in ("/duty/new", "/duty/new?service=HZ-01", f"/duty/records/{record}", "/duty/find?number=X"):
        page = (await station.get(path)).text
        assert not re.search(r"<style|style=|\son\w+=|javascript:|<script>", page)
        assert not re.search(r'(?:src|href|action)="(?!/)', page)
