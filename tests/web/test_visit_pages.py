import asyncio
import json
import re
from typing import get_args

import pytest
from web_desks import CALL, EVENT, StationDesk, a_call, at_station
from window_rig import CARD, CATALOGUE

from agent.view import DeviceView
from agent.visit import IDLE_S, WARNING_S
from drivers.identity import NotReadReason

PANEL = DeviceView(name="desk", kind="panel", state="ready", reason="")
CARDS = DeviceView(name="cards", kind="card_reader", state="ready", reason="")
WITH_CARD, WITHOUT, OPTIONAL = "HZ-01", "ZX-01", "QZ-02"


@pytest.fixture
async def screen():
    async with at_station(StationDesk(devices=(PANEL, CARDS))) as browser:
        yield browser


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a card's answer has no event of its own
            await asyncio.sleep(0.005)


def the_id(html, action):
    form = html[html.index(f'action="{action}"') :]
    return re.search(r'name="event_id" value="([0-9a-f-]{36})"', form)[1]


async def opened(browser, service, part=""):
    await browser.post("/go", data={"to": f"service/{service}{part}"})
    return (await browser.get("/")).text


async def begin(browser, service):
    """Begin a visit from the service's page, and pass over its questions."""
    visit = the_id(await opened(browser, service), "/visit")
    await browser.post("/visit", data={"event_id": visit, "service": service})
    while browser.counter.visits.view().question:
        await answer(browser, visit, "skip")
    return visit


async def answer(browser, visit, tapped):
    number = browser.counter.visits.view().question_number
    form = {"event_id": visit, "question": str(number), "answer": tapped}
    assert (await browser.post("/visit/answer", data=form)).headers["location"] == "/"
    return (await browser.get("/")).text


async def act(browser, visit, action):
    answer = await browser.post(f"/visit/{action}", data={"event_id": visit})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    return (await browser.get("/")).text


async def with_a_card(browser, fields=CARD):
    visit = await begin(browser, WITH_CARD)
    await act(browser, visit, "agree")
    reader = browser.counter.visits._reader
    await reader.asked.wait()
    reader.tap(fields)
    await until(lambda: browser.counter.visits.view().page == "confirm")
    return visit


@pytest.mark.parametrize(("lang", "words"), [("zh-CN", lambda one: one.zh), ("en", lambda one: one.en)])
async def test_the_first_page_has_six_services_beside_the_help_button(screen, lang, words):
    page = (await screen.get(f"/?lang={lang}")).text
    tiles = re.findall(r'name="to" value="service/([A-Z0-9-]+)" id="[^"]+"><svg.*?</svg><span>([^<]+)<', page)
    assert [code for code, _ in tiles] == list(CATALOGUE.home)
    assert [name for _, name in tiles] == [words(CATALOGUE.services[code]) for code in CATALOGUE.home]
    assert 'action="/help"' in page


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
async def test_a_card_is_asked_for_only_after_the_purpose_and_shown_masked_until_the_number(screen, lang):
    await screen.get(f"/?lang={lang}")
    visit = await begin(screen, WITH_CARD)
    service = CATALOGUE.services[WITH_CARD]
    purpose = (await screen.get("/")).text
    assert (service.purpose_zh if lang == "zh-CN" else service.purpose_en) in purpose
    reader = screen.counter.visits._reader
    assert not reader.asked.is_set()
    assert ("正在等待证件" if lang == "zh-CN" else "Waiting for the card") in await act(screen, visit, "agree")
    await reader.asked.wait()
    reader.tap()
    await until(lambda: screen.counter.visits.view().page == "confirm")
    confirm = (await screen.get("/")).text
    assert "欧*" in confirm
    assert "1****************X" in confirm
    ticket = await act(screen, visit, "confirm")
    [record] = [kept.record for kept in screen.counter.records.open_ones()]
    assert record.number in ticket
    assert (record.id, record.service, record.channel, record.state) == (visit, WITH_CARD, "kiosk", "registered")
    assert "欧*" not in ticket


