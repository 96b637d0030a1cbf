"""A self-test through the whole house: the panel's firmware, the station, the broker, headquarters, and back."""

import asyncio
import json
import time
import urllib.request

from common.identifiers import uuid7
from jingting.city import City
from jingting.web import fetch, page, submit

DEADLINE_S = 30.0


async def sees(url, condition, *, token=""):
    """Wait until what stands at `url` is as wished, and return it."""
    deadline = time.monotonic() + DEADLINE_S
    while not (view := await asyncio.to_thread(fetch, url, token=token) or {}) or not condition(view):
        assert time.monotonic() < deadline, view
        await asyncio.sleep(0.05)
    return view


async def measures(url, metric) -> None:
    """Wait until Prometheus would read a metric."""
    deadline = time.monotonic() + DEADLINE_S
    while metric not in (text := await asyncio.to_thread(page, url)):
        assert time.monotonic() < deadline, text
        await asyncio.sleep(0.05)


def new_id() -> str:
    return uuid7(wall_ms=time.time_ns() // 1_000_000)


async def test_a_panel_is_tested_at_the_duty_desk_and_a_real_press_meanwhile_rings(tmp_path):
    async with City(tmp_path, stations=1) as city:
        [station] = city.stations
        config = city.station_folder(station) / "station.toml"
        config.write_text(config.read_text(encoding="utf-8") + "\n[health]\nevery_s = 1\n", encoding="utf-8")
        await city.restart(f"station-{station}")
        await city.connected()
        at_station, at_hq, token = city.duty_url(station), city.hq_url, city.token
        test = new_id()
        for _ in range(2):  # the same form twice is one test
            assert await asyncio.to_thread(submit, at_station + "/duty/self-test", device="front", event_id=test)
        view = await sees(
            at_station + "/status.json", lambda view: view["devices"][0]["self_test"]["state"] == "passed"
        )
        assert not view["calls"]
        overview = await sees(
            at_hq + "/overview.json", lambda view: view["stations"][0]["self_test_age_s"] is not None, token=token
        )
        assert (overview["calls"], overview["stations"][0]["self_test_failed"]) == ([], "")
        for metric in (
            f'station_self_test_age_seconds{{station="{station}"}}',
            f'station_device_up{{kind="panel",station="{station}"}} 1.0',
            f'station_device_up{{kind="card_reader",station="{station}"}} 1.0',
            f'station_device_noise_bytes{{station="{station}"}} ',
            f'station_disk_free_bytes{{station="{station}"}} ',
            f'station_disk_read_only{{station="{station}"}} 0.0',
        ):
            await measures(at_hq + "/metrics", metric)
        assert await city.drained()
        log = [json.loads(line) for line in city.panel_log(station).read_text().splitlines()]
        shown = [entry for entry in log if entry["event"] == "outputs"]
        assert all(entry["tone"] == 0 and entry["lamp"] == "off" for entry in shown)

        assert await asyncio.to_thread(submit, at_station + "/duty/self-test", device="front", event_id=new_id())
        city.press(station)
        view = await sees(
            at_station + "/status.json",
            lambda view: view["calls"] and view["devices"][0]["self_test"]["state"] == "passed",
        )
        assert [(call["presses"], call["origin"]) for call in view["calls"]] == [(1, "panel")]
        overview = await sees(at_hq + "/overview.json", lambda view: view["calls"], token=token)
        assert [call["presses"] for call in overview["calls"]] == [1]
        refused = await asyncio.to_thread(_post, at_station + "/duty/self-test", new_id())
        assert refused == (409, "not tested: a help call is open; close it first")


def _post(url, test) -> tuple[int, str]:
    try:
        urllib.request.urlopen(url, data=f"device=front&event_id={test}".encode(), timeout=5)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    return 200, ""
