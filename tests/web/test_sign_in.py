"""Who gets into headquarters' pages, how far, and for how long; nobody else sees or changes anything."""

import base64
import re

import pytest
from web_desks import CALL, EVENT, PASSWORD, CityDesk, a_row, a_station, an_account, at_headquarters

from common.slowing import FREE
from hq import tables
from hq.roles import IDLE_MS, PAPERS_MS, PERMITTED, SHIFT_MS, WATCH_MS
from hq.screens import door
from hq.screens.door import Doorway

ANSWER = f"/stations/sjz-001/calls/{CALL}/answer"
FORM = {"name": "wang", "password": PASSWORD}
SCRIPT = "<script>alert(1)</script>"


def _cookie(answer):
    return answer.headers["set-cookie"]


def _held(answer):
    return re.match(r"(?:__Host-)?session=([^;]*)", _cookie(answer))[1]


async def test_nobody_sees_or_does_anything_without_signing_in():
    async with at_headquarters(CityDesk(a_row()), role=None) as browser:
        for path in ("/", "/audit", "/accounts", "/?lang=en"):
            answer = await browser.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        for path in ("/live", "/events", "/overview.json"):
            answer = await browser.get(path)
            assert answer.status_code == 401
            assert "sjz-001" not in answer.text
        for path in (ANSWER, "/accounts", "/accounts/wang/role"):
            assert (await browser.post(path, data={"event_id": EVENT})).status_code == 303
        assert browser.desk.orders == {}


async def test_a_page_that_stays_open_says_in_large_letters_that_it_shows_nothing_any_more():
    async with at_headquarters(CityDesk(a_row())) as browser:
        assert "sjz-001" in (await browser.get("/live?lang=en")).text
        browser.accounts.disable("wang", by="a test")
        answer = await browser.get("/live?lang=en")
        assert answer.status_code == 401
        assert "This screen shows no calls" in answer.text
        assert 'data-title="(!) SIGNED OUT' in answer.text
        assert "sjz-001" not in answer.text


async def test_signing_in_shows_the_calls_and_who_answers_one_is_named():
    async with at_headquarters(CityDesk(a_row()), role=None) as browser:
        an_account(browser.database, "wang")
        answer = await browser.post("/sign-in", data=FORM)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "sjz-001" in (await browser.get("/")).text
        await browser.post(ANSWER, data={"event_id": EVENT})
        assert browser.desk.orders == {EVENT: ("sjz-001", CALL, "wang")}
        assert browser.desk.sign_ins == ["right"]


async def test_a_sessions_cookie_is_kept_from_scripts_and_other_sites_and_a_desks_ends_with_the_browser():
    async with at_headquarters(CityDesk(), role=None) as browser:
        an_account(browser.database, "wang")
        cookie = _cookie(await browser.post("/sign-in", data=FORM))
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
        assert "Max-Age" not in cookie
        cookie = _cookie(await browser.post("/sign-in", data=FORM | {"wall": "yes"}))
        assert "Max-Age" in cookie


async def test_over_tls_the_cookie_travels_no_other_way_and_browsers_are_told_never_to_come_otherwise():
    async with at_headquarters(CityDesk(), role=None, doorway=Doorway(secure=True)) as browser:
        an_account(browser.database, "wang")
        answer = await browser.post("/sign-in", data=FORM)
        assert _cookie(answer).startswith("__Host-session=")
        assert "Secure" in _cookie(answer).split("; ")
        assert "max-age=" in answer.headers["strict-transport-security"]


async def test_a_session_that_somebody_put_into_the_browser_before_is_worth_nothing_afterwards():
    """Session fixation: the id is new with every sign-in, and an id of nobody's is never taken up."""
    async with at_headquarters(CityDesk(a_row()), role=None) as browser:
        an_account(browser.database, "wang")
        an_account(browser.database, "mallory")
        planted = browser.accounts.begin("mallory", wall=False)
        for fixed in ("chosen-by-somebody", planted):
            browser.cookies.set("session", fixed)
            held = _held(await browser.post("/sign-in", data=FORM))
            assert held not in {fixed, ""}
            browser.cookies.clear()
            browser.cookies.set("session", fixed)
            assert (await browser.get("/")).status_code == 303
            browser.cookies.clear()


