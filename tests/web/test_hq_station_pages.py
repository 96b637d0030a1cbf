"""What makes a station what it is, on headquarters' pages: rota, settings, and who may sign in at its desk."""

import re
from pathlib import Path

import pytest
from web_desks import CityDesk, a_station, at_headquarters

from common import pins
from common.events.desk import StaffSet
from hq.ordering import order_id
from hq.roles import PAPERS_MS, PERMITTED
from hq.snapshot import standing

CONFIG = Path(__file__).parents[2] / "config"
EVENT = "019a0000-0000-7000-8000-0000000000e1"
ROTA = {"event_id": EVENT, "to": "all", "file": (CONFIG / "rota.toml").read_text()}
SETTINGS = {"event_id": EVENT, "stations": "sjz-002", "file": "[health]\nevery_s = 60\n"}
OTHERS = [f"019a0000-0000-7000-8000-0000000000f{number}" for number in range(4)]
ISSUE = {"event_id": EVENT, "station": "sjz-001", "number": "012345", "act": "issue"}
FORMS = (("/stations/rota", ROTA), ("/stations/settings", SETTINGS), ("/stations/staff", ISSUE))


def city():
    return CityDesk(stations=(a_station("sjz-001"), a_station("sjz-002"), a_station("sjz-009", revoked=True)))


def ordered(browser, station):
    """The staff list that holds at a station, as its order has it: numbers and what is kept of their PINs."""
    with browser.database.read() as connection:
        held = standing(connection, station, StaffSet(staff=()), "staff.set")
    return {member.number: member.pin for member in held.staff} if isinstance(held, StaffSet) else {}


@pytest.mark.parametrize(
    ("lang", "words"),
    [("zh-CN", ("排班表、设置、PIN", "2 个站下达")), ("en", ("Rota, settings, PINs", "Ordered at 2 stations"))],
)
async def test_a_rota_is_ordered_at_all_who_are_not_revoked_once_however_often_the_form_is_sent(lang, words):
    async with at_headquarters(city(), role="administrator") as browser:
        assert words[0] in (await browser.get(f"/?lang={lang}")).text
        assert "sjz-009" not in (await browser.get(f"/stations?lang={lang}")).text
        first = await browser.post(f"/stations/rota?lang={lang}", data=ROTA)
        again = await browser.post(f"/stations/rota?lang={lang}", data=ROTA)
        assert (first.status_code, again.status_code) == (200, 200)
        assert words[1] in first.text
        assert set(browser.desk.given) == {(order_id(EVENT, one), one) for one in ("sjz-001", "sjz-002")}
        assert all(by == "wang at the pages" for _, by in browser.desk.given.values())


async def test_settings_go_to_the_stations_that_are_named():
    async with at_headquarters(city(), role="administrator") as browser:
        assert (await browser.post("/stations/settings", data=SETTINGS)).status_code == 200
        (((_, station), (order, _)),) = browser.desk.given.items()
        assert (station, order.settings.health.every_s, order.settings.help) == ("sjz-002", 60, None)


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
async def test_every_mistake_of_a_file_is_told_at_once_what_was_typed_stays_and_nothing_is_ordered(lang):
    async with at_headquarters(city(), role="administrator") as browser:
        wrong = SETTINGS | {"stations": "", "file": '[health]\nevery_s = "<b>"\n[help]\nlouder = 1\n'}
        answer = await browser.post(f"/stations/settings?lang={lang}", data=wrong)
        assert answer.status_code == 400
        for key in ("health.every_s", "help.louder", "help.louder_after_s", "help.breach_after_s"):
            assert f"<b>{key}</b>" in answer.text
        assert 'id="settings-stations-wrong"' in answer.text
        assert "&lt;b&gt;" in answer.text
        assert f'value="{EVENT}"' in answer.text
        no_toml = await browser.post(f"/stations/rota?lang={lang}", data=ROTA | {"file": "= nothing"})
        assert no_toml.status_code == 400
        assert "a TOML file" in no_toml.text
        unknown = await browser.post("/stations/rota", data=ROTA | {"to": "", "stations": "sjz-009"})
        assert unknown.status_code == 400
        assert browser.desk.given == {}


