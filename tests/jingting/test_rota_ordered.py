"""A rota through the whole house: ordered at headquarters, on duty at the station, whatever is killed or lost."""

import asyncio
import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from common import rota_file
from common.clock import Clock
from common.identifiers import uuid7
from common.rota import turn_at
from jingting.child import jingting
from jingting.city import City
from jingting.web import fetch, page, submit

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config" / "rota.toml"
SHANGHAI = ZoneInfo("Asia/Shanghai")
STATION = "jt-001"
DEADLINE_S = 30.0


class Town:
    """A city of one station, whose wall clock the test moves."""

    def __init__(self, city: City, folder: Path) -> None:
        self.city, self._clock = city, folder / "clock"
        self.home, self.duty = city.station_folder(STATION), city.duty_url(STATION)
        self.moved(0)

    def moved(self, ahead_ms: int, *, unsure: bool = False) -> None:
        passing = self._clock.with_suffix(".new")
        passing.write_text(f"{ahead_ms} {'unsure' if unsure else ''}", encoding="ascii")
        passing.replace(self._clock)
        self.ahead_ms = ahead_ms

    def now_ms(self) -> int:
        return Clock().wall_ms() + self.ahead_ms

    def set_to(self, wall_ms: int) -> None:
        self.moved(wall_ms - Clock().wall_ms())

    async def restart(self) -> None:
        child = self.city.process(f"station-{STATION}")
        rig = str(ROOT / "tests" / "sure_clock.py")
        child._command = (sys.executable, rig, str(self._clock), str(self.home / "station.toml"))
        await self.city.restart(f"station-{STATION}")
        await self.city.connected()

    async def sees(self, condition):
        deadline = time.monotonic() + DEADLINE_S
        while not condition(view := await asyncio.to_thread(fetch, self.duty + "/status.json") or {"shift": None}):
            assert time.monotonic() < deadline, view
            await asyncio.sleep(0.05)
        return view

    def events(self, *types: str) -> list[dict]:
        """The events of these types that headquarters holds, in order."""
        rows = "SELECT line FROM events JOIN journals ON journals.id = journal_id WHERE station = ? ORDER BY number"
        with contextlib.closing(sqlite3.connect(f"file:{self.city.hq_database}?mode=ro", uri=True)) as connection:
            lines = [json.loads(line) for (line,) in connection.execute(rows, (STATION,))]
        return [line for line in lines if line["type"] in types]

    async def hears(self, condition):
        deadline = time.monotonic() + DEADLINE_S
        while not await asyncio.to_thread(condition):
            assert time.monotonic() < deadline, "headquarters did not hear of it"
            await asyncio.sleep(0.05)

    async def order(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        config = self.city.folder / "hq/hq.toml"
        command = jingting("hq", "order", "rota", *map(str, arguments), "--config", config)
        return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)


async def test_a_rota_is_ordered_shifts_begin_by_it_and_a_station_that_lost_everything_has_it_again(tmp_path):
    async with City(tmp_path / "city", stations=1) as city:
        town = Town(city, tmp_path)
        await town.restart()
        await town.sees(lambda view: view["shift"] is None)

        # What leaves an instant to nobody goes to nobody.
        wrong = tmp_path / "wrong.toml"
        wrong.write_text(EXAMPLE.read_text(encoding="utf-8").replace("offset = 6", "offset = 5"), encoding="utf-8")
        told = await town.order(wrong, "--all")
        assert told.returncode == 78
        assert "found 2 teams (丙, 丁) at 2026-01-02 00:00 (夜); expected exactly one team" in told.stderr
        for arguments in ((EXAMPLE,), (EXAMPLE, "--all", "--station", STATION)):
            assert (await town.order(*arguments)).returncode == 2
        assert (await town.order(EXAMPLE, "--station", "jt-099")).returncode == 1

        # To all, and once.
        assert "given to 1 stations." in (await town.order(EXAMPLE, "--all")).stdout
        assert "given to 0 stations; 1 have it already" in (await town.order(EXAMPLE, "--station", STATION)).stdout
        rota = rota_file.load(EXAMPLE)
        turn = turn_at(rota, town.now_ms(), SHANGHAI)
        view = await town.sees(lambda view: view["shift"] and view["shift"]["known"])
        assert (view["shift"]["known"], view["shift"]["team"]) == (True, turn.team)
        assert view["shift"]["until"] == datetime.fromtimestamp(turn.ends_ms / 1000, SHANGHAI).strftime("%H:%M")
        desk = await asyncio.to_thread(page, town.duty + "/duty?lang=en")
        assert f"<b>{turn.team}</b> {turn.shift.en} · until {view['shift']['until']}" in desk

        # The next shift begins by itself, with a key of its own; what is recorded says its team.
        keys = len(town.events("key.issued"))
        town.set_to(turn.ends_ms - 2_000)
        following = turn_at(rota, turn.ends_ms, SHANGHAI)
        await town.sees(lambda view: view["shift"]["team"] == following.team)
        await town.hears(lambda: town.events("shift.begun"))
        [begun] = town.events("shift.begun")
        assert begun["data"] == {"by": "rota", "team": following.team, "shift": following.shift.sign}
        assert len(town.events("key.issued")) == keys + 1
        form = {"event_id": uuid7(wall_ms=town.now_ms()), "service": "QZ-01", "as": "registered"}
        assert await asyncio.to_thread(submit, town.duty + "/duty/records", **form)
        await town.hears(lambda: town.events("record.opened"))
        assert town.events("record.opened")[0]["data"]["team"] == following.team

        # While the clock is unsure nobody is said to be on duty.
        town.moved(town.ahead_ms, unsure=True)
        await town.sees(lambda view: not view["shift"]["known"])
        town.moved(town.ahead_ms)
        await town.sees(lambda view: view["shift"]["known"])

        # Killed, it still knows; with everything lost, headquarters tells it again.
        city.process(f"station-{STATION}").kill()
        await city.process(f"station-{STATION}").ended()
        await town.restart()
        await town.sees(lambda view: view["shift"] and view["shift"]["team"] == following.team)
        await city.process(f"station-{STATION}").stop()
        shutil.rmtree(town.home / "data")
        await town.restart()
        await town.sees(lambda view: view["shift"] and view["shift"]["team"] == following.team)