async def test_what_the_database_holds_of_a_session_signs_nobody_in():
    async with at_headquarters(CityDesk()) as browser:
        with browser.database.read() as connection:
            [row] = connection.execute(tables.staff_sessions.select()).all()
        held = browser.cookies.get("session")
        for guess in (row.session.hex(), base64.urlsafe_b64encode(row.session).decode(), held[:-1], held + "x"):
            browser.cookies.clear()
            browser.cookies.set("session", guess)
            assert (await browser.get("/")).status_code == 303


async def test_signing_out_ends_the_session_everywhere_it_was_copied_to():
    async with at_headquarters(CityDesk()) as browser:
        held = browser.cookies.get("session")
        answer = await browser.post("/sign-out")
        assert answer.headers["location"] == "/sign-in"
        browser.cookies.clear()
        browser.cookies.set("session", held)
        assert (await browser.get("/")).status_code == 303


@pytest.mark.parametrize(
    "form",
    [
        {"name": "wang", "password": PASSWORD + "x"},
        {"name": "wang", "password": ""},
        {"name": "wang", "password": "x" * 5000},
        {"name": "nobody", "password": PASSWORD},
        {"name": "left", "password": PASSWORD},
        {"name": "' OR 1=1 --", "password": PASSWORD},
        {"name": SCRIPT, "password": SCRIPT},
        {},
    ],
)
async def test_a_wrong_name_and_a_wrong_password_read_the_same(form):
    async with at_headquarters(CityDesk(), role=None) as browser:
        an_account(browser.database, "wang")
        an_account(browser.database, "left", disabled=True)
        answer = await browser.post("/sign-in?lang=en", data=form)
        assert answer.status_code == 401
        assert "Name or password is not right." in answer.text
        assert "set-cookie" not in answer.headers or "session" not in _cookie(answer)
        assert SCRIPT not in answer.text


async def test_guessing_is_slowed_by_account_and_address_and_the_owner_elsewhere_is_not():
    monotonic = [0.0]
    doorway = Doorway(secure=False, proxy="127.0.0.1")
    async with at_headquarters(CityDesk(), role=None, doorway=doorway, monotonic=lambda: monotonic[0]) as browser:
        an_account(browser.database, "wang")
        owner, stranger = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "198.51.100.7"}
        assert (await browser.post("/sign-in", data=FORM, headers=owner)).status_code == 303
        for _ in range(FREE):
            assert (await browser.post("/sign-in", data=FORM | {"password": "x"}, headers=stranger)).status_code == 401
        slowed = await browser.post("/sign-in", data=FORM, headers=stranger)
        assert slowed.status_code == 429
        assert int(slowed.headers["retry-after"]) >= 1
        elsewhere = {"X-Forwarded-For": "203.0.113.9, 198.51.100.8"}
        assert (await browser.post("/sign-in", data=FORM, headers=elsewhere)).status_code == 429
        assert (await browser.post("/sign-in", data=FORM, headers=owner)).status_code == 303
        monotonic[0] += 120
        assert (await browser.post("/sign-in", data=FORM, headers=stranger)).status_code == 303
        assert browser.desk.sign_ins.count("slowed") == 2


async def test_a_household_of_ipv6_addresses_is_one_guesser_and_ipv4_ones_written_as_ipv6_are_many():
    doorway = Doorway(secure=False, proxy="127.0.0.1")
    async with at_headquarters(CityDesk(), role=None, doorway=doorway) as browser:
        for addresses, last in (("2001:db8::{}", 429), ("::ffff:192.0.2.{}", 401)):
            statuses = [
                (
                    await browser.post(
                        "/sign-in",
                        data={"name": f"guess-{number}-{last}", "password": "x"},
                        headers={"X-Forwarded-For": addresses.format(number)},
                    )
                ).status_code
                for number in range(FREE + 1)
            ]
            assert statuses == [401] * FREE + [last]


async def test_guesses_cannot_fill_the_memory(monkeypatch):
    monkeypatch.setattr(door, "_WAITING", 0)
    async with at_headquarters(CityDesk(), role=None) as browser:
        assert (await browser.post("/sign-in", data=FORM)).status_code == 503


