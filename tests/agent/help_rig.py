"""What the tests of help calls share: a desk on a real journal, a clock that tests move, and a disk that fails."""

import asyncio
import json
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from agent import calls, unattended
from agent.help import HelpDesk
from agent.journal import Journal
from agent.ladder import Ladder
from common.identifiers import uuid7
from drivers.panel import PressReading

BOOT, OTHER_BOOT = "6a1d0d0e-6f6c-4a8e-9a58-2f6f3a3f0a01", "0b9f7c55-0f0e-4d5c-8a43-6f0b1d7f9a02"


class MovingClock:
    """All clocks of one machine; they move when a test says so."""

    def __init__(self) -> None:
        self.boot = BOOT
        self.wall = 1_790_000_000_000
        self.mono = 100_000_000_000

    def wall_ms(self) -> int:
        return self.wall

    def mono_ns(self) -> int:
        return self.mono

    def trusted(self) -> bool:
        return True

    def advance(self, seconds: float) -> None:
        self.wall += int(seconds * 1_000)
        self.mono += int(seconds * 1_000_000_000)


class Station:
    """A desk on the journal in `folder`, that can be stopped and started again."""

    def __init__(self, folder: Path, clock: MovingClock) -> None:
        self.path, self.clock = folder / "station.db", clock
        self.unrecorded: list[str] = []
        self.recorded = 0
        self.changes = 0
        self.away = ()

    async def start(self) -> None:
        self.journal = await Journal.open(
            self.path,
            source="/stations/sjz-001",
            clock=self.clock,
            projectors=calls.projectors(),
            schema=(calls.SCHEMA,),
        )
        self.desk = HelpDesk(
            self.journal,
            self.clock,
            Ladder(),
            unattended_at=lambda since: unattended.first_at(self.away, since, boot=self.clock.boot),
        )
        self.desk.changed = self._changed
        self.desk.on_unrecorded = self.unrecorded.append
        self.desk.on_recorded = self._recorded
        await self.desk.restore()

    async def restart(self, boot: str | None = None) -> None:
        await self.journal.stop()
        if boot is not None:
            self.clock.boot, self.clock.mono = boot, 20_000_000_000
            # A boot's id never comes again; here it does.
            self.away = tuple(
                msgspec.structs.replace(span, boot="earlier", until_boot=span.until_boot and "earlier")
                for span in self.away
            )
        await self.start()

    def after(self, seconds: float) -> None:
        """Let time pass, and the desk look what is due."""
        self.clock.advance(seconds)
        self.desk.look()

    def views(self):
        return self.desk.views(self.clock.mono_ns())

    def new_id(self) -> str:
        return uuid7(wall_ms=self.clock.wall_ms())

    def numbered(self) -> dict[int, dict]:
        """Every event of the open journal by its number."""

        def look(connection: sqlite3.Connection) -> dict[int, dict]:
            return {number: json.loads(line) for number, line in connection.execute("SELECT number, line FROM events")}

        return self.journal.query(look)

    def events(self) -> list[dict]:
        """Every help event, in order; what the journal notes of the clock between them is not the desk's."""
        events = self.numbered()
        return [events[number] for number in sorted(events) if events[number]["type"].startswith("help.")]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]

    async def journaled(self, count: int) -> None:
        await until(lambda: len(self.events()) >= count)

    def _changed(self) -> None:
        self.changes += 1

    def _recorded(self) -> None:
        self.recorded += 1


def press(number: int, *, panel: str = "front", epoch: int = 1, button: int = 1, age_ms: int = 0) -> PressReading:
    return PressReading(panel=panel, epoch=epoch, number=number, button=button, age_ms=age_ms)


async def until(condition: Callable[[], bool], within_s: float = 10) -> None:
    """Wait for a condition; fail when it does not come true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.001)


@contextmanager
def failing_disk() -> Iterator[None]:
    """Let every write to a file fail with EFBIG, for real (setrlimit(2), RLIMIT_FSIZE)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def slow_disk(path: Path) -> Iterator[None]:
    """Let every commit wait, for real: another connection holds the write lock."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
    finally:
        connection.close()