async def test_a_pin_is_shown_once_is_good_at_that_station_and_stands_nowhere_in_the_clear():
    async with at_headquarters(city(), role="administrator") as browser:
        answer = await browser.post("/stations/staff", data=ISSUE)
        pin = re.search(r'id="pin">([^<]+)<', answer.text).group(1)
        assert pins.matches(pin, ordered(browser, "sjz-001")["012345"])
        assert ordered(browser, "sjz-002") == {}
        shown = (await browser.get("/stations?station=sjz-001")).text
        assert "012345" in shown
        assert pin not in shown
        assert "no-store" in answer.headers["cache-control"]
        loaded_again = await browser.post("/stations/staff", data=ISSUE)
        assert (loaded_again.status_code, loaded_again.headers["location"]) == (303, "/stations?station=sjz-001")
        assert pins.matches(pin, ordered(browser, "sjz-001")["012345"])
        answer = await browser.post("/stations/staff", data=ISSUE | {"event_id": OTHERS[0]})
        again = re.search(r'id="pin">([^<]+)<', answer.text).group(1)
        assert pins.matches(again, ordered(browser, "sjz-001")["012345"])
        assert not pins.matches(pin, ordered(browser, "sjz-001")["012345"])


async def test_a_pin_is_withdrawn_and_those_of_a_stolen_kiosk_are_void():
    async with at_headquarters(city(), role="administrator") as browser:
        for number, event_id in zip(("1", "2", "3"), OTHERS, strict=False):
            await browser.post("/stations/staff", data=ISSUE | {"number": number, "event_id": event_id})
        answer = await browser.post("/stations/staff", data=ISSUE | {"number": "2", "act": "withdraw"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/stations?station=sjz-001")
        assert list(ordered(browser, "sjz-001")) == ["1", "3"]
        assert (
            await browser.post("/stations/staff", data={"event_id": EVENT, "station": "sjz-001", "act": "reset"})
        ).status_code == 303
        assert ordered(browser, "sjz-001") == {}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"station": "sjz-099"}, "station"),
        ({"station": "sjz-009"}, "station"),
        ({"station": ""}, "station"),
        ({"number": "no number"}, "number"),
        ({"number": ""}, "number"),
        ({"act": "withdraw"}, "number"),
        ({"act": "else"}, "number"),
    ],
)
async def test_a_wrong_form_of_a_pin_is_told_beside_its_field_and_changes_nothing(change, field):
    async with at_headquarters(city(), role="administrator") as browser:
        answer = await browser.post("/stations/staff", data=ISSUE | change)
        assert answer.status_code == 400
        assert f'id="staff-{field}-wrong"' in answer.text
        assert ordered(browser, "sjz-001") == {}


@pytest.mark.parametrize("role", PERMITTED)
async def test_only_who_may_says_what_a_station_is(role):
    async with at_headquarters(city(), role=role) as browser:
        may = "stations" in PERMITTED[role]
        assert (await browser.get("/stations")).status_code == (200 if may else 403)
        assert ('href="/stations"' in (await browser.get("/")).text) == may
        for path, form in FORMS:
            assert (await browser.post(path, data=form)).status_code == (200 if may else 403)
        assert bool(browser.desk.given) == may
        assert bool(ordered(browser, "sjz-001")) == may


@pytest.mark.parametrize(("path", "form"), FORMS)
async def test_half_an_hour_after_the_password_another_site_and_nobody_signed_in_change_nothing(path, form):
    async with at_headquarters(city(), role="administrator") as browser:
        evil = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert (await browser.post(path, data=form, headers=evil)).status_code == 403
        browser.clock.ahead_ms = PAPERS_MS + 1
        assert (await browser.post(path, data=form)).headers["location"] == "/sign-in?for=stations"
        assert browser.desk.given == ordered(browser, "sjz-001") == {}
    async with at_headquarters(city(), role=None) as browser:
        assert (await browser.post(path, data=form)).headers["location"] == "/sign-in"
        assert browser.desk.given == {}
