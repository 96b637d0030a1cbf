"""Many light stations in one process: each speaks the whole protocol over a connection, a certificate and a key of its
own, with its journal in memory.
"""

import asyncio
import contextlib
import random
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from agent.entry import Envelope
from common import keyfiles
from common.clock import Clock, rfc3339
from common.events import is_urgent_event, type_of
from common.events.calls import HelpRaised
from common.events.journal import StationStarted
from common.events.terms import Payload
from common.identifiers import uuid7
from sync.sender import Sender
from sync.session import Sessions
from sync.signed import MAX_OPEN_AT_HQ, Writer
from sync.signing import Pinned, SigningKey, VerifyKey
from tests.headquarters import SQLITE, Headquarters, headquarters
from tests.sync.model import ListJournal, MemoryOrders

BACK_S: Final = 180.0
CALLS: Final = 20
"""One station of so many has a call for help among what it says."""


class LightStation:
    """One station: journal, sender, sessions; `back_at` is when it was connected with nothing waiting (monotonic)."""

    def __init__(self, hq: Headquarters, name: str, clock: Clock, seed: int) -> None:
        home, rng = hq.home(name), random.Random(f"{seed} {name}")
        self.name = name
        self.journal = ListJournal(rng)
        self.back_at: float | None = None
        self._clock = clock
        self._rng = rng
        self._writer = Writer(SigningKey(keyfiles.read_private(home / "station.key")))
        self._envelope = Envelope(f"/stations/{name}", clock)
        self.sessions = Sessions(
            station=name,
            broker=hq.broker(name),
            writer=self._writer,
            keys=Pinned([VerifyKey(keyfiles.read_public(home / "headquarters.pub"))]),
            orders=MemoryOrders(),
            agent="fleet",
            boot=clock.boot,
            monotonic=time.monotonic,
            time=lambda: rfc3339(clock.wall_ms()),
            rng=rng,
            on_change=self._changed,
        )
        self.sender: Sender
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.sender = await Sender.over(
            self.journal,
            station=self.name,
            direction="up",
            writer=self._writer,
            publish=self.sessions.publish,
            open_limit=MAX_OPEN_AT_HQ,
            monotonic=time.monotonic,
            on_close=lambda _: self._tasks.append(asyncio.create_task(self.sessions.rebirth())),
            on_progress=self._changed,
            rng=self._rng,
        )
        self.sessions.serve(self.sender)
        self._tasks = [asyncio.create_task(self.sender.run()), asyncio.create_task(self.sessions.run())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def say(self, payload: Payload) -> None:
        """Journal an event; it is on its way."""
        entry = self._envelope.entry(payload)
        urgent = is_urgent_event(type_of(payload))
        self.sender.appended(self.journal.append(entry.line, urgent=urgent), urgent=urgent)
        if urgent and not self.sessions.up:
            self.sessions.hurry()

    @property
    def whole(self) -> bool:
        """Whether it is connected, was answered, and nothing waits."""
        return self.sessions.up and not self.sender.outbox.waiting and self.sender.outbox.peer.answered_at is not None

    def _changed(self) -> None:
        if self.back_at is None and self.whole:
            self.back_at = time.monotonic()


@dataclass
class Fleet:
    """The stations, and how long each needed to come back after each thing that was done to them, in seconds."""

    hq: Headquarters
    stations: list[LightStation]
    came_back_s: dict[str, list[float]] = field(default_factory=dict)
    said: int = 0

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(station.start() for station in self.stations))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(station.stop() for station in self.stations))

    def speak(self) -> None:
        """Let every station journal an event, some of them a call for help."""
        for number, station in enumerate(self.stations):
            station.say(
                HelpRaised(call=new_id(), origin="screen") if number % CALLS == 0 else StationStarted(agent="fleet")
            )
        self.said += len(self.stations)

    async def suffer(self, what: str, breaking: Callable[[], Awaitable[None]]) -> None:
        """Break something while everybody speaks, and wait until every station is back with nothing waiting."""
        self.speak()
        await breaking()
        began = time.monotonic()
        for station in self.stations:
            station.back_at = None
        self.speak()
        while not all(station.back_at for station in self.stations):
            away = [station.name for station in self.stations if not station.back_at]
            assert time.monotonic() < began + BACK_S, f"after {what}, {len(away)} are not back: {away[:5]}"
            await asyncio.sleep(0.05)
        self.came_back_s[what] = sorted((station.back_at or 0) - began for station in self.stations)


def new_id() -> str:
    return uuid7(wall_ms=time.time_ns() // 1_000_000)


def _names(count: int) -> tuple[str, ...]:
    return tuple(f"jt-{number:04}" for number in range(1, count + 1))


@contextlib.asynccontextmanager
async def fleet(folder: Path, count: int, seed: int, *, url: str = SQLITE) -> AsyncIterator[Fleet]:
    """So many stations of one headquarters, connected, for as long as the block lasts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * count + 1000)), hard))
    names, clock = _names(count), Clock()
    async with (
        headquarters(folder, stations=names, url=url) as hq,
        Fleet(hq, [LightStation(hq, name, clock, seed) for name in names]) as stations,
    ):
        await stations.suffer("all begin at once", _nothing)
        yield stations


async def _nothing() -> None:
    pass