async def test_only_the_proxy_is_heard_behind_one_and_nobodys_forwarded_address_counts_without():
    async with at_headquarters(CityDesk(), doorway=Doorway(proxy="192.0.2.1")) as browser:
        assert (await browser.get("/sign-in")).status_code == 403
    async with at_headquarters(CityDesk(), role=None) as browser:
        an_account(browser.database, "wang")
        statuses = [
            (
                await browser.post(
                    "/sign-in",
                    data={"name": f"guess-{number}", "password": "x"},
                    headers={"X-Forwarded-For": f"198.51.100.{number}"},
                )
            ).status_code
            for number in range(FREE + 1)
        ]
        assert statuses == [401] * FREE + [429]


async def test_signing_in_from_another_site_is_refused():
    async with at_headquarters(CityDesk(), role=None) as browser:
        an_account(browser.database, "wang")
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
            assert (await browser.post("/sign-in", data=FORM, headers=headers)).status_code == 403


async def test_a_form_that_does_not_say_where_it_comes_from_changes_nothing():
    async with at_headquarters(CityDesk(a_row())) as browser:
        del browser.headers["Origin"]
        for path in (ANSWER, "/sign-out", "/sign-in"):
            assert (await browser.post(path, data={"event_id": EVENT})).status_code == 403
        assert browser.desk.orders == {}


@pytest.mark.parametrize("role", PERMITTED)
async def test_each_role_sees_what_is_its_own_and_no_more(role):
    async with at_headquarters(CityDesk(a_row()), role=role) as browser:
        assert "sjz-001" in (await browser.get("/")).text
        for permission, path in (("audit", "/audit"), ("accounts", "/accounts")):
            expected = 200 if permission in PERMITTED[role] else 403
            assert (await browser.get(path)).status_code == expected
        answered = await browser.post(ANSWER, data={"event_id": EVENT})
        assert answered.status_code == (303 if "answer" in PERMITTED[role] else 403)
        assert bool(browser.desk.orders) == ("answer" in PERMITTED[role])


async def test_a_session_left_alone_still_shows_calls_and_asks_for_the_password_before_it_answers_one():
    async with at_headquarters(CityDesk(a_row())) as browser:
        browser.clock.ahead_ms = IDLE_MS + 1
        page = (await browser.get("/?lang=en")).text
        assert "sjz-001" in page
        assert ANSWER not in page
        assert "Sign in again to answer" in page
        answer = await browser.post(ANSWER, data={"event_id": EVENT})
        assert (answer.headers["location"], browser.desk.orders) == ("/sign-in", {})
        await browser.post("/sign-in", data=FORM)
        await browser.post(ANSWER, data={"event_id": EVENT})
        assert len(browser.desk.orders) == 1


async def test_a_page_that_only_looks_by_itself_keeps_no_session_awake_and_somebody_who_uses_it_does():
    async with at_headquarters(CityDesk(a_row())) as browser:
        for _ in range(3):
            browser.clock.ahead_ms += IDLE_MS // 2
            await browser.get("/live")
        assert ANSWER not in (await browser.get("/live")).text
    async with at_headquarters(CityDesk(a_row())) as browser:
        for _ in range(3):
            browser.clock.ahead_ms += IDLE_MS // 2
            await browser.get("/")
        assert ANSWER in (await browser.get("/live")).text


async def test_after_a_shift_a_session_only_shows_and_after_a_day_it_ends():
    async with at_headquarters(CityDesk(a_row())) as browser:
        while browser.clock.ahead_ms < SHIFT_MS:
            browser.clock.ahead_ms += IDLE_MS // 2
            await browser.get("/")
        assert ANSWER not in (await browser.get("/")).text
        assert "sjz-001" in (await browser.get("/")).text
        browser.clock.ahead_ms = WATCH_MS
        assert (await browser.get("/")).status_code == 303


