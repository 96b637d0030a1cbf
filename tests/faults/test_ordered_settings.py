"""Settings that headquarters orders: what breaks the link goes back by itself, and no press is silent or lost by it."""

import asyncio
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from faults_rig import (
    STATION,
    all_there_once,
    calls,
    panel_becomes,
    press,
    press_recorded,
    recorded,
    status,
    until,
)
from long_outage import EVENTS_AN_HOUR, HOURS, here_and_there, live_through
from proxy import Proxy

from common.clock import Clock
from common.identifiers import uuid7
from jingting.city import City
from jingting.ports import Ports
from jingting.web import submit

pytestmark = pytest.mark.slow

NO_LINK = '[broker]\nhost = "127.0.0.1"\nport = {}\n'


def hq(city: City, *arguments: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "jingting", "hq", "order", *map(str, arguments)]
    line += ["--config", str(city.folder / "hq/hq.toml")]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


async def order(city: City, text: str, *, within: int = 10) -> None:
    file = city.folder / "ordered.toml"
    file.write_text(text, encoding="utf-8")
    done = await asyncio.to_thread(hq, city, "settings", file, "--station", STATION, "--within", within)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def held(city: City) -> dict:
    """What headquarters says of the station's settings."""
    [one] = json.loads(hq(city, "settings-held", "--json").stdout)
    return one


def trial(city: City) -> str:
    return status(city).get("settings", {}).get("trial", "")


async def close_call(city: City, call: str) -> None:
    for step in ("acknowledge", "attend", "close"):
        url = f"{city.duty_url(STATION)}/duty/calls/{call}/{step}"
        form = {"event_id": uuid7(wall_ms=Clock().wall_ms()), "reason": "test"}
        assert await asyncio.to_thread(partial(submit, url, **form))
    await until(lambda: not calls(city))


async def test_another_broker_is_kept_once_headquarters_is_heard_there_and_is_where_a_new_process_begins(
    tmp_path: Path,
) -> None:
    async with City(tmp_path, stations=1) as city, Proxy(city.broker_port) as line:
        await order(city, f'[broker]\nhost = "127.0.0.1"\nport = {line.port}\n[health]\nevery_s = 30\n')
        await until(lambda: held(city)["stand"] == "in_force")
        expected = {"broker.host": "127.0.0.1", "broker.port": str(line.port), "health.every_s": "30"}
        assert held(city)["in_force"] == expected
        assert status(city)["settings"] == {"ordered": True, "trial": "none", "rolled_back": ""}
        await city.restart(f"station-{STATION}")
        await city.connected()
        line.cut()
        await until(lambda: status(city).get("link") == "down")
        await press_recorded(city)
        await city.connected()
        assert await city.drained()
        await all_there_once(city, presses=1)
        # An order without a table gives the station back what its own file says.
        await close_call(city, calls(city)[0]["id"])
        await order(city, "")
        await until(lambda: held(city)["stand"] == "in_force")
        assert held(city)["in_force"] == {}
        line.cut()
        assert status(city)["link"] == "up"


async def test_new_settings_that_come_with_three_days_of_backlog_destroy_nothing_of_it(tmp_path: Path) -> None:
    async with City(tmp_path, stations=1) as city, Proxy(city.broker_port) as line:
        for name in (f"station-{STATION}", "broker", "hq"):
            await city.process(name).stop()
        await live_through(city.station_folder(STATION))
        await order(city, f'[broker]\nhost = "127.0.0.1"\nport = {line.port}\n[health]\nevery_s = 30\n')
        for name in ("broker", "hq", f"station-{STATION}"):
            await city.restart(name)
        await until(lambda: held(city)["stand"] == "in_force")
        await press_recorded(city)
        assert await city.drained()
        here, there = here_and_there(city)
        assert len(here) > HOURS * EVENTS_AN_HOUR
        assert there == here


async def test_a_broker_that_is_not_there_is_left_again_with_a_press_and_a_kill_in_the_middle(tmp_path: Path) -> None:
    ports = Ports()
    nowhere = ports.take()
    async with City(tmp_path, stations=1) as city:
        await order(city, NO_LINK.format(nowhere), within=15)
        await until(lambda: trial(city) == "tried")
        await until(lambda: status(city)["link"] == "down")

        # Somebody needs help: it rings, and the link is home at once, long before the trial is over.
        await press(city)
        await panel_becomes(city, lambda shows: shows["tone"] > 0)
        await recorded(city, 1)
        took = await until(lambda: calls(city) and calls(city)[0]["at_hq"])
        assert took < 10
        assert trial(city) == "waits"
        await until(lambda: city.overview()["calls"])
        await close_call(city, calls(city)[0]["id"])

        # Then it is tried again, and killed in the middle of it; and again pressed while nothing runs.
        await until(lambda: trial(city) == "tried")
        station = city.process(f"station-{STATION}")
        station.kill()
        await station.ended()
        await press(city)
        station.start()
        await recorded(city, 2)
        await until(lambda: calls(city) and calls(city)[0]["at_hq"])
        await close_call(city, calls(city)[0]["id"])
        await until(lambda: trial(city) == "tried")
        station.kill()
        await station.ended()
        station.start()

        await until(lambda: held(city)["stand"] == "rolled_back")
        assert held(city)["reason"] in {"no_link", "restarts"}
        assert status(city)["settings"]["rolled_back"]
        await city.connected()
        assert "settings_rolled_back" in city.overview()["stations"][0]["alarms"]
        assert await city.drained()
        await all_there_once(city, presses=2)

        # What did not hold is no more what holds: the same may be ordered again, and is tried again.
        await order(city, NO_LINK.format(nowhere), within=10)
        await until(lambda: trial(city) == "tried")
        await until(lambda: held(city)["stand"] == "rolled_back")
    ports.release()


async def test_what_no_station_may_take_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('[help]\nlouder_after_s = 40\nescalate_after_s = 20\nbreach_after_s = 9000\n[panel]\nport = "x"\n')
    (tmp_path / "hq").mkdir()
    async with City(tmp_path / "city", stations=1) as city:
        done = await asyncio.to_thread(hq, city, "settings", file, "--all")
        assert (done.returncode, done.stdout) == (78, "")
        for words in ("help.breach_after_s: found 9000", "panel: found an unknown key"):
            assert words in done.stderr
        assert hq(city, "settings-held").stdout == ""
