"""Orders given on headquarters' pages."""

import json
import re

import pytest
from sqlalchemy import insert
from web_desks import WALL_MS, CityDesk, a_station, at_headquarters

from hq import tables
from hq.ordering import order_id
from hq.roles import IDLE_MS, PERMITTED

EVENT, OTHER = "019a0000-0000-7000-8000-0000000000e1", "019a0000-0000-7000-8000-0000000000e2"
DISPATCH = {"event_id": EVENT, "station": "sjz-001", "service": "QZ-01", "reference": "110-7", "within": "30"}
NOTICE = {"event_id": EVENT, "zh": "今晚清查", "to": "all", "days": "7", "must_read": "yes"}
FORMS = (("/orders/dispatch", DISPATCH), ("/orders/notice", NOTICE))


def city():
    return CityDesk(stations=(a_station("sjz-001"), a_station("sjz-002"), a_station("sjz-009", revoked=True)))


@pytest.mark.parametrize(
    ("lang", "words"),
    [("zh-CN", ("下达指令", "派警", "发布通知")), ("en", ("Send orders", "Send somebody", "Tell the desks"))],
)
async def test_a_dispatch_is_sent_once_however_often_the_form_is_and_in_whose_name(lang, words):
    async with at_headquarters(city()) as browser:
        assert 'href="/orders"' in (await browser.get("/")).text
        page = (await browser.get(f"/orders?lang={lang}")).text
        assert all(word in page for word in words)
        assert '<option value="sjz-002">' in page
        assert "sjz-009" not in page
        for _ in range(2):
            answer = await browser.post("/orders/dispatch", data=DISPATCH | {"urgent": "yes"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/dispatches")
        (((given_id, station), (order, by)),) = browser.desk.given.items()
        assert (given_id, station, by) == (EVENT, "sjz-001", "wang at the pages")
        assert (order.reference, order.priority) == ("110-7", "urgent")


async def test_a_notice_goes_to_all_who_are_not_revoked_once_however_often_the_form_is_sent():
    async with at_headquarters(city(), role="supervisor") as browser:
        for _ in range(2):
            answer = await browser.post("/orders/notice", data=NOTICE)
            assert (answer.status_code, answer.headers["location"]) == (303, "/notices")
        assert set(browser.desk.given) == {(order_id(EVENT, one), one) for one in ("sjz-001", "sjz-002")}
        assert all(order.must_read and order.notice == EVENT for order, _ in browser.desk.given.values())


@pytest.mark.parametrize(
    ("lang", "words"), [("zh-CN", ("个人号码", "没有这个警务站")), ("en", ("somebody", "no such"))]
)
async def test_every_wrong_field_is_told_beside_it_what_was_right_stays_and_the_form_keeps_its_id(lang, words):
    async with at_headquarters(city()) as browser:
        wrong = NOTICE | {"zh": "打 13800138000", "en": "Roll call", "days": "99", "to": "", "stations": ""}
        answer = await browser.post(f"/orders/notice?lang={lang}", data=wrong)
        assert answer.status_code == 400
        for name in ("zh", "days", "stations"):
            assert f'id="notice-{name}-wrong"' in answer.text
        assert words[0] in answer.text
        assert "13800138000" not in answer.text
        assert 'value="Roll call"' in answer.text
        assert f'value="{EVENT}"' in answer.text
        unknown = await browser.post(f"/orders/dispatch?lang={lang}", data=DISPATCH | {"station": "sjz-099"})
        assert unknown.status_code == 400
        assert words[1] in unknown.text
        revoked = await browser.post("/orders/notice", data=NOTICE | {"to": "", "stations": "sjz-001 sjz-009"})
        assert revoked.status_code == 400
        assert browser.desk.given == {}


async def test_script_in_a_form_comes_back_as_text():
    async with at_headquarters(city()) as browser:
        script = '"><script>alert(1)</script>'
        answer = await browser.post("/orders/dispatch", data=DISPATCH | {"service": script, "within": script})
        assert answer.status_code == 400
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize("role", PERMITTED)
async def test_only_who_may_orders(role):
    async with at_headquarters(city(), role=role) as browser:
        may = "order" in PERMITTED[role]
        assert (await browser.get("/orders")).status_code == (200 if may else 403)
        assert ('href="/orders"' in (await browser.get("/")).text) == may
        for path, form in FORMS:
            assert (await browser.post(path, data=form)).status_code == (303 if may else 403)
        assert bool(browser.desk.given) == may


@pytest.mark.parametrize(("path", "form"), FORMS)
async def test_a_walls_screen_a_session_left_alone_another_site_and_a_form_without_an_id_order_nothing(path, form):
    async with at_headquarters(city(), wall=True) as browser:
        assert (await browser.post(path, data=form)).headers["location"] == "/sign-in"
        assert browser.desk.given == {}
    async with at_headquarters(city()) as browser:
        evil = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert (await browser.post(path, data=form, headers=evil)).status_code == 403
        assert (await browser.post(path, data=form | {"event_id": "x"})).status_code == 400
        browser.clock.ahead_ms = IDLE_MS + 1
        assert (await browser.post(path, data=form)).headers["location"] == "/sign-in"
        assert browser.desk.given == {}
    async with at_headquarters(city(), role=None) as browser:
        assert (await browser.post(path, data=form)).headers["location"] == "/sign-in"


def sent_and_read(browser):
    words = {"zh": "今晚清查", "en": "<b>Roll call</b>", "must_read": True}
    data = json.dumps({"notice": OTHER, "expires": "2099-01-01T00:00:00.000Z"} | words)
    with browser.database.write() as connection:
        for place, station in enumerate(("sjz-001", "sjz-002", "sjz-003")):
            connection.execute(insert(tables.stations).values(station=station))
            order = {
                "station": station,
                "id": order_id(OTHER, station),
                "position": 1,
                "type": "notice.sent",
                "data": data,
            }
            order |= {"outcome": ("applied", "open", "failed")[place], "reason": "", "given_ms": WALL_MS}
            connection.execute(insert(tables.orders).values(**order, expires="2099-01-01T00:00:00.000Z"))
        read = {"station": "sjz-001", "notice": OTHER, "unsure": True, "received_ms": WALL_MS}
        for staff in ("012345", ""):
            connection.execute(insert(tables.notice_reads).values(**read, staff=staff, time="2026-11-18T11:07:40.000Z"))


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh-CN", ("今晚清查", "未登录人员", "1 个站未执行")),
        ("en", ("Must be read", "somebody not signed in", "1 of 3 stations")),
    ],
)
async def test_the_page_of_notices_says_who_has_read_them_and_where_nobody_has(lang, words):
    async with at_headquarters(city()) as browser:
        assert (await browser.get("/notices")).status_code == 200
        sent_and_read(browser)
        page = (await browser.get(f"/notices?lang={lang}")).text
        assert all(word in page for word in (*words, "012345", "~2026-11-18 19:07"))
        assert "<b>Roll call</b>" not in page
        assert re.search(r"sjz-002</span>: [^<]", page)