async def test_a_walls_screen_shows_calls_for_as_long_as_it_is_let_and_changes_nothing():
    async with at_headquarters(CityDesk(a_row()), wall=True, role="administrator") as browser:
        held = browser.cookies.get("session")
        browser.clock.ahead_ms = 1000 * WATCH_MS
        page = (await browser.get("/?lang=en")).text
        assert "sjz-001" in page
        assert "wall's screen" in page
        kept = _cookie(await browser.get("/live"))
        assert "Max-Age" in kept, "a browser forgets a cookie after 400 days"
        assert held in kept
        assert not re.search(f"{ANSWER}|/accounts|/audit|to answer", page)
        await browser.post(ANSWER, data={"event_id": EVENT})
        assert (await browser.get("/accounts")).status_code == 303
        assert browser.desk.orders == {}
        browser.accounts.disable("wang", by="a test")
        assert (await browser.get("/live")).status_code == 401


async def test_audit_and_accounts_ask_for_the_password_again_after_half_an_hour():
    async with at_headquarters(CityDesk(), role="administrator") as browser:
        browser.clock.ahead_ms = PAPERS_MS
        answer = await browser.get("/accounts")
        assert answer.headers["location"] == "/sign-in?for=accounts"
        assert 'name="for" value="accounts"' in (await browser.get("/sign-in?for=accounts")).text
        assert 'name="for" value=""' in (await browser.get("/sign-in?for=//evil.example")).text
        answer = await browser.post("/sign-in", data=FORM | {"for": "accounts"})
        assert answer.headers["location"] == "/accounts"
        answer = await browser.post("/sign-in", data=FORM | {"for": "https://evil.example"})
        assert answer.headers["location"] == "/"


async def test_an_administrator_makes_and_changes_accounts_and_the_audit_names_who_did():
    async with at_headquarters(CityDesk(), role="administrator") as browser:
        new = {"name": "Li", "role": "auditor", "password": "another good one"}
        assert (await browser.post("/accounts", data=new)).status_code == 303
        assert (await browser.post("/accounts", data=new)).status_code == 400
        assert (await browser.post("/accounts", data=new | {"name": "zhao", "password": "short"})).status_code == 400
        assert (await browser.post("/accounts", data=new | {"name": SCRIPT})).status_code == 400
        assert (await browser.post("/accounts", data=new | {"name": "zhao", "role": "king"})).status_code == 400
        for change, form in (
            ("role", {"role": "monitor"}),
            ("password", {"password": "a third good one"}),
            ("disable", {}),
        ):
            assert (await browser.post(f"/accounts/li/{change}", data=form)).status_code == 303
        assert (await browser.post("/accounts/li/promote")).status_code == 404
        assert (await browser.post("/accounts/nobody/disable")).status_code == 404
        assert (await browser.post("/accounts/wang/role", data={"role": "monitor"})).status_code == 403
        page = (await browser.get("/accounts?lang=en")).text
        assert re.search(r"<b>li</b>.*disabled", page)
        browser.accounts.set_role("wang", "auditor", by="a test")
        page = (await browser.get("/audit?lang=en")).text
        assert "Every line follows from the one before it." in page
        assert page.count("wang at the pages") == 4
        for what in ("added as auditor", "made monitor", "given another password", "disabled"):
            assert what in page


async def test_a_program_of_this_machine_reads_figures_one_of_another_shows_its_token_and_neither_does_more():
    shown = {"Authorization": "Bearer figures"}
    desk = CityDesk(stations=[a_station("sjz-001")])
    behind = Doorway(token="figures", proxy="127.0.0.1")
    async with at_headquarters(desk, role=None, doorway=behind) as browser:
        for path in ("/metrics", "/health.json", "/overview.json"):
            for headers in ({}, {"Authorization": "Bearer guess"}, {"Authorization": "Bearer"}):
                answer = await browser.get(path, headers=headers)
                assert answer.status_code in {401, 403}, "behind a proxy everybody comes from this machine"
            assert (await browser.get(path, headers=shown)).status_code == 200
        assert (await browser.get("/", headers=shown)).status_code == 303
        assert (await browser.post(ANSWER, data={"event_id": EVENT}, headers=shown)).status_code == 303
    async with at_headquarters(desk, role=None) as browser:
        assert (await browser.get("/metrics")).status_code == 200
        assert (await browser.get("/health.json")).json() == {"broker_connected": True}
        assert (await browser.get("/overview.json")).status_code == 401
    async with at_headquarters(desk, role=None, doorway=Doorway(proxy="127.0.0.1")) as browser:
        assert (await browser.get("/metrics", headers={"Authorization": "Bearer"})).status_code == 403
