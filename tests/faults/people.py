"""People who come whatever is broken, and the count of them at the end."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from http.client import HTTPException

from faults_rig import until

from jingting import layout
from jingting.city import City
from jingting.count import Tally, read_hq, read_panel_log, read_tickets, tally
from jingting.visitors import come

SETTLE_S = 60.0


@contextlib.asynccontextmanager
async def visited(city: City, station: str, chance: random.Random) -> AsyncIterator[None]:
    """Let people come with cards meanwhile; whoever meets a dead station goes, and another comes."""
    stop = asyncio.Event()

    async def visitors() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError, HTTPException):
                await come(city, station, chance, time.monotonic() + 3)

    coming = asyncio.create_task(visitors())
    try:
        yield
        # With little time, perhaps nobody has come to an end so far.
        await until(lambda: read_tickets(city.tickets(station)), within=SETTLE_S)
    finally:
        stop.set()
        await coming


async def settled(city: City) -> float:
    """Wait until every process runs, every panel's press is acknowledged and every event is at headquarters.

    Return the seconds it took.
    """
    began = time.monotonic()
    for name in city.processes:
        assert city.process(name).running, f"{name} died by itself: {city.process(name).last_words()}"
    await city.connected()
    assert await city.drained(SETTLE_S), "something is wedged"
    return time.monotonic() - began


def counted(city: City) -> Tally:
    """Count all stations: presses and records."""
    total = Tally()
    for station in city.stations:
        panel = read_panel_log(city.panel_log(station), layout.PANEL)
        assert not panel.pressed_ns.keys() - panel.acknowledged, "a latched press was not repeated to the end"
        total += tally(panel, read_hq(city.hq_database, station), read_tickets(city.tickets(station)))
    return total
