"""One station's sessions over a real broker, and a headquarters written by hand for it."""

import asyncio
import json
import random
import socket
import time
import uuid
from collections.abc import Callable
from typing import Any

from broker_rig import Mosquitto, until
from model import STATION, Headquarters, ListJournal, MemoryOrders, event_line

from sync import topics
from sync.batch import Batch, Line, chain_lines, chain_start
from sync.connection import Connection
from sync.mqtt_words import Incoming
from sync.receiver import Ack, read_ack, read_batch
from sync.sender import Sender
from sync.session import Sessions
from sync.signed import MAX_OPEN_AT_HQ, Kind, Refusal, Writer, open_message
from sync.signing import Pinned, SigningKey
from tests.vectors.texts import batch_header

STATION_KEY, HQ_KEY, STRANGER = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3))
BOOT = "5d3f2c1b-9a87-4e65-8f43-21f0e1d2c3b4"
ORDERS_JOURNAL = "018f3b2a-0000-7000-8000-0000000000aa"
TIME = "2026-03-01T08:00:00.000Z"
KINDS: dict[str, frozenset[Kind]] = {
    "up/urgent": frozenset({"batch"}),
    "up/log": frozenset({"batch"}),
    "down/ack": frozenset({"ack"}),
    "state": frozenset({"birth", "farewell"}),
}


class Dice(random.Random):
    """Every draw lands at the same `share` of its range, so that a test knows how long a back-off waits."""

    share = 0.0

    def uniform(self, a: float, b: float) -> float:
        return a + self.share * (b - a)


class Station:
    """A journal in a list, its sender, its sessions; `leap` moves its monotonic clock."""

    def __init__(self, mosquitto: Mosquitto, *, certificate: str = STATION) -> None:
        self.journal = ListJournal(random.Random(7))
        self.orders = MemoryOrders()
        self.dice = Dice()
        self.leapt = 0.0
        self.home = mosquitto.address(certificate)
        self.sessions = Sessions(
            station=STATION,
            broker=self.home,
            writer=Writer(STATION_KEY),
            keys=Pinned([HQ_KEY.public]),
            orders=self.orders,
            agent="0.1.0",
            boot=BOOT,
            monotonic=self.monotonic,
            time=lambda: TIME,
            rng=self.dice,
            on_change=lambda: None,
        )
        self.sender: Sender
        self.running: asyncio.Task[None]
        self._tasks: list[asyncio.Task[None]] = []

    def monotonic(self) -> float:
        return time.monotonic() + self.leapt

    def leap(self, seconds: float) -> None:
        self.leapt += seconds
        self.sender.wake()

    async def start(self) -> None:
        self.sender = await Sender.over(
            self.journal,
            station=STATION,
            direction="up",
            writer=Writer(STATION_KEY),
            publish=self.sessions.publish,
            open_limit=MAX_OPEN_AT_HQ,
            monotonic=self.monotonic,
            on_close=lambda _: self._tasks.append(asyncio.create_task(self.sessions.rebirth())),
            on_progress=lambda: None,
            rng=self.dice,
        )
        self.sessions.serve(self.sender)
        self.running = asyncio.create_task(self.sessions.run())
        self._tasks = [self.running, asyncio.create_task(self.sender.run())]

    def append(self, *, urgent: bool = False) -> str:
        event_id = str(uuid.uuid4())
        line = event_line(event_id, "help.raised" if urgent else "device.changed", {})
        self.sender.appended(self.journal.append(line, urgent=urgent), urgent=urgent)
        if urgent:
            self.sessions.hurry()
        return event_id

    def vanish(self) -> None:
        """Lose the connection without a DISCONNECT."""
        connection = self.sessions._connection
        assert connection is not None
        sock = connection._client.socket()
        assert sock is not None
        sock.shutdown(socket.SHUT_RDWR)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in self._tasks:
            if not task.cancelled():
                task.result()


