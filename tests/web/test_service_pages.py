import re

import pytest
from test_record_pages import sign_in
from test_visit_pages import CARDS, PANEL, act, answer, opened, the_id
from web_desks import EVENT, StationDesk, at_station
from window_rig import CATALOGUE

LANGUAGES = pytest.mark.parametrize("lang", ["zh-CN", "en"])


@pytest.fixture
async def screen():
    async with at_station(StationDesk(devices=(PANEL, CARDS))) as browser:
        yield browser


def said(item, lang):
    return item.zh if lang == "zh-CN" else item.en


@LANGUAGES
async def test_a_service_says_what_it_is_and_what_to_bring_before_anything_is_asked(screen, lang):
    await screen.get(f"/?lang={lang}")
    for service in CATALOGUE.services.values():
        page = await opened(screen, service.code)
        assert (service.about_zh if lang == "zh-CN" else service.about_en) in page.replace("&#39;", "'")
        for code in service.bring:
            assert said(CATALOGUE.materials[code], lang) in page.replace("&#39;", "'")
        assert (f'name="service" value="{service.code}"' in page) is not service.reference_only
    assert screen.counter.visits.view() is None


@LANGUAGES
async def test_when_and_where_else_stand_one_tap_further_on(screen, lang):
    await screen.get(f"/?lang={lang}")
    service = CATALOGUE.services["HZ-01"]
    assert 'value="service/HZ-01/when"' in await opened(screen, "HZ-01")
    page = await opened(screen, "HZ-01", "/when")
    assert (service.hours_zh if lang == "zh-CN" else service.hours_en) in page
    for place in ("派出所", "政务服务大厅") if lang == "zh-CN" else ("Police office", "Government service hall"):
        assert place in page
    assert 'id="take"' in page
    assert 'value="service/FZ-01/when"' not in await opened(screen, "FZ-01")


async def test_a_place_is_a_button_only_where_the_directory_has_it():
    desk = StationDesk(devices=(PANEL, CARDS))
    async with at_station(desk) as browser:
        assert "find/places" not in await opened(browser, "HZ-01", "/when")
    async with at_station(desk, citizen={"places": lambda: {"photo", "bank"}}) as browser:
        page = await opened(browser, "HZ-01", "/when")
    assert re.findall(r'value="find/places/([a-z-]+)"', page) == ["photo"]


async def test_large_words_leave_what_to_bring_to_a_page_of_its_own(screen):
    await screen.post("/look", data={"size": "large", "lang": "en"})
    photo = CATALOGUE.materials["photo"].en
    assert photo not in await opened(screen, "CRJ-01")
    assert photo in await opened(screen, "CRJ-01", "/bring")


@LANGUAGES
async def test_who_wants_to_report_something_is_sent_to_110_and_to_the_desk(screen, lang):
    await screen.get(f"/?lang={lang}")
    page = await opened(screen, "BJ-01")
    assert 'class="call-110"' in page
    assert 'action="/visit"' not in page
    assert ("服务台" if lang == "zh-CN" else "at the desk") in page


async def test_every_service_is_two_taps_from_the_first_page_and_an_identity_card_one(screen):
    assert 'value="service/HZ-01"' in (await screen.get("/")).text
    reached = set()
    for group in CATALOGUE.groups:
        await screen.post("/go", data={"to": f"services/{group}"})
        reached |= set(re.findall(r'value="service/([A-Z0-9-]+)"', (await screen.get("/")).text))
    assert reached == set(CATALOGUE.services)


@pytest.mark.parametrize("to", ["service", "service/XX-01", "service/HZ-01/x", "service/HZ-01/when/x", "service/hz-01"])
async def test_a_page_that_there_is_not_is_the_first_page(screen, to):
    await screen.post("/go", data={"to": to})
    assert 'id="all-services"' in (await screen.get("/")).text


@LANGUAGES
async def test_questions_come_one_a_page_and_are_shown_again_before_the_number(screen, lang):
    await screen.get(f"/?lang={lang}")
    service = CATALOGUE.services["TJ-01"]
    first, second = service.questions
    visit = the_id(await opened(screen, "TJ-01"), "/visit")
    await screen.post("/visit", data={"event_id": visit, "service": "TJ-01"})
    page = (await screen.get("/")).text
    assert said(first, lang) in page
    assert said(second, lang) not in page
    assert [said(each, lang) for each in first.answers] == re.findall(r'id="answer-0-\d">([^<]+)<', page)
    page = await answer(screen, visit, "1")
    assert said(second, lang) in page
    page = await answer(screen, visit, "skip")
    assert 'action="/visit/without"' in page
    page = await act(screen, visit, "without")
    assert said(first.answers[1], lang) in page
    await screen.post("/back")
    await screen.post("/back")
    assert said(second, lang) in (await screen.get("/")).text


@pytest.mark.parametrize(
    ("code", "need", "may_read"),
    [("QZ-01", "需要哪方面的帮助？找人", True), ("TS-01", "您想说的是？投诉；是关于什么的？态度", False)],
)
async def test_the_officer_on_duty_reads_an_answer_once_asked_for_and_that_of_a_complaint_never(
    screen, code, need, may_read
):
    visit = the_id(await opened(screen, code), "/visit")
    await screen.post("/visit", data={"event_id": visit, "service": code})
    while screen.counter.visits.view().question:
        await answer(screen, visit, "0")
    await act(screen, visit, "without")
    await act(screen, visit, "confirm")
    page = (await screen.get(f"/duty/records/{visit}")).text
    assert need not in page
    await sign_in(screen)
    page = (await screen.get(f"/duty/records/{visit}")).text
    assert (f'action="/duty/records/{visit}/reveal"' in page) is may_read
    assert (need in (await screen.post(f"/duty/records/{visit}/reveal", data={"event_id": EVENT})).text) is may_read