async def test_no_page_of_a_visit_ever_carries_what_the_card_said(screen):
    visit = await with_a_card(screen)
    seen = [(await screen.get(path)).text for path in ("/", "/live", "/duty", "/duty/live", "/status.json")]
    await act(screen, visit, "confirm")
    seen += [
        (await screen.get(path)).text for path in ("/", "/live", "/duty", f"/duty/records/{visit}", "/status.json")
    ]
    for text in seen:
        assert not any(secret in text for secret in CARD.values())
    assert "欧*" in seen[-2]
    assert "欧*" not in seen[-1]


async def test_a_service_without_identity_goes_straight_to_the_confirm(screen):
    visit = await begin(screen, WITHOUT)
    assert "取号后由民警为您办理" in (await screen.get("/")).text
    assert re.search(r'class="ticket">JW012-\d{8}-0001<', await act(screen, visit, "confirm"))


async def test_an_optional_identity_may_be_left_out(screen):
    visit = await begin(screen, OPTIONAL)
    assert 'action="/visit/confirm"' in await act(screen, visit, "without")
    await act(screen, visit, "end")
    visit = await begin(screen, WITH_CARD)
    assert 'action="/visit/confirm"' not in await act(screen, visit, "without")


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
async def test_a_citizen_may_leave_a_telephone_number_on_the_number_pad(screen, lang):
    await screen.get(f"/?lang={lang}")
    visit = await begin(screen, WITHOUT)
    pad = await act(screen, visit, "phone")
    assert re.findall(r'name="key" value="(\w+)"', pad) == [*"123456789", "back", "0"]
    for key in ("1", "3", "9", "5", "back", *"00001234"):
        await screen.post("/visit/key", data={"event_id": visit, "key": key})
    assert ">139****1234<" in (await screen.get("/")).text
    assert "139****1234" in await act(screen, visit, "keep-phone")
    await act(screen, visit, "confirm")
    [record] = [kept.record for kept in screen.counter.records.open_ones()]
    assert record.on_file == ("phone",)


async def test_a_number_too_short_is_told_and_nothing_else_than_a_key_is_taken(screen):
    visit = await begin(screen, WITHOUT)
    await act(screen, visit, "phone")
    for key in ("7", "x", "77", "+"):
        await screen.post("/visit/key", data={"event_id": visit, "key": key})
    page = await act(screen, visit, "keep-phone")
    assert "号码太短" in page
    assert "<output>7</output>" in page
    assert 'action="/visit/confirm"' in await act(screen, visit, "without")


async def test_two_submits_of_one_form_are_one_visit_and_one_record(screen):
    visit = await begin(screen, WITHOUT)
    await screen.post("/visit", data={"event_id": visit, "service": OPTIONAL})
    assert screen.counter.visits.view().service.code == WITHOUT
    await asyncio.gather(*(act(screen, visit, "confirm") for _ in range(3)))
    assert len(screen.counter.records.open_ones()) == 1
    await act(screen, visit, "end")
    await screen.post("/visit", data={"event_id": visit, "service": WITHOUT})
    assert screen.counter.visits.view() is None


async def test_end_and_erase_is_on_every_page_of_a_visit_and_leaves_nothing(screen):
    for stop_at in ("purpose", "confirm", "ticket"):
        if stop_at == "purpose":
            visit = await begin(screen, WITH_CARD)
        else:
            visit = await with_a_card(screen)
        if stop_at == "ticket":
            await act(screen, visit, "confirm")
        page = (await screen.get("/")).text
        assert (screen.counter.visits.view().page, page.count('class="end" method="post"')) == (stop_at, 1)
        await screen.post("/end")
        page = (await screen.get("/")).text
        assert 'id="service-HZ-01"' in page
        assert "欧*" not in page


async def test_a_visit_nobody_touches_warns_and_then_is_gone(screen):
    visit = await with_a_card(screen)
    screen.counter.clock.ahead_s = IDLE_S + 1
    screen.counter.visits.look()
    page = (await screen.get("/?lang=en")).text
    assert "Are you still there?" in page
    assert "欧*" not in page
    assert "欧*" in await act(screen, visit, "stay")
    screen.counter.clock.ahead_s += IDLE_S + WARNING_S + 1
    screen.counter.visits.look()
    assert 'id="service-HZ-01"' in (await screen.get("/")).text


