"""What a station does to its disk while its power is cut at every boundary: an append, a retention pass, a migration, a
rescue, and a first start. `cut_stories.py STORY FOLDER` does it once, on the real files, to be traced.

Each story is prepared, acted, and then asked of what a power cut left: `found` opens that with the station's own code,
goes on where it was, and says what is there.
"""

import asyncio
import contextlib
import json
import os
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock
from zoneinfo import ZoneInfo

ROOT: Final = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT)]

from agent import calls, devices, figure_rows, opening, record_rows, salvage, wal  # noqa: E402
from agent import journal as agent_journal  # noqa: E402
from agent.database import suspect  # noqa: E402
from agent.housekeeping import Housekeeping  # noqa: E402
from agent.journal import Journal  # noqa: E402
from agent.orders import SCHEMA as ORDERS  # noqa: E402
from agent.salvage import Salvage  # noqa: E402
from agent.time_floor import StationClock  # noqa: E402
from common.events.calls import HelpClosed, HelpRaised, Press  # noqa: E402
from common.events.journal import OrderFailed  # noqa: E402
from common.events.terms import Payload  # noqa: E402
from common.identifiers import uuid7  # noqa: E402
from sync import base64url  # noqa: E402
from sync.batch import chain_next, chain_start  # noqa: E402
from tests.agent.journal_rig import SOURCE, StillClock  # noqa: E402

ZONE: Final = ZoneInfo("Asia/Shanghai")
DAY_MS: Final = 24 * 3600 * 1000
REWIND_DAYS: Final = 14
OLD_SCHEMA: Final = (calls.SCHEMA, devices.SCHEMA, ORDERS, record_rows.SCHEMA)