class ByHand:
    """Headquarters as the contract describes it: verifies, stores, acks; `answering` is what it may be told to stop."""

    def __init__(self, mosquitto: Mosquitto) -> None:
        self._mosquitto = mosquitto
        self.database = Headquarters()
        self.answering = True
        self.births: list[dict[str, Any]] = []
        self.farewells: list[dict[str, Any]] = []
        self.down_acks: list[tuple[Ack, dict[str, Any]]] = []
        self.lanes: list[tuple[str, int, int]] = []
        self._writer = Writer(HQ_KEY)
        self._connection: Connection

    async def start(self) -> None:
        self._connection = Connection(
            self._mosquitto.address("hq-test"),
            client_id="hq-test",
            on_message=self._take,
            on_room=lambda: None,
            keep_session=False,
        )
        await self._connection.open()
        await self._connection.subscribe([f"jt/1/+/{place}" for place in KINDS])

    async def stop(self) -> None:
        await self._connection.close()

    @property
    def sessions(self) -> list[str]:
        return [birth["session"] for birth in self.births]

    def _take(self, message: Incoming) -> None:
        place = topics.parse(message.topic)
        if place is None:
            return
        opened = open_message(
            message.payload,
            station=STATION,
            kinds=KINDS[place[1]],
            limit=MAX_OPEN_AT_HQ,
            keys=Pinned([STATION_KEY.public]),
        )
        match opened.header["kind"]:
            case "birth":
                self.births.append(opened.header)
                answers = self.database.birth(opened.header)
            case "farewell":
                self.farewells.append(opened.header)
                answers = []
            case "ack":
                self.down_acks.append((read_ack(opened), opened.header))
                answers = []
            case _:
                answers = self._store(place[1], read_batch(opened))
        if self.answering:
            for answer in answers:
                self.publish("up/ack", self._writer.write(answer))

    def _store(self, place: str, batch: Batch) -> list[dict[str, Any]]:
        self.lanes.append((place, batch.first, batch.last))
        if not self.answering:
            return []
        verdict, _ = self.database.take(batch)
        fork = Refusal("fork", "", header={"first": batch.first, "count": len(batch.lines)})
        answer = self.database.ack(batch.journal, fork if verdict == "fork" else None)
        return [answer] if answer is not None else []

    def publish(self, place: str, payload: bytes) -> None:
        assert self._connection.publish(f"jt/1/{STATION}/{place}", payload, slot="ack")

    def say(self, *, online: bool = True, epoch: str = "one", retain: bool = False) -> None:
        """Say as a worker that headquarters is there."""
        payload = json.dumps({"online": online, "epoch": epoch, "time": TIME}).encode()
        assert self._connection.publish(topics.hq_state("worker"), payload, slot="ack", retain=retain)

    def ack(self, of: str, *, key: SigningKey = HQ_KEY, **changes: Any) -> None:
        """Ack what the database holds of a journal, with some fields changed."""
        header = self.database.ack(of)
        assert header is not None
        self.publish("up/ack", Writer(key).write(header | changes))

    def order(
        self, lines: list[bytes], *, first: int = 1, prev: bytes | None = None, key: SigningKey = HQ_KEY, **changes: Any
    ) -> tuple[Line, ...]:
        """Send orders down; return them chained."""
        header = batch_header(lines, first=first, prev=prev, **({"journal": ORDERS_JOURNAL, "generation": 1} | changes))
        self.publish("down/urgent" if len(lines) == 1 else "down/log", Writer(key).write(header, lines))
        return chain_lines(prev or chain_start(ORDERS_JOURNAL), first, lines)

    async def down_ack(self, right: Callable[[Ack], object]) -> tuple[Ack, dict[str, Any]]:
        """Wait for a down/ack of which `right` holds."""
        await until(lambda: any(right(ack) for ack, _ in self.down_acks))
        return next(found for found in self.down_acks if right(found[0]))


async def kicked_by_another(mosquitto: Mosquitto, station: Station, times: int) -> None:
    """Somebody else connects with the station's name, so many times, and goes away again."""
    for _ in range(times):
        await until(lambda: station.sessions.up)
        session = station.sessions._session
        intruder = Connection(
            mosquitto.address(STATION), client_id=STATION, on_message=lambda _: None, on_room=lambda: None
        )
        await intruder.open()
        await until(lambda session=session: not station.sessions.up or station.sessions._session != session)
        await intruder.close()
