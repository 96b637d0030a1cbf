"""Three days without a link at ten times the usual load, time-compressed; then everything comes, once and in order."""

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path

import pytest
from faults_rig import STATION

from agent import calls, devices
from agent.journal import Journal
from common.clock import Clock
from common.events.calls import HelpAcknowledged, HelpClosed, HelpRaised
from common.events.equipment import DeviceChanged
from common.identifiers import uuid7
from jingting.city import City
from jingting.web import page

pytestmark = pytest.mark.slow

HOURS = 72
EVENTS_AN_HOUR = 20  # some thirteen incidents a week; ten times that, with all their steps, is about eight an hour


class Compressed(Clock):
    """A clock of which three days pass while the test blinks, and end now."""

    def __init__(self) -> None:
        super().__init__()
        self.behind_s = HOURS * 3600

    def wall_ms(self) -> int:
        return super().wall_ms() - self.behind_s * 1000

    def mono_ns(self) -> int:
        return super().mono_ns() - min(self.behind_s * 1_000_000_000, super().mono_ns() - 1)


async def live_through(folder: Path) -> None:
    clock = Compressed()
    journal = await Journal.open(
        folder / "data/station.db",
        source=f"/stations/{STATION}",
        clock=clock,
        projectors=calls.projectors() | devices.projectors(),
        schema=(calls.SCHEMA, devices.SCHEMA),
    )
    for _ in range(HOURS):
        clock.behind_s -= 3600
        call = uuid7(wall_ms=clock.wall_ms())
        await journal.append(HelpRaised(call=call, origin="screen"), event_id=call)
        await journal.append(HelpAcknowledged(call=call, after_ms=4000))
        await journal.append(HelpClosed(call=call, reason="helped"))
        changes = [DeviceChanged(device="back", kind="panel", state="faulty", reason="silent")] * (EVENTS_AN_HOUR - 3)
        await asyncio.gather(*(journal.append(change) for change in changes))
    await journal.stop()


def lines(database: Path, statement: str) -> list[bytes]:
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return [line for (line,) in connection.execute(statement)]


async def test_all_of_it_is_at_headquarters_once_and_in_order_and_the_duty_page_answers_meanwhile(tmp_path):
    async with City(tmp_path, stations=1) as city:
        for name in (f"station-{STATION}", "hq", "broker"):
            await city.process(name).stop()
        await live_through(city.station_folder(STATION))
        for name in ("broker", "hq", f"station-{STATION}"):
            await city.restart(name)
        drained = asyncio.create_task(city.drained(60))
        slowest = 0.0
        while not drained.done():
            began = time.monotonic()
            assert "data-title" in await asyncio.to_thread(page, city.duty_url(STATION) + "/duty")
            slowest = max(slowest, time.monotonic() - began)
        assert await drained
        assert slowest < 1
        here = lines(city.station_folder(STATION) / "data/station.db", "SELECT line FROM events ORDER BY number")
        there = lines(
            city.hq_database,
            "SELECT line FROM events JOIN journals ON journals.id = journal_id"
            " JOIN stations USING (station, journal) ORDER BY number",
        )
        assert len(here) > HOURS * EVENTS_AN_HOUR
        assert there == here
        shown = lines(city.hq_database, "SELECT presses FROM help_calls WHERE state = 'closed'")
        assert shown == [1] * HOURS