class Told:
    """What was confirmed so far: written, whenever something is, to a file that the trace sees."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, *ids: str) -> None:
        os.write(self._descriptor, json.dumps(ids).encode())


@dataclass(slots=True)
class Found:
    """What a station found on a disk: the ids of its events, in order, and all rows of all its tables.

    `wrong`: what is not as it must be. `aside`: journals that it could not read.
    """

    ids: list[str] = field(default_factory=list)
    rows: str = ""
    wrong: list[str] = field(default_factory=list)
    aside: int = 0


class Story:
    """An append: on its own, several at once, long ones, around checkpoints and a restart."""

    name = "append"
    aside = 0

    def __init__(self) -> None:
        self.clock = StillClock()

    async def prepare(self, folder: Path) -> None:
        """Make the folder as it is before."""
        journal = await self.open(folder)
        await self.say(journal, 3)
        await journal.stop()

    async def act(self, folder: Path, told: Told) -> None:
        """Do it, and tell of whatever is confirmed, as soon as it is."""
        journal = await self.open(folder)
        told(*await self.say(journal, 1))
        told(*await self.press(journal, 1))
        told(*await self.say(journal, 7))
        told(*await self.say(journal, 1, size=20_000))
        await asyncio.to_thread(wal.checkpoint, folder / "station.db")
        told(*await self.say(journal, 2))  # over the WAL's old beginning
        told(*await self.press(journal, 2))
        with mock.patch("agent.wal.LONG", 4096):
            await asyncio.to_thread(wal.checkpoint, folder / "station.db")
        told(*await self.press(journal, 3))
        await journal.acknowledged(4)
        told()
        await journal.stop()
        journal = await self.open(folder)
        told(*await self.say(journal, 2))
        await journal.stop()

    async def open(self, folder: Path) -> Journal:
        """Open the journal as a station does at its start."""
        return await opening.open_once(folder / "station.db", source=SOURCE, zone=ZONE, clock=self.clock)

    async def found(self, folder: Path) -> Found:
        """Start the station on what is left of the folder, look, and go on."""
        found = Found()
        journal = await self.open(folder)
        self.look(journal, found)
        found.rows = self.rows_of(journal, found)
        before = len(found.ids)
        await self.go_on(folder, journal, found)
        [more] = await self.say(journal, 1)
        await journal.stop()
        journal = await self.open(folder)
        after = Found()
        self.look(journal, after)
        await journal.stop()
        if before and after.ids[-1:] != [more]:
            found.wrong.append("what was appended afterwards is not there")
        found.wrong += after.wrong
        found.aside = _aside(folder)
        return found

    def rows_of(self, journal: Journal, _found: Found) -> str:
        """Return what is to be as at some moment of the story."""
        return journal.query(rows)

    async def go_on(self, folder: Path, journal: Journal, found: Found) -> None:
        """Do what the story did again, to its end; put into `found` what it comes to."""

    def look(self, journal: Journal, found: Found) -> None:
        """Read all events: they follow each other, their chain is whole, the urgent ones are known."""
        (identity, oldest, base), events, urgent = journal.query(_everything)
        chain = base if oldest > 1 else chain_start(identity)
        for expected, (number, line, kept) in enumerate(events, oldest):
            chain = chain_next(chain, line)
            if (number, kept) != (expected, chain):
                found.wrong.append(f"number {number} stands where {expected} is expected, or its chain is broken")
                break
            found.ids.append(_event(line)["id"])
        if [number for number, line, _ in events if _event(line)["type"].startswith("help.")] != urgent:
            found.wrong.append("the urgent lane is not what the events say")

    async def say(self, journal: Journal, count: int, *, size: int = 10) -> list[str]:
        """Append so many at once; return their ids."""
        return await self._append(journal, *(OrderFailed(order="x", reason="y" * size) for _ in range(count)))

    async def press(self, journal: Journal, number: int) -> list[str]:
        """Raise a call by press `number`, and close it but for the first; return the ids."""
        call = uuid7(wall_ms=self.clock.wall_ms())
        raised = HelpRaised(call=call, origin="panel", press=Press(panel="p", epoch=1, number=number))
        ids = [(await journal.append(raised, event_id=call)).id]
        return ids if number == 1 else ids + await self._append(journal, HelpClosed(call=call, reason="test"))

    async def _append(self, journal: Journal, *payloads: Payload) -> list[str]:
        return [one.id for one in await asyncio.gather(*map(journal.append, payloads))]


class Short(Story):
    """Two appends, for whoever asks only what a commit is worth."""

    name = "short"

    async def act(self, folder: Path, told: Told) -> None:
        journal = await self.open(folder)
        told(*await self.say(journal, 1))
        told(*await self.press(journal, 1))
        await journal.stop()


class FirstStart(Story):
    """A first start: there is nothing before it."""

    name = "first start"

    async def prepare(self, folder: Path) -> None:
        """Nothing is there."""

    async def act(self, folder: Path, told: Told) -> None:
        journal = await self.open(folder)
        told(*await self.say(journal, 1))
        told(*await self.press(journal, 1))
        await journal.stop()

    def rows_of(self, journal: Journal, found: Found) -> str:
        return super().rows_of(journal, found) if found.ids else ""  # an empty journal has an id of its own each time

    async def open(self, folder: Path) -> Journal:
        """A few tables do: the others are made like them."""
        path, schema = folder / "station.db", (*OLD_SCHEMA[:1], salvage.SCHEMA)
        return await Journal.open(path, source=SOURCE, clock=self.clock, schema=schema, projectors=calls.projectors())


class Retention(Story):
    """A retention pass, with presses in between: from the open journal and from a closed one."""

    name = "retention"

    async def prepare(self, folder: Path) -> None:
        journal = await self.open(folder)
        await self.say(journal, 40)
        await self.press(journal, 2)
        await journal.acknowledged(30)
        await journal.close("fork", 30)
        for number in range(3, 20):
            await self.press(journal, number)
            await self.say(journal, 5)
        await self.press(journal, 1)
        await journal.acknowledged(100)
        with mock.patch("agent.ballast.Ballast.hold", return_value=True):
            await self._keeping(folder, journal).sweep()
        await journal.stop()

    async def act(self, folder: Path, told: Told) -> None:
        journal = await self.open(folder)

        async def speak() -> None:
            for _ in range(6):
                told(*await self.say(journal, 1))

        await asyncio.gather(self._sweep(folder, journal), speak())
        told()
        await journal.stop()

    async def go_on(self, folder: Path, journal: Journal, found: Found) -> None:
        await self._sweep(folder, journal)
        # What was said in between is there or not, by itself; all else is as if nothing had happened.
        (oldest, head), said = journal.query(
            lambda db: (
                db.execute("SELECT oldest, (SELECT max(number) FROM events) FROM journal").fetchone(),
                [number for (number,) in db.execute("SELECT number FROM urgent")],
            )
        )
        kept = journal.query(partial(rows, without=("events", "sqlite_stat1")))
        found.rows += f"\n{oldest} {head >= max(said)}\n{kept}"

    async def _sweep(self, folder: Path, journal: Journal) -> None:
        with contextlib.ExitStack() as stack:
            for name, value in (("retention.FREE_PAGES", 4), ("retention.SLICE", 30), ("wal.LONG", 4096)):
                stack.enter_context(mock.patch(f"agent.{name}", value))
            stack.enter_context(mock.patch("agent.housekeeping.CHECKPOINT_FROM", 4096))
            stack.enter_context(mock.patch("agent.ballast.Ballast.hold", return_value=True))
            self.clock.wall += (REWIND_DAYS + 1) * DAY_MS
            self.clock.mono += (REWIND_DAYS + 1) * DAY_MS * 1_000_000
            try:
                await self._keeping(folder, journal).sweep()
            finally:
                self.clock = StillClock()

    def _keeping(self, folder: Path, journal: Journal) -> Housekeeping:
        path = folder / "station.db"
        rescue = Salvage(journal, path, source=SOURCE)
        days = {"rewind_days": REWIND_DAYS, "header_days": 90}
        return Housekeeping(journal, rescue, path, self.clock, **days, on_dropped=lambda _: None)


class Migration(Story):
    """The first start of a newer Jingting on an older one's journal: new tables, figures to be counted."""

    name = "migration"

    async def prepare(self, folder: Path) -> None:
        path = folder / "station.db"
        projectors = calls.projectors() | devices.projectors()
        newer = [script for script in opening.SCHEMA if "figures" not in script and "loans" not in script]
        journal = await Journal.open(path, source=SOURCE, clock=self.clock, schema=newer, projectors=projectors)
        for number in range(1, 12):
            await self.press(journal, number)
            await self.say(journal, 5)
        await journal.stop()

    async def act(self, folder: Path, told: Told) -> None:
        journal = await self.open(folder)
        told(*await self.say(journal, 1))
        await journal.stop()


