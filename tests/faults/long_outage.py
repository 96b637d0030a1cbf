"""A station's journal of a long time without a link, made in a blink; and the lines that stand here and there."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

from faults_rig import STATION

from agent import calls, devices
from agent.journal import Journal
from common.clock import Clock
from common.events.calls import HelpAcknowledged, HelpClosed, HelpRaised
from common.events.equipment import DeviceChanged
from common.identifiers import uuid7
from jingting.city import City

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


def here_and_there(city: City) -> tuple[list[bytes], list[bytes]]:
    """Return the station's lines, in order, as it keeps them and as headquarters holds them."""
    here = lines(city.station_folder(STATION) / "data/station.db", "SELECT line FROM events ORDER BY number")
    there = lines(
        city.hq_database,
        "SELECT line FROM events JOIN journals ON journals.id = journal_id"
        " JOIN stations USING (station, journal) ORDER BY number",
    )
    return here, there
