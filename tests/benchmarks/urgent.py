"""A press while 20,000 events drain through 64 kbit/s and 200 ms of round trip: press to headquarters' commit.

One real city; a TCP proxy of ours stands between the station and its broker. The press is stamped by the simulated
panel, the commit by headquarters' database. At the same time, each over such a line of its own, paho-mqtt and a bridge
send 20,000 events with the call for help behind them, which is where it stands in a queue: since that takes twenty
minutes, theirs is what the rest of the queue takes at the pace of this run.
"""

import asyncio
import contextlib
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from agent.journal import Journal
from common.clock import Clock
from common.events.journal import StationStarted
from jingting.city import City
from jingting.web import fetch
from tests.benchmarks import bridge, comparison
from tests.benchmarks.comparison import Row, p99
from tests.benchmarks.drain import PAHO
from tests.benchmarks.far_end import EVENTS, FarEnd, payload
from tests.faults.proxy import Proxy

SECONDS = 60.0
AIM_S: Final = 1.0
BACKLOG = 20_000
BYTES_PER_S = 8_000.0
ONE_WAY_S = 0.1
PAUSE_S = 1.0


async def _backlog(database: Path, station: str) -> None:
    journal = await Journal.open(database, source=f"/stations/{station}", clock=Clock(), projectors={})
    for first in range(0, BACKLOG, 500):
        await asyncio.gather(
            *(journal.append(StationStarted(agent=f"backlog {number}")) for number in range(first, first + 500))
        )
    await journal.stop()


def _presses_at_hq(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT coalesce(sum(presses), 0) FROM help_calls").fetchone()[0])


async def measure(seconds: float) -> tuple[list[float], int]:
    """Return each press's seconds to headquarters' commit, and how many events still waited at the end."""
    with tempfile.TemporaryDirectory() as folder:
        async with City(Path(folder), stations=1) as city, Proxy(city.broker_port) as line:
            station = city.stations[0]
            await city.process(f"station-{station}").stop()
            await _backlog(city.station_folder(station) / "data/station.db", station)
            config = city.station_folder(station) / "station.toml"
            config.write_text(config.read_text("utf-8").replace(f"port = {city.broker_port}", f"port = {line.port}"))
            line.delay_s, line.bytes_per_s = ONE_WAY_S, BYTES_PER_S
            await city.restart(f"station-{station}")
            await city.connected()
            took: list[float] = []
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                before = _presses_at_hq(city.hq_database)
                pressed = time.monotonic()
                city.press(station)
                while _presses_at_hq(city.hq_database) == before:
                    if time.monotonic() - pressed > 60:
                        raise TimeoutError("a press took over a minute")
                    await asyncio.sleep(0.01)
                took.append(time.monotonic() - pressed)
                await asyncio.sleep(PAUSE_S)
            view = await asyncio.to_thread(fetch, city.duty_url(station) + "/status.json")
            assert view is not None
            return took, int(view["waiting"])


@contextlib.asynccontextmanager
async def _slow_line(port: int) -> AsyncIterator[int]:
    async with Proxy(port) as line:
        line.delay_s, line.bytes_per_s = ONE_WAY_S, BYTES_PER_S
        yield line.port


async def _help_came_s(far: FarEnd, seconds: float) -> float:
    """Return when the call for help, the last of the queue, comes, at the pace at which the queue comes."""
    await asyncio.to_thread(far.wait_for, lambda came: 0 in came, 120)
    await asyncio.sleep(seconds)
    came = dict(far.came)
    return (BACKLOG + 1) * (time.perf_counter() - came[0]) / len(came)


async def behind_paho(seconds: float) -> float:
    """Return the seconds until a call for help comes that paho-mqtt publishes after the backlog."""
    with tempfile.TemporaryDirectory() as folder, FarEnd(Path(folder) / "far") as far:
        async with _slow_line(far.port) as port:
            client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="events")
            client.username_pw_set("bench")
            await asyncio.to_thread(client.connect, "127.0.0.1", port)
            client.loop_start()
            for number in range(BACKLOG + 1):
                client.publish(EVENTS, payload(number), qos=1)
            took = await _help_came_s(far, seconds)
            client.loop_stop()
            return took


async def behind_bridge(seconds: float) -> float:
    """Return the seconds until a call for help comes that a bridge was given after the backlog."""
    with tempfile.TemporaryDirectory() as folder:
        far = FarEnd(Path(folder) / "far")
        far.start()  # its session is there from now on
        far.stop()
        async with _slow_line(far.port) as port:
            with bridge.Bridge(Path(folder) / "near", port) as near:
                await asyncio.to_thread(near.publish, range(BACKLOG + 1))
                with far:
                    return await _help_came_s(far, seconds)


async def _everybody(seconds: float) -> tuple[tuple[list[float], int], float, float]:
    return await asyncio.gather(measure(seconds), behind_paho(seconds), behind_bridge(seconds))


def rows(seconds: float) -> list[Row]:
    """Press once a second for `seconds` while the backlog drains."""
    (took, waiting), *theirs = asyncio.run(_everybody(seconds))
    name = f"urgent, {len(took)} presses, {waiting} events still waiting"
    beside = {"aim": AIM_S, "at_most": True, "of_value": True}
    return [
        comparison.alone(f"{name}, p50", "s", [median(took)]),
        *(
            comparison.beside(f"{name}, p99", "s", [p99(took)], [each], who=who, **beside)
            for who, each in zip((PAHO, bridge.NAME), theirs, strict=True)
        ),
    ]
