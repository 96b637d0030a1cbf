"""A start with 100,000 events waiting, until the first press is confirmed, and until headquarters has it.

The panel's button is pressed as the station's process begins; it is confirmed once its line is in the journal, after
the fsync. thingsboard-gateway has as many events in its SQLite storage, tuned, and is given one as soon as its
connector takes any: the gateway confirms it from memory, and sends it when the queue before it is gone.
"""

import asyncio
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from agent.journal import Journal
from common.clock import Clock
from common.events.journal import StationStarted
from jingting.city import City
from tests.benchmarks import comparison, gateway
from tests.benchmarks.comparison import Row
from tests.benchmarks.far_end import FarEnd
from tests.headquarters import until

SECONDS = 60.0
STARTS = 5
WAITING = 100_000
AIM_S: Final = 1.5
_TOGETHER = 500
_PRESS = 10_000_000


class Start(NamedTuple):
    """Seconds from a process's begin until a press is confirmed, and until the far end has it."""

    confirmed: float
    far: float


async def _fill(database: Path, station: str, events: int) -> None:
    journal = await Journal.open(database, source=f"/stations/{station}", clock=Clock(), projectors={})
    for first in range(0, events, _TOGETHER):
        some = range(first, min(first + _TOGETHER, events))
        await asyncio.gather(*(journal.append(StationStarted(agent=f"backlog {number}")) for number in some))
    await journal.stop()


def _count(database: Path, question: str) -> int:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute(question).fetchone()[0])


async def ours(starts: int, waiting: int) -> list[Start]:
    """Start a station several times; what was sent meanwhile is filled up again."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        async with City(Path(folder), stations=1) as city:
            name = city.stations[0]
            station, database = city.process(f"station-{name}"), city.station_folder(name) / "data/station.db"
            await city.drained()
            for _ in range(starts):
                await station.stop()
                sent = _count(city.hq_database, "SELECT max(number) FROM events")
                await _fill(database, name, waiting - (_count(database, "SELECT max(number) FROM events") - sent))
                last = _count(database, "SELECT max(number) FROM events")
                before = _count(city.hq_database, _PRESSES)
                began = time.perf_counter()
                station.start()
                city.press(name)
                await until(lambda last=last: _count(database, f"{_CALLS} AND number > {last}"))
                confirmed = time.perf_counter() - began
                await until(lambda before=before: _count(city.hq_database, _PRESSES) > before)
                found.append(Start(confirmed, time.perf_counter() - began))
    return found


_CALLS: Final = "SELECT count(*) FROM events WHERE instr(line, CAST('\"help.' AS BLOB)) > 0"
_PRESSES: Final = "SELECT coalesce(sum(presses), 0) FROM help_calls"


def theirs(waiting: int) -> Start:
    """Start a gateway once."""
    with tempfile.TemporaryDirectory() as folder, FarEnd(Path(folder) / "far") as far:
        peer = gateway.Gateway(Path(folder), far.port, tuned=True)
        try:
            peer.fill(waiting)
            began = time.perf_counter()
            peer.start()
            line = peer.line()
            line.give(_PRESS)
            line.hear()
            confirmed = time.perf_counter() - began
            far.wait_for(lambda came: _PRESS in came, 120)
            return Start(confirmed, far.came[_PRESS] - began)
        finally:
            peer.close()


def rows(seconds: float) -> list[Row]:
    """Start each five times, or once with few events when there is little time."""
    starts, waiting = (STARTS, WAITING) if seconds >= SECONDS / 2 else (1, 1000)
    measured = asyncio.run(ours(starts, waiting))
    gateways, why = gateway.both()
    beside = {who: [theirs(waiting) for _ in range(starts)] for who, tuned in gateways.items() if tuned}
    found = []
    for place, what in enumerate(("confirmed", "at the far end")):
        name = f"start with {waiting:,} waiting, first press {what}"
        figures = [each[place] for each in measured]
        aim = {"aim": AIM_S, "at_most": True, "of_value": True} if place == 0 else {}
        for who, each in beside.items():
            found.append(comparison.beside(name, "s", figures, [one[place] for one in each], who=who, **aim))
        if why:
            found.append(comparison.without(name, "s", figures, who=gateway.PACKAGE, why=why))
    return found
