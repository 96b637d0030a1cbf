"""Days and nights of one station and its headquarters in minutes: what grows that should not.

Real processes, a real broker; the clocks of both houses pass as `passing_time` says, at the real one's pace while
people are there, and as fast as they can in between.
"""

import asyncio
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
from faults_rig import STATION, query, status, until
from row import Row
from slopes import Look, Trend, draw, trends

from common.identifiers import uuid7
from jingting.city import City
from jingting.web import Visitor
from tests.passing_time import Time

RECORDS: Final = 15
"""Walk-in records an hour, each of four events, beside a call for help: eighty times what a station sees, and more."""
LEAKY: Final = Path(__file__).with_name("leaky_station.py")
_FORM: Final = {
    "service": "HZ-01",
    "as": "registered",
    "name": "测试人甲",
    "number": "11010519491231002X",
    "phone": "13900001234",
}
_RETENTION: Final = "\n[journal]\nrewind_days = 1\nheader_days = 1\n"
_HQ_RETENTION: Final = "\n[retention]\nheader_days = 1\naudit_days = 1\n"
_READER: Final = re.compile(r"\[card_reader\].*?(?=\[finding\])", re.DOTALL)
_HURRIED_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Hours of load, of which some in the middle are without a broker, and hours of idleness after them.

    From `warm_up_h` on, what is there is to stay as it is: caches are full, and retention takes what it may.
    """

    load_h: int
    outage_h: range
    idle_h: int
    warm_up_h: int
    looks_an_hour: int = 2
    hour_s: int = 3600
    """Shorter ones are for tests."""


WHOLE: Final = Plan(load_h=72, outage_h=range(32, 40), idle_h=24, warm_up_h=42)
SHORT: Final = Plan(load_h=2, outage_h=range(1, 2), idle_h=1, warm_up_h=0, hour_s=900)
LEAK: Final = Plan(load_h=20, outage_h=range(2, 3), idle_h=1, warm_up_h=8)


@dataclass
class Soaked:
    """All looks, by house; how much the station said, and how much of it headquarters holds."""

    plan: Plan
    looks: dict[str, list[Look]] = field(default_factory=lambda: {"station": [], "headquarters": []})
    said: int = 0
    held: int = 0

    def trends(self) -> list[Trend]:
        """Every measure's growth, under load and in the idleness after it."""
        plan = self.plan
        parts = {
            "under load": range(plan.warm_up_h, plan.load_h),
            "idle": range(plan.load_h + plan.idle_h // 8, plan.load_h + plan.idle_h),
        }
        return list(trends(self.looks, parts))

    def picture(self) -> str:
        """An SVG of all of it."""
        plan = self.plan
        shaded = {"no broker": plan.outage_h, "idle": range(plan.load_h, plan.load_h + plan.idle_h)}
        return draw(self.looks, shaded)


class Soak:
    """One city that lives through a plan."""

    def __init__(self, city: City, passing: Time, plan: Plan) -> None:
        self._city, self._passing, self.seen = city, passing, Soaked(plan)
        self._desk, self._citizen = city.duty_url(STATION), city.station_url(STATION)
        self._began_ns = passing.now_ns

    async def run(self) -> None:
        """Live through it."""
        plan = self.seen.plan
        for hour in range(plan.load_h + plan.idle_h):
            if hour == plan.outage_h.start:
                await self._city.process("broker").stop()
            if hour == plan.outage_h.stop:
                await self._city.restart("broker")
            if hour < plan.load_h:
                await asyncio.to_thread(self._people_come)
            for _ in range(plan.looks_an_hour):
                await self._pass(plan.hour_s / plan.looks_an_hour)
                await asyncio.to_thread(self._look)
        assert await self._city.drained(60), "something is wedged"
        [self.seen.said] = query(self._city.station_folder(STATION) / "data/station.db", _HEAD)
        self.seen.held = held(self._city)

    async def _pass(self, seconds: float) -> None:
        self._passing.hurry(seconds)
        await until(lambda: not self._passing.hurries, within=_HURRIED_S)

    def _people_come(self) -> None:
        """A call for help, taken and closed, and some records from first to last; the pages are looked at."""
        officer = Visitor()
        assert Visitor().submit(self._citizen + "/help", event_id=self._new_id())
        [call] = (call["id"] for call in status(self._city)["calls"])
        for step, fields in (("acknowledge", {}), ("close", {"reason": "helped"})):
            assert officer.submit(f"{self._desk}/duty/calls/{call}/{step}", event_id=self._new_id(), **fields)
        for _ in range(RECORDS):
            record = self._new_id()
            assert officer.submit(self._desk + "/duty/records", event_id=record, **_FORM)
            for step in ("accept", "handle", "withdraw"):
                path = f"{self._desk}/duty/records/{record}/steps/{step}"
                assert officer.submit(path, event_id=self._new_id()), step
        for page in ("/duty", "/duty/figures", "/duty/handover"):
            assert officer.page(self._desk + page)
        assert self._city.overview()

    def _new_id(self) -> str:
        return uuid7(wall_ms=self._passing.wall_ms)

    def _look(self) -> None:
        hour = round((self._passing.now_ns - self._began_ns) / 1e9 / self.seen.plan.hour_s, 2)
        for house, name, folder in (
            ("station", f"station-{STATION}", self._city.station_folder(STATION)),
            ("headquarters", "hq", self._city.folder / "hq"),
        ):
            process = psutil.Process(self._city.process(name).pid)
            # A WAL is as long as it ever was, until somebody has it shortened: a saw, which tells nothing of growth.
            files = [file.stat() for file in folder.rglob("*") if file.is_file() and not file.name.endswith("-wal")]
            self.seen.looks[house].append(
                (
                    hour,
                    {
                        "memory": _anonymous_mib(process.pid),
                        "files_open": process.num_fds(),
                        "threads": process.num_threads(),
                        "files": len(files),
                        "bytes": sum(file.st_blocks * 512 for file in files) / 2**20,
                    },
                )
            )


def _anonymous_mib(pid: int) -> float:
    """What a process has for itself: its share of libraries would tell who else has come or gone (proc(5), RssAnon)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    [kib] = re.findall(r"^RssAnon:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kib) / 1024


_HEAD: Final = "SELECT max(number) FROM events"


def held(city: City) -> int:
    """How many of the station's events headquarters has stored, by its own account of them."""
    [ranges] = query(city.hq_database, "SELECT held FROM journals WHERE station = ?", STATION)
    return sum(last - first + 1 for first, last in _pairs(ranges))


def _pairs(ranges: str) -> Iterator[tuple[int, int]]:
    for first, last in re.findall(r"\[(\d+), ?(\d+)\]", ranges):
        yield int(first), int(last)


async def soaked(folder: Path, plan: Plan, *, leaky: bool = False) -> tuple[Row, Soaked]:
    """Live through a plan; `leaky`: with a station that keeps a little of each event for ever."""
    async with City(folder, stations=1) as city:
        for name in (f"station-{STATION}", f"panel-{STATION}", f"reader-{STATION}", "hq"):
            await city.process(name).stop()
        # The devices' time is the real one, in which a second is ten minutes: the panel is unplugged, and looked for.
        file = city.station_folder(STATION) / "station.toml"
        file.write_text(_READER.sub("", file.read_text(encoding="utf-8")) + _RETENTION, encoding="utf-8")
        with (city.folder / "hq/hq.toml").open("a", encoding="utf-8") as settings:
            settings.write(_HQ_RETENTION)
        passing = Time(folder / "time")
        try:
            for place, (name, what) in enumerate(
                (
                    ("hq", ("jingting", "hq", "--config", str(city.folder / "hq/hq.toml"))),
                    (f"station-{STATION}", (str(LEAKY) if leaky else "agent", str(file))),
                )
            ):
                program = Path(__file__).parents[1] / "passing_time.py"
                city.process(name)._command = (sys.executable, str(program), str(folder / "time"), str(place), *what)
                await city.restart(name)
            await until(lambda: status(city).get("hq_online"))
            soak = Soak(city, passing, plan)
            await soak.run()
        finally:
            passing.end()
    seen = soak.seen
    grew = [trend for trend in seen.trends() if not trend.flat]
    if leaky:  # it is caught only by what it does
        grew = [trend for trend in grew if (trend.house, trend.measure) == ("station", "memory")]
    row = Row(
        fault=f"soak of {plan.load_h + plan.idle_h} h" + (", a leaky station" if leaky else ""),
        tries=1,
        confirmed=seen.said,
        lost=seen.said - seen.held,
        duplicated=0,
        grew=tuple(f"{trend.house}: {trend.measure}" for trend in grew),
        cheats=leaky,
    )
    return row, seen