async def test_going_back_shows_nothing_since_nothing_is_stored_and_all_of_it_stood_at_one_address(screen):
    visit = await with_a_card(screen)
    for path in ("/", "/live"):
        assert (await screen.get(path)).headers["cache-control"] == "no-store"
    await act(screen, visit, "end")
    assert "欧*" not in (await screen.get("/")).text


@pytest.mark.parametrize(
    ("reason", "status", "advice"),
    [
        *((reason, 0, reason) for reason in get_args(NotReadReason)),
        ("lift", 0x41, "lift"),
        ("lift", 0x40, "other_card"),
        ("lift", 0x31, "not_verified"),
    ],
)
@pytest.mark.parametrize("lang", ["zh-CN", "en"])
async def test_a_card_that_is_not_read_is_told_in_plain_words(screen, reason, status, advice, lang):
    await screen.get(f"/?lang={lang}")
    visit = await begin(screen, WITH_CARD)
    await act(screen, visit, "agree")
    reader = screen.counter.visits._reader
    await reader.asked.wait()
    reader.fail(reason, status)
    await until(lambda: screen.counter.visits.view().trouble == advice)
    page = (await screen.get("/")).text
    assert re.search(r'class="trouble">.*?<span>[^<]{8,}</span>', page, re.DOTALL)
    assert 'action="/end"' in page


async def test_without_a_reader_that_works_nobody_is_asked_for_a_card():
    absent = DeviceView(name="cards", kind="card_reader", state="absent", reason="not_found")
    async with at_station(StationDesk(devices=(PANEL, absent))) as browser:
        visit = await begin(browser, OPTIONAL)
        page = (await browser.get("/?lang=en")).text
        assert "The card reader does not work" in page
        assert 'action="/visit/agree"' not in page
        assert 'action="/visit/confirm"' in await act(browser, visit, "without")


@pytest.mark.parametrize("trouble", [{"journal_full": True}, {"journal_ok": False}])
async def test_a_journal_that_takes_nothing_offers_no_service_and_still_help(trouble):
    async with at_station(StationDesk(**trouble)) as browser:
        page = (await browser.get("/?lang=en")).text
        assert 'id="service-' not in page
        assert "Please go to the duty desk" in page
        assert 'action="/help"' in page


async def test_a_help_call_shows_on_every_page_of_a_visit(screen):
    await begin(screen, WITH_CARD)
    await screen.desk.become(calls=(a_call(state="attending"),))
    page = (await screen.get("/")).text
    assert 'data-news="coming"' in page
    assert 'action="/end"' in page
    assert page.index('action="/help"') < page.index("data-visit")


@pytest.mark.parametrize("data", [{}, {"event_id": "x"}])
@pytest.mark.parametrize("path", ["/visit", "/visit/confirm", "/visit/end"])
async def test_a_form_without_a_usable_id_is_refused(screen, path, data):
    assert (await screen.post(path, data=data)).status_code == 400


async def test_forms_of_a_visit_that_is_over_or_never_was_change_nothing(screen):
    for action in ("agree", "without", "stay", "end", "confirm"):
        assert 'id="service-HZ-01"' in await act(screen, EVENT, action)
    assert (await screen.post("/visit/nonsense", data={"event_id": EVENT})).status_code == 404
    await screen.post("/visit", data={"event_id": CALL, "service": "<script>"})
    assert screen.counter.visits.view() is None


async def test_a_script_on_a_card_is_shown_as_text(screen):
    await with_a_card(screen, CARD | {"name": "<script>alert(1)</script>"})
    page = (await screen.get("/")).text
    assert "&lt;*" in page


async def test_status_says_nothing_of_a_visit(screen):
    before = json.loads((await screen.get("/status.json")).content)
    await with_a_card(screen)
    after = json.loads((await screen.get("/status.json")).content)
    assert before | {"version": 0} == after | {"version": 0}
