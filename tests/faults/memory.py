"""A station with little memory and much to keep, its pages open, in the hands of a broker that wants it dead."""

import asyncio
import contextlib
import itertools
import sys
import time
from collections.abc import AsyncIterator, Callable, Container
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeAlias

import psutil
from faults_rig import STATION, counted, press, query, recorded, settings, status, until
from flooding_broker import FloodingBroker
from memory_limit import MIB, MemoryLimit
from row import Row

from jingting.city import City
from jingting.web import Visitor
from tests.benchmarks.backlog import fill
from tests.benchmarks.footprint import EVERY_PAGE

Cheat: TypeAlias = Callable[[tuple[str, ...]], tuple[str, ...]]
"""From a station's command to that of one that breaks its word."""
LIMIT: Final = 128 * MIB
PAGES: Final = 10
CONFIRMED_WITHIN_S: Final = 2.0
GREEDY: Final = Path(__file__).with_name("greedy_station.py")
_DRAINED_S: Final = 420.0
"""A station that was thrown out again and again keeps its log lane still for three minutes."""
_LINES: Final = "SELECT line FROM events ORDER BY number"
_HELD: Final = (
    "SELECT line FROM events JOIN journals ON journals.id = journal_id WHERE station = 'jt-001'"
    " ORDER BY journals.id, number"
)


@dataclass
class Squeezed:
    """What was seen: most bytes resident, processes killed, the slowest press, what the broker sent (bytes)."""

    most: int = 0
    kills: int = 0
    slowest_s: float = 0.0
    sent: int = 0


class Watched:
    """A station's memory, looked at twenty times a second."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.most = 0

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._looking.cancel()
        await asyncio.wait({self._looking})

    async def _look(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            while self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE:
                self.most = max(self.most, self._process.memory_info().rss)
                await asyncio.sleep(0.05)


async def _hold(url: str) -> None:
    """Be one page: hear that there is something new and fetch it; without a stream, fetch it every few seconds."""
    host = url.removeprefix("http://").partition("/")[0]
    address, _, port = host.partition(":")
    live, visitor = f"{url}/live", Visitor()
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(address, int(port))
            with contextlib.closing(writer):
                writer.write(f"GET /events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                if b"200" in await reader.readline():
                    while line := await reader.readline():
                        if line.startswith(b"data: "):
                            await asyncio.to_thread(visitor.page, live)
        await asyncio.to_thread(visitor.page, live)
        await asyncio.sleep(3)


async def _look_around(city: City) -> None:
    """Draw every page in both languages, one after the other, for ever."""
    visitor = Visitor()
    listeners = (city.station_url(STATION), city.duty_url(STATION))
    ways = [(url, path) for url, paths in zip(listeners, EVERY_PAGE, strict=True) for path in paths]
    for (url, path), language in itertools.cycle(itertools.product(ways, ("zh-CN", "en"))):
        await asyncio.to_thread(visitor.page, f"{url}{path}{'&' if '?' in path else '?'}lang={language}")
        await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def looked_at(city: City) -> AsyncIterator[None]:
    """Ten pages open, half of them the citizen's, and one person who goes from page to page."""
    urls = (city.station_url(STATION), city.duty_url(STATION) + "/duty")
    tasks = [asyncio.create_task(_hold(url)) for url in urls * (PAGES // 2)]
    tasks.append(asyncio.create_task(_look_around(city)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def greedy(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command of a station that keeps what it hears, in place of that one."""
    return (sys.executable, str(GREEDY), command[-1])


async def squeezed(
    folder: Path,
    waiting: int,
    seed: int,
    *,
    limit: MemoryLimit | None,
    of_each_s: float,
    rounds: int = 1,
    without: Container[str] = (),
    as_what: Cheat | None = None,
) -> tuple[Row, Squeezed]:
    """Let a station with so many events waiting meet every flood, press meanwhile, then let it tell headquarters all.

    `limit`: the group it is to live in; without one it is looked at all the same. `without`: floods that it is spared.
    `as_what`: the command of a cheat.
    """
    seen = Squeezed()
    async with (
        City(folder, stations=1) as city,
        FloodingBroker(city, STATION, seed, of_each_s=of_each_s, without=without) as broker,
    ):
        station = city.process(f"station-{STATION}")
        await station.stop()
        await fill(city.station_folder(STATION), STATION, waiting)
        command = station._command if as_what is None else as_what(tuple(station._command))
        station._command = command if limit is None else limit.inside(tuple(command))
        broker.wicked = True
        await settings(city, f"port = {city.broker_port}", f"port = {broker.port}")
        async with looked_at(city), Watched(station.pid) as watched:
            await _press_through(city, broker, rounds, seen)
            broker.wicked = False
            began = time.monotonic()
            seen.kills = limit.kills if limit is not None else int(not station.running)
            if station.running:
                assert await city.drained(_DRAINED_S), "something is wedged"
            recovered_s = time.monotonic() - began
        seen.most, seen.sent = watched.most, broker.sent
        said, held = query(city.station_folder(STATION) / "data/station.db", _LINES), query(city.hq_database, _HELD)
        presses = counted(city)
    row = Row(
        fault=f"{waiting} waiting in {LIMIT // MIB} MiB" + (", a greedy station" if as_what else ""),
        tries=sum(broker.done.values()),
        confirmed=len(said),
        lost=len(set(said) - set(held)) + presses.lost,
        duplicated=len(held) - len(set(held)) + presses.duplicates,
        recover_s=(recovered_s,),
        most_mib=round(seen.most / MIB, 1),
        killed=seen.kills,
        cheats=as_what is not None,
    )
    return row, seen


async def _press_through(city: City, broker: FloodingBroker, rounds: int, seen: Squeezed) -> None:
    """Press again and again, until every flood was sent so many times, or the station was killed."""
    station = city.process(f"station-{STATION}")
    presses = 0
    while len(broker.done) < len(broker.floods()) or min(broker.done.values()) < rounds:
        await press(city)
        presses += 1
        began = time.monotonic()
        acknowledged = asyncio.create_task(recorded(city, presses))
        while not acknowledged.done():
            await asyncio.wait({acknowledged}, timeout=0.1)
            if not station.running:
                acknowledged.cancel()
                return
        acknowledged.result()
        seen.slowest_s = max(seen.slowest_s, time.monotonic() - began)
    await until(lambda: status(city))
