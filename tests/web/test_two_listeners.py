"""What the citizen's browser can reach: no page, form or figure of the duty desk, by any path or link."""

import re
from urllib.parse import unquote

import pytest
from web_desks import CALL, EVENT, StationDesk, a_call, at_station

DUTY = [
    "/duty",
    "/duty/",
    "/duty/live",
    "/duty/calls",
    "/duty/new",
    "/duty/find?number=JW012-20261122-0001",
    "/duty/shift",
    f"/duty/records/{EVENT}",
    "/status.json",
    "//duty",
    "/./duty",
    "/static/../duty",
    "/%64uty",
    "/visit/../duty",
]


@pytest.mark.parametrize("path", DUTY)
async def test_no_path_at_the_citizens_address_is_a_page_of_the_desk(path):
    async with at_station(StationDesk(a_call())) as browser:
        answer = await browser.raw(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert answer.split()[1] in {b"404", b"405"}
    assert CALL.encode() not in answer


@pytest.mark.parametrize("path", [f"/duty/calls/{CALL}/acknowledge", "/duty/records", "/duty/shift"])
async def test_no_form_of_the_desk_is_taken_at_the_citizens_address(path):
    async with at_station(StationDesk(a_call())) as browser:
        before = browser.desk.view()
        body = f"event_id={EVENT}"
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
        kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        answer = await browser.raw((head + kind + body).encode())
        assert answer.split()[1] == b"404"
        assert browser.desk.view() == before


async def test_no_page_of_the_citizen_names_the_desk(station):
    for path in ("/", "/live", "/no-such-page", "/static/base.css"):
        assert "/duty" not in unquote((await station.get(path)).text)


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
@pytest.mark.parametrize("path", ["/duty", "/status.json", f"/duty/records/{EVENT}"])
async def test_no_link_of_the_citizens_pages_opens_the_desk(station, site, path):
    """A browser says `same-site` of another port of the same machine."""
    assert (await station.get(path, headers={"Sec-Fetch-Site": site})).status_code == 403


async def test_a_form_of_the_citizens_origin_changes_nothing_at_the_desk():
    async with at_station(StationDesk(a_call())) as browser:
        before = browser.desk.view()
        answer = await browser.post(
            f"/duty/calls/{CALL}/acknowledge",
            data={"event_id": EVENT},
            headers={"Origin": f"http://127.0.0.1:{browser.port}"},
        )
        assert answer.status_code == 403
        assert browser.desk.view() == before


async def test_the_desk_and_the_citizen_each_remember_a_language_of_their_own(station):
    await station.get("/?lang=en")
    assert 'lang="zh-CN"' in (await station.get("/duty")).text
    await station.get("/duty?lang=en")
    await station.get("/?lang=zh-CN")
    assert 'lang="en"' in (await station.get("/duty")).text


async def test_the_desks_first_address_leads_to_the_desk(station):
    answer = await station.get(f"http://127.0.0.1:{station.duty_port}/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/duty")
    assert not re.search("<form", answer.text)