class BusyDay(Retention):
    """A hundred calls, one after the other, and the housekeeping that goes with them."""

    name = "busy day"

    async def act(self, folder: Path, told: Told) -> None:
        journal = await self.open(folder)
        keeping = self._keeping(folder, journal)
        for number in range(100, 200):
            told(*await self.press(journal, number))
            await self._minutes(keeping, 5)
        await journal.stop()

    async def _minutes(self, keeping: Housekeeping, count: int) -> None:
        with mock.patch("agent.ballast.Ballast.hold", return_value=True):
            for _ in range(count):
                self.clock.wall += 60_000
                self.clock.mono += 60_000_000_000
                await keeping.sweep()


class IdleDay(BusyDay):
    """A day on which nobody comes: housekeeping every minute, the clock's look at itself, the floor of the time."""

    name = "idle day"

    async def act(self, folder: Path, told: Told) -> None:
        journal = await self.open(folder)
        keeping, floor = self._keeping(folder, journal), StationClock(folder / "time.floor")
        for _ in range(24):
            await self._minutes(keeping, 60)
            await journal.keep_time()
            floor.seen(self.clock.wall)
            await journal.run(lambda _pen: floor.keep())
        await journal.stop()


class Rescue(Story):
    """A start on a journal found damaged, some of it in its WAL: what is readable comes into a fresh one."""

    name = "rescue"
    aside = 1

    async def prepare(self, folder: Path) -> None:
        path, whole = folder / "station.db", folder.with_name("whole")
        whole.mkdir()
        journal = await self.open(whole)
        await self.say(journal, 20)
        await journal.acknowledged(10)
        for number in range(1, 8):
            await self.press(journal, number)
            await self.say(journal, 4)
        await asyncio.to_thread(wal.checkpoint, whole / path.name)
        await self.press(journal, 8)
        for suffix in ("", "-wal"):
            (folder / (path.name + suffix)).write_bytes((whole / (path.name + suffix)).read_bytes())
        await journal.stop()
        suspect(folder / path.name)

    async def act(self, folder: Path, told: Told) -> None:
        journal = await self.open(folder)
        told(*await self.say(journal, 1))
        await asyncio.gather(self._rescue(folder, journal), self._speak(journal, told))
        told(*self._before(folder))
        await journal.stop()
        journal = await self.open(folder)
        told(*await self.say(journal, 1))
        await journal.stop()

    async def go_on(self, folder: Path, journal: Journal, found: Found) -> None:
        await self._rescue(folder, journal)
        found.ids = []
        self.look(journal, found)
        kinds = [_event(line)["type"] for _, line, _ in journal.query(_everything)[1]]
        found.wrong += [] if kinds.count("journal.opened") == 1 else ["headquarters is told otherwise than once"]
        found.wrong += ["what was readable is not rescued" for one in self._before(folder) if one not in found.ids][:1]
        open_calls = journal.query(calls.load).calls
        found.wrong += [] if [call.presses for call in open_calls] == [1] else ["the open call is not open any more"]

    def rows_of(self, journal: Journal, _found: Found) -> str:
        return ""  # a rescue that was cut off is begun anew, with new ids

    async def open(self, folder: Path) -> Journal:
        """A few tables do: the others are made like them."""
        with mock.patch("agent.opening.SCHEMA", (*OLD_SCHEMA, figure_rows.SCHEMA, salvage.SCHEMA)):
            return await super().open(folder)

    async def _rescue(self, folder: Path, journal: Journal) -> None:
        with mock.patch("agent.salvage.SLICE", 10):
            await Salvage(journal, folder / "station.db", source=SOURCE).go_on()

    async def _speak(self, journal: Journal, told: Told) -> None:
        for _ in range(3):
            told(*await self.say(journal, 1))

    def _before(self, folder: Path) -> list[str]:
        """Return the ids of what headquarters may lack of the damaged journal."""
        with contextlib.closing(sqlite3.connect(folder.with_name("whole") / "station.db")) as connection:
            lines = connection.execute("SELECT line FROM events WHERE number > 10 ORDER BY number").fetchall()
        return [_event(line)["id"] for (line,) in lines]


