"""A press while 20,000 events drain through 64 kbit/s and 200 ms of round trip: press to headquarters' commit.

One real city; a TCP proxy of ours stands between the station and its broker. Nothing to compare with: the aim is
a time. The press is stamped by the simulated panel, the commit by headquarters' database.
"""

import asyncio
import contextlib
import sqlite3
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from agent.journal import Journal
from common.clock import Clock
from common.events.journal import StationStarted
from jingting.city import City
from jingting.web import fetch
from tests.faults.proxy import Proxy

SECONDS = 60.0
AIM_S = 2.0
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


def rows(seconds: float) -> list[dict[str, object]]:
    """Press once a second for `seconds` while the backlog drains."""
    took, waiting = asyncio.run(measure(seconds))
    p99 = quantiles(took, n=100)[98]
    return [
        {
            "name": f"urgent, {name} ({len(took)} presses, {waiting} events still waiting)",
            "value": round(value, 2),
            "unit": "s",
            "baseline": None,
            "ratio": None,
            "aim": AIM_S if name == "p99" else None,
            "met": value <= AIM_S if name == "p99" else None,
        }
        for name, value in (("p50", median(took)), ("p99", p99))
    ]
