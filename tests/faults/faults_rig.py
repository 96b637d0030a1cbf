"""What the fault tests share: looking at a city from outside, pressing, answering, counting at both ends."""

import asyncio
import contextlib
import json
import resource
import sqlite3
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.identifiers import uuid7
from jingting import layout
from jingting.city import City
from jingting.count import PanelLog, Tally, read_hq, read_panel_log, tally
from jingting.web import fetch, submit

STATION = "jt-001"
DEADLINE_S = 40.0


async def until(condition: Callable[[], object], *, within: float = DEADLINE_S) -> float:
    """Wait until a condition holds and return the seconds it took; fail after `within` seconds."""
    began = time.monotonic()
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < began + within, "it did not come true in time"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


# -- looking -------------------------------------------------------------------------------------------------------


def status(city: City, station: str = STATION) -> dict[str, Any]:
    """A station's own view; empty while it does not answer."""
    return fetch(city.duty_url(station) + "/status.json") or {}


def calls(city: City, station: str = STATION) -> list[dict[str, Any]]:
    return list(status(city, station).get("calls", ()))


def hq_row(city: City, station: str = STATION) -> dict[str, Any]:
    """What headquarters' overview says of a station; empty while it does not answer."""
    return next((row for row in city.overview().get("stations", ()) if row["station"] == station), {})


def hq_answers(city: City) -> bool:
    """Whether headquarters' page says that somebody answers every open call."""
    shown = city.overview().get("calls", ())
    return bool(shown) and all(call["answered_by"] for call in shown)


def page(url: str) -> str:
    """A page as an English reader sees it."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach loopback
    with opener.open(f"{url}?lang=en", timeout=5) as response:
        return response.read().decode()


def said(city: City, process: str, words: str) -> int:
    """How many lines of a process's log contain some words."""
    log = city.process(process).log.read_text(encoding="utf-8", errors="replace")
    return sum(words in line for line in log.splitlines())


async def panel_status(city: City, station: str = STATION) -> dict[str, Any]:
    """What the played panel shows and how many presses it holds, from its own mouth."""
    child = city.process(f"panel-{station}")
    before = child.log.stat().st_size
    child.say("status")

    def answers() -> list[dict[str, Any]]:
        lines = child.log.read_bytes()[before:].split(b"\n")[:-1]
        return [answer for line in lines if (answer := json.loads(line)).get("event") == "status"]

    await until(answers)
    return answers()[0]


async def panel_becomes(city: City, condition: Callable[[dict[str, Any]], bool], station: str = STATION) -> None:
    """Wait until the played panel's status is as wished: its firmware is a process of its own, and hears later."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition(shows := await panel_status(city, station)):
        assert time.monotonic() < deadline, shows


# -- acting --------------------------------------------------------------------------------------------------------


def panel(city: City, station: str = STATION) -> PanelLog:
    return read_panel_log(city.panel_log(station), layout.PANEL)


async def press(city: City, station: str = STATION) -> None:
    """Press the button; returns once the panel has latched the press, whatever the station does with it."""
    before = len(panel(city, station).pressed_ns)
    city.press(station)
    await until(lambda: len(panel(city, station).pressed_ns) == before + 1)


async def recorded(city: City, presses: int, station: str = STATION) -> None:
    """Wait until so many presses were acknowledged to the panel."""
    await until(lambda: len(panel(city, station).acknowledged) == presses)


async def press_recorded(city: City, station: str = STATION) -> None:
    before = len(panel(city, station).acknowledged)
    await press(city, station)
    await recorded(city, before + 1, station)


async def answered(city: City, station: str = STATION, *, within: float = DEADLINE_S) -> float:
    """Answer the station's open call at headquarters; return the seconds until the station shows it."""
    [call] = calls(city, station)
    event_id = uuid7(wall_ms=time.time_ns() // 1_000_000)
    assert await asyncio.to_thread(city.answer, station, call["id"], event_id)
    return await until(lambda: [one["hq_answered"] for one in calls(city, station)] == [True], within=within)


async def settings(city: City, old: str, new: str, station: str = STATION) -> None:
    """Change a station's settings and start it with them."""
    file = city.station_folder(station) / "station.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    await city.restart(f"station-{station}")


# -- counting ------------------------------------------------------------------------------------------------------


def counted(city: City, station: str = STATION) -> Tally:
    return tally(panel(city, station), read_hq(city.hq_database, station))


async def all_there_once(city: City, presses: int, station: str = STATION) -> None:
    """Wait until so many presses are at headquarters and nothing waits; fail if one is missing or came twice."""

    def arrived() -> bool:
        return counted(city, station).at_hq >= presses and status(city, station).get("waiting") == 0

    await until(arrived)
    count = counted(city, station)
    assert (count.made, count.at_hq, count.lost, count.duplicates) == (presses, presses, 0, 0)


# -- disks ---------------------------------------------------------------------------------------------------------


class FullDisk:
    """Lets a living process write no file beyond so many bytes (RLIMIT_FSIZE), as long as the block lasts."""

    def __init__(self, pid: int, size: int = 4096) -> None:
        self._pid = pid
        self._size = size
        _, self._hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    def __enter__(self) -> None:
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (self._size, self._hard))

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):  # it was killed
            resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (self._hard, self._hard))


class LockedDatabase:
    """Holds an SQLite file's write lock from another process's place, as long as the block lasts."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._connection = sqlite3.connect(self._path, isolation_level=None, timeout=10)
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self._connection.close()


# -- copies --------------------------------------------------------------------------------------------------------


def query(database: Path, statement: str, *values: object) -> list[Any]:
    """What a statement returns from an SQLite file in use: a list of rows, or of values where each row has one."""
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
    try:
        rows = connection.execute(statement, values).fetchall()
    finally:
        connection.close()
    return [row[0] if len(row) == 1 else row for row in rows]


def journaled(city: City, event_type: str, station: str = STATION) -> list[dict[str, Any]]:
    """The events of one type in a station's own journal."""
    lines = query(city.station_folder(station) / "data/station.db", "SELECT line FROM events ORDER BY number")
    return [event for line in lines if (event := json.loads(line))["type"] == event_type]


async def close_call(city: City, station: str = STATION) -> None:
    """Take the open call at the duty desk, and end it."""
    [call] = calls(city, station)
    for step, fields in (("acknowledge", {}), ("close", {"reason": "helped"})):
        url = f"{city.duty_url(station)}/duty/calls/{call['id']}/{step}"
        event_id = uuid7(wall_ms=time.time_ns() // 1_000_000)
        assert await asyncio.to_thread(submit, url, event_id=event_id, **fields)
    await until(lambda: not calls(city, station))