STORIES: Final[Mapping[str, type[Story]]] = {
    story.name: story for story in (FirstStart, Short, Story, Retention, Migration, Rescue, BusyDay, IdleDay)
}


def rows(connection: sqlite3.Connection, *, without: tuple[str, ...] = ()) -> str:
    """Return all rows of all tables, as text."""
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
    tables = [name for (name,) in names if name not in without]
    return "\n".join(f"{name}: {sorted(map(repr, connection.execute(f'SELECT * FROM {name}')))}" for name in tables)


def _aside(folder: Path) -> int:
    return len([file for file in folder.glob("*.damaged-*") if not file.name.endswith(("-wal", "-shm"))])


def _everything(connection: sqlite3.Connection) -> tuple[Any, list[Any], list[int]]:
    identity = connection.execute("SELECT id, oldest, base FROM journal").fetchone()
    events = connection.execute("SELECT number, line, chain FROM events ORDER BY number").fetchall()
    return identity, events, [number for (number,) in connection.execute("SELECT number FROM urgent ORDER BY number")]


def _event(line: bytes) -> dict[str, Any]:
    """Return the event of a line, or the one that it carries."""
    event = json.loads(line)
    return _event(base64url.decode(event["data"]["line"])) if event["type"] == "rescued" else event


def main(name: str, folder: Path, cheat: str = "") -> None:
    """Act a story; `cheat` are pragmas with which its commits break their word."""
    honest = agent_journal.connect

    def connect(path: Path) -> sqlite3.Connection:
        connection = honest(path)
        connection.executescript(cheat)
        return connection

    agent_journal.connect = connect  # type: ignore[attr-defined]
    asyncio.run(STORIES[name]().act(folder, Told(folder.with_name("told"))))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
