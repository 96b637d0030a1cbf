"""Lines, brokers and headquarters that go away: what was pressed arrives once, and an answer finds its station."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from faults_rig import (
    STATION,
    all_there_once,
    answered,
    calls,
    counted,
    hq_answers,
    hq_row,
    panel_becomes,
    press,
    press_recorded,
    query,
    recorded,
    said,
    settings,
    status,
    until,
)
from proxy import Proxy

from agent.journal import Journal
from common.clock import Clock
from common.events.journal import StationStarted
from jingting.city import City

pytestmark = pytest.mark.slow

BACKLOG = 3000


@contextlib.asynccontextmanager
async def city_over_a_bad_line(folder: Path) -> AsyncIterator[tuple[City, Proxy]]:
    """A city whose station reaches its broker through a line of ours."""
    async with City(folder, stations=1) as city, Proxy(city.broker_port) as line:
        await settings(city, f"port = {city.broker_port}", f"port = {line.port}")
        await city.connected()
        yield city, line


async def write_a_backlog(city: City, events: int) -> None:
    """Let a station that does not run have much to say."""
    journal = await Journal.open(
        city.station_folder(STATION) / "data/station.db", source=f"/stations/{STATION}", clock=Clock(), projectors={}
    )
    await asyncio.gather(*(journal.append(StationStarted(agent=f"backlog {number}")) for number in range(events)))
    await journal.stop()


async def end(city: City, *names: str) -> None:
    for name in names:
        city.process(name).kill()
        await city.process(name).ended()


async def test_a_broker_that_lost_all_it_knew_loses_no_press(tmp_path):
    async with City(tmp_path, stations=1) as city:
        await press_recorded(city)
        await end(city, "broker")
        await press_recorded(city)
        assert [call["recorded"] for call in calls(city)] == [True]
        (tmp_path / "broker/mosquitto.db").unlink(missing_ok=True)
        await city.restart("broker")
        await press_recorded(city)
        await all_there_once(city, 3)
        await answered(city)


async def test_a_power_cut_in_the_whole_city_loses_no_press(tmp_path):
    async with City(tmp_path, stations=1) as city:
        await press_recorded(city)
        await end(city, "broker", "hq")
        await press_recorded(city)
        await press(city)
        await end(city, f"station-{STATION}", f"panel-{STATION}")
        # As they come back after a power cut: in no helpful order.
        for name in (f"panel-{STATION}", f"station-{STATION}", "hq", "broker"):
            await city.restart(name)
        await recorded(city, 3)
        await all_there_once(city, 3)
        await answered(city)


async def test_headquarters_killed_while_a_backlog_drains_gets_the_rest_and_can_answer_at_once(tmp_path):
    async with city_over_a_bad_line(tmp_path) as (city, line):
        await city.process(f"station-{STATION}").stop()
        await write_a_backlog(city, BACKLOG)
        line.bytes_per_s = 40_000
        await city.restart(f"station-{STATION}")
        await until(lambda: hq_row(city).get("held", 0) > BACKLOG // 10)
        await press_recorded(city)
        await until(lambda: [call["at_hq"] for call in calls(city)] == [True])
        assert status(city)["waiting"] > BACKLOG // 10, "the backlog must still be on its way"
        births = line.connections
        await end(city, "hq")
        await city.restart("hq")
        line.bytes_per_s = None
        await answered(city, within=20)
        assert line.connections == births, "the session must have gone on"
        await all_there_once(city, 1)
        row = hq_row(city)
        assert row["held"] > BACKLOG
        assert row["missing"] == 0


async def test_a_station_whose_session_began_without_headquarters_is_answered_once_it_comes(tmp_path):
    async with City(tmp_path, stations=1) as city:
        await end(city, "hq")
        await city.restart(f"station-{STATION}")
        await press_recorded(city)
        await until(lambda: status(city)["link"] == "up")
        await city.restart("hq")
        await all_there_once(city, 1)
        await answered(city, within=20)


@pytest.mark.parametrize("ending", ["goes on", "is reset"])
async def test_a_black_hole_swallows_no_press_made_before_in_or_after_it(tmp_path, ending):
    async with city_over_a_bad_line(tmp_path) as (city, line):
        await press_recorded(city)
        line.stall()
        for _ in range(3):
            await press_recorded(city)
        assert status(city)["waiting"] >= 3
        if ending == "is reset":
            line.cut()
        line.heal()
        await press_recorded(city)
        await all_there_once(city, 5)
        await answered(city)
        await panel_becomes(city, lambda shows: shows["latched"] == 0)


async def test_an_answer_given_while_the_station_is_cut_off_arrives_when_it_is_back(tmp_path):
    async with city_over_a_bad_line(tmp_path) as (city, line):
        await press_recorded(city)
        await all_there_once(city, 1)
        line.stall()
        answering = asyncio.create_task(answered(city))
        await until(lambda: hq_answers(city))
        line.cut()
        line.heal()
        await answering


async def test_a_slow_line_that_breaks_again_and_again_delivers_everything_once(tmp_path):
    async with city_over_a_bad_line(tmp_path) as (city, line):
        line.delay_s = 0.1
        for presses in range(1, 7):
            await press(city)
            await until(lambda presses=presses: counted(city).made == presses)
            line.cut()
        await all_there_once(city, 6)


async def test_health_samples_leave_headquarters_connected(tmp_path):
    async with City(tmp_path, stations=1) as city:
        await settings(city, "[web]\n", "[health]\nevery_s = 1\n\n[web]\n")
        await city.connected()

        def sampled() -> set[int]:
            return set(query(city.hq_database, "SELECT health_ms FROM stations WHERE health_ms IS NOT NULL"))

        samples: set[int] = set()
        await until(lambda: samples.update(sampled()) or len(samples) >= 3)
        await press_recorded(city)
        await all_there_once(city, 1)
        assert not said(city, "broker", "protocol error")
        assert not said(city, "hq", "was lost")
