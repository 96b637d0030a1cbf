"""`jingting demo`: a small city on this machine, its story in plain words, and at the end the count."""

import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import click

from common.process import stop_requested
from jingting import layout, lesson
from jingting.city import MONITOR, City, CityError
from jingting.count import Tally, read_hq, read_panel_log, read_tickets, tally
from jingting.people import live
from jingting.story import tell
from jingting.visitors import come
from jingting.web import fetch

_LOOK_S = 0.2
_DRAIN_S = 30.0


async def run(*, stations: int, seconds: float | None, folder: Path | None, seed: int | None, as_json: bool) -> int:
    """Run the demo until it is over or asked to stop, and return the exit code.

    0: every press and record is at headquarters exactly once; 1: not so, or the city did not come up.
    """
    stop = stop_requested()
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jingting-")))
        say = _Teller(quiet=as_json)
        try:
            counted = await _city(City(folder, stations), stop, say, seconds=seconds, seed=seed)
        except (CityError, OSError) as error:
            click.echo(f"The city did not come up: {error}", err=True)
            return 1
    if counted is None:
        return 0
    total = sum(counted.values(), Tally())
    if as_json:
        per_station = {station: one.as_dict() for station, one in counted.items()}
        click.echo(json.dumps({"seed": seed, "stations": per_station, "total": total.as_dict()}))
    else:
        _summary(say, total)
    return 1 if total.lost or total.duplicates else 0


class _Teller:
    """Prints the story, each line with the seconds since the beginning."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._began = time.monotonic()

    def __call__(self, line: str) -> None:
        if not self._quiet:
            click.echo(line)

    def at(self, place: str, line: str) -> None:
        self(f"{time.monotonic() - self._began:7.1f} s  {place}: {line}")


async def _city(
    city: City, stop: asyncio.Event, say: _Teller, *, seconds: float | None, seed: int
) -> dict[str, Tally] | None:
    """Run the city and return each station's count; None when it was asked to stop before it stood."""
    say(f"Starting a broker, headquarters and {len(city.stations)} stations in {city.folder} …")
    starting = asyncio.create_task(city.start())
    if not await _first(starting, stop):
        starting.cancel()
        await asyncio.wait({starting})
        return None
    starting.result()
    try:
        await asyncio.to_thread(city.account)
        _addresses(city, say)
        if seconds is None:
            say("Press Enter here, or what is on a station's page. Ctrl-C stops.\n")
        else:
            say(f"People press and bring cards by themselves for {seconds:g} s; seed {seed}.\n")
        async with _background(_tell_stories(city, say)):
            await _live(city, stop, say, seconds=seconds, seed=seed)
            if not await city.drained(_DRAIN_S):
                say(f"Some events still wait after {_DRAIN_S:g} s: they are counted as they stand.")
            views = {station: await _look(city, station) for station in city.stations}
    finally:
        await city.stop()
    return {station: _count(city, station, view or {}) for station, view in views.items()}


def _addresses(city: City, say: _Teller) -> None:
    say(f"\nHeadquarters       {city.hq_url}/\n  sign in as       {MONITOR}, password {city.monitor_password}")
    for index, station in enumerate(city.stations):
        zh, en = layout.names(index)
        citizen, duty = city.station_url(station), city.duty_url(station)
        say(f"{station}  {zh}  {en}\n  citizen's screen {citizen}/\n  duty desk        {duty}/duty")
    say("")


async def _live(city: City, stop: asyncio.Event, say: _Teller, *, seconds: float | None, seed: int) -> None:
    """Let people live for so many seconds, or whoever sits here press, until asked to stop."""
    if seconds is None:
        async with _background(_press_on_enter(city, say)), _background(_teach(city, say)):
            await stop.wait()
        return
    until = time.monotonic() + seconds
    people = [
        asyncio.create_task(some(city, station, random.Random(f"{seed} {station} {some.__name__}"), until))  # noqa: S311 - no secret
        for station in city.stations
        for some in (live, come)
    ]
    over = asyncio.gather(*people)
    if await _first(over, stop):
        over.result()
    else:
        over.cancel()
        await asyncio.wait(people)


async def _teach(city: City, say: _Teller) -> None:
    """Let the screens show something while nobody is there."""
    if await lesson.send(city):
        say("Screens that nobody touches for a minute show legal education: jingting hq content list\n")


async def _press_on_enter(city: City, say: _Teller) -> None:
    """Press the buttons in turn, one for each line on stdin, if somebody sits there."""
    if not sys.stdin.isatty():
        return
    loop = asyncio.get_running_loop()
    enter = asyncio.Event()

    def heard() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin)
        enter.set()

    loop.add_reader(sys.stdin, heard)
    turn = 0
    try:
        while True:
            await enter.wait()
            enter.clear()
            station = city.stations[turn % len(city.stations)]
            say.at(station, "you press the help button")
            city.press(station)
            turn += 1
    finally:
        loop.remove_reader(sys.stdin)


async def _tell_stories(city: City, say: _Teller) -> None:
    views = {station: await _look(city, station) for station in city.stations}
    while True:
        await asyncio.sleep(_LOOK_S)
        for station in city.stations:
            now = await _look(city, station)
            for line in tell(views[station], now):
                say.at(station, line)
            views[station] = now


async def _look(city: City, station: str) -> dict[str, Any] | None:
    return await asyncio.to_thread(fetch, city.duty_url(station) + "/status.json")


def _count(city: City, station: str, view: dict[str, Any]) -> Tally:
    return tally(
        read_panel_log(city.panel_log(station), layout.PANEL),
        read_hq(city.hq_database, station),
        read_tickets(city.tickets(station)),
        wire_bytes=view.get("wire_bytes", 0),
        wire_events=view.get("wire_events", 0),
    )


def _summary(say: _Teller, total: Tally) -> None:
    say(f"\nThe panels had {total.made} presses acknowledged; headquarters holds {total.at_hq}.")
    say(f"People were shown {total.records_made} numbers; headquarters holds {total.records_at_hq} records.")
    say(f"Lost: {total.lost}. Twice: {total.duplicates}.")
    if total.help_ms:
        shown = total.as_dict()["help_ms"]
        say(f"From a press to headquarters' database: half within {shown['p50']} ms, 99 % within {shown['p99']} ms.")


async def _first(task: asyncio.Future[Any], stop: asyncio.Event) -> bool:
    """Wait for a task or for being asked to stop; True when the task was first."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    return task.done()


@contextlib.asynccontextmanager
async def _background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a coroutine beside the block, and end it with the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
