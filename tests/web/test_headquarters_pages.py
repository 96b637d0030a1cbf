import json
import re

import pytest
from web_desks import CALL, EVENT, OTHER_CALL, WALL_MS, CityDesk, a_row, a_station, at_headquarters

from hq.screens.city import age_s, city
from hq.view import Expiring, Overview

SCRIPT = "<script>alert(1)</script>"


async def test_a_call_is_answered_with_one_click():
    async with at_headquarters(CityDesk(a_row(), stations=[a_station("sjz-001", open_calls=1)])) as browser:
        page = (await browser.get("/")).text
        action = re.search(r'action="(/stations/[^"]+/answer)"', page)[1]
        event_id = re.search(r'name="event_id" value="([^"]+)"', page)[1]
        answer = await browser.post(action, data={"event_id": event_id})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert browser.desk.orders == {event_id: ("sjz-001", CALL, "wang")}
        page = (await browser.get("/")).text
        assert "指挥中心正在应答" in page
        assert "/answer" not in page


async def test_one_form_submitted_twice_is_one_order():
    async with at_headquarters(CityDesk(a_row())) as browser:
        for _ in range(2):
            await browser.post(f"/stations/sjz-001/calls/{CALL}/answer", data={"event_id": EVENT})
        assert len(browser.desk.orders) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_an_answer_from_elsewhere_is_refused(headers, status):
    async with at_headquarters(CityDesk(a_row())) as browser:
        answer = await browser.post(f"/stations/sjz-001/calls/{CALL}/answer", data={"event_id": EVENT}, headers=headers)
        assert answer.status_code == status
        assert browser.desk.orders == {}


async def test_a_body_without_measure_or_id_is_refused():
    async with at_headquarters(CityDesk(a_row())) as browser:
        address = f"/stations/sjz-001/calls/{CALL}/answer"
        assert (await browser.post(address, data={"event_id": "x" * 20_000})).status_code == 413
        assert (await browser.post(address, data={"event_id": "x"})).status_code == 400
        assert (await browser.post(address)).status_code == 400
        assert browser.desk.orders == {}


async def test_a_query_that_cannot_be_decoded_is_answered_400():
    async with at_headquarters(CityDesk()) as browser:
        answer = await browser.get("/?lang=%zz")
        assert answer.status_code == 400


async def test_what_rings_shows_in_the_title_and_above_all_else():
    desk = CityDesk(
        a_row(answered_by="headquarters"),
        a_row(id=OTHER_CALL, station="sjz-002"),
        stations=[a_station("sjz-003", unrecorded_since="2026-11-23T01:02:03.000Z")],
    )
    async with at_headquarters(desk) as browser:
        page = (await browser.get("/?lang=en")).text
    assert "<title>(2) HELP" in page
    order = [page.index(words) for words in ("sjz-003", "sjz-002", "sjz-001", '<section class="stations"')]
    assert order == sorted(order)
    assert "Ringing: the station cannot record the call" in page


async def test_presence_is_said_in_words_and_by_a_shape():
    stations = [a_station(f"sjz-{n}", presence=p) for n, p in enumerate(("online", "silent", "offline", "never"))]
    async with at_headquarters(CityDesk(stations=stations)) as browser:
        page = (await browser.get("/?lang=en")).text
    for shape, words in (("full", "online"), ("half", "silent"), ("empty", "offline"), ("never", "never seen")):
        assert re.search(rf'icon-{shape}"(?:(?!</svg>).)*</svg> {words}', page)
    assert "1 of 4 online" in page


async def test_a_broker_outage_is_one_banner_and_not_a_row_for_everya_station():
    stations = [a_station(f"sjz-{n:03}", presence="offline") for n in range(109)]
    stations.append(a_station("sjz-109", presence="offline", missing=2))
    async with at_headquarters(CityDesk(a_row(), stations=stations, broker_connected=False)) as browser:
        page = (await browser.get("/?lang=en")).text
    assert page.count("The message broker is out of reach.") == 1
    assert re.findall(r'<p class="name">([^ <]+)', page) == ["sjz-109"]
    assert "109 stations" in page
    assert "offline" not in page.split('<section class="stations"')[1]
    assert "/answer" in page


async def test_a_certificate_that_ends_soon_is_named_below_what_rings():
    ending = [Expiring(certificate="broker", days_left=0), Expiring(certificate="headquarters", days_left=59)]
    async with at_headquarters(CityDesk(a_row(), expiring=ending)) as browser:
        page = " ".join((await browser.get("/?lang=en")).text.split())
        chinese = (await browser.get("/?lang=zh-CN")).text
    said = ["The broker's certificate ends today, or has ended.", "for the broker ends in 59 days. Tell whoever"]
    at = [page.index('<section class="calls"'), *(page.replace("&#39;", "'").index(words) for words in said)]
    assert at == sorted(at)
    assert "消息服务器的证书" in chinese
    assert "59 天后到期" in chinese


async def test_a_revoked_station_is_shown_as_one_whether_the_broker_is_there_or_not():
    for connected in (True, False):
        desk = CityDesk(stations=[a_station("sjz-001", revoked=True), a_station("sjz-002")], broker_connected=connected)
        async with at_headquarters(desk) as browser:
            page = (await browser.get("/?lang=en")).text
        assert page.count("revoked: nothing of it is taken") == 1


async def test_scripts_in_any_text_are_shown_as_text():
    desk = CityDesk(
        a_row(station=SCRIPT, id=SCRIPT, origin=SCRIPT),
        a_row(answered_by=SCRIPT),
        stations=[a_station(SCRIPT, alarms=(SCRIPT,), unrecorded_since=SCRIPT)],
    )
    async with at_headquarters(desk) as browser:
        for path in ("/", "/live", "/?lang=en"):
            assert "<script>" not in (await browser.get(path)).text


async def test_overview_and_metrics_are_served():
    async with at_headquarters(CityDesk(a_row(), stations=[a_station("sjz-001")])) as browser:
        overview = json.loads((await browser.get("/overview.json")).content)
        metrics = await browser.get("/metrics")
    assert overview["calls"][0]["station"] == "sjz-001"
    assert overview["stations"][0]["presence"] == "online"
    assert metrics.text.startswith("station_up{")
    assert metrics.headers["content-type"].startswith("text/plain; version=1.0.0")


@pytest.mark.parametrize(
    ("instant", "age"),
    [
        ("2026-11-18T11:06:30.000Z", 10),
        (None, None),
        ("soon", None),
        ("9999-01-01T00:00:00.000Z", None),
    ],
)
def test_an_age_that_cannot_be_told_is_not_told(instant, age):
    assert age_s(instant, wall_ms=WALL_MS) == age


def test_an_acknowledged_or_answered_call_no_longer_rings():
    calls = (a_row(state="acknowledged"), a_row(answered_by="headquarters"), a_row())
    overview = Overview(version=1, stations=(), calls=calls, broker_connected=True)
    made = city(overview, wall_ms=WALL_MS)
    assert made.ringing == 1
    assert made.calls[0] is calls[2]
