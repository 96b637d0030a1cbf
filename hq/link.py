"""Headquarters' end of the link: two MQTT connections, a thread for each lane, and a sender of orders a station.

What is urgent has a connection and a thread of its own, so that bulk can neither delay nor drop it. A message's PUBACK
waits until it was taken, so the broker, not our memory, holds what we cannot yet take.
"""

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from common.clock import Clock, rfc3339
from hq.database import FAILURES
from hq.ingest import Ingest, Presences, StationKeys
from hq.orders import Orders
from hq.orders_journal import OrdersJournal
from hq.patience import RETRY_S, Patience
from hq.store import Store
from hq.wire import ATTEMPTS, Wire
from sync import topics
from sync.connection import Broker, Will
from sync.receiver import Ack
from sync.sender import Sender
from sync.signed import MAX_OPEN_AT_STATION, Writer
from sync.signing import SigningKey
from sync.topics import Lane

log = logging.getLogger(__name__)

BEAT_EVERY_S: Final = 60.0
_LOOK_EVERY_S: Final = 5.0
_URGENT_FILTERS: Final = ("jt/1/+/up/urgent",)
LOG_LANE: Final = "$share/hq/jt/1/+/up/log"
"""Of all who subscribe to this, each message reaches one."""
_LOG_FILTERS: Final = (LOG_LANE, "jt/1/+/down/ack", "jt/1/+/state", "jt/1/+/health")

_DOWN_ACK_DUE_MS: Final = 5_000
"""How long after a birth its down/ack may take before orders are sent without it (wall clock: it only delays)."""

T = TypeVar("T")


@dataclass(slots=True)
class _Line:
    """One station's orders on their way down."""

    sender: Sender
    task: asyncio.Task[None]
    session: str = ""


class Link:
    """Takes what stations send and answers it. Keep `run()` alive."""

    def __init__(
        self,
        *,
        worker: str,
        broker: Broker,
        store: Store,
        orders: Orders,
        station_keys: Path,
        key: SigningKey,
        clock: Clock,
        on_change: Callable[[], None],
    ) -> None:
        self._worker = worker
        self._store = store
        self._orders = orders
        self._key = key
        self._clock = clock
        self._on_change = on_change
        self._writer = Writer(key)
        self._presences = Presences(store)
        keys = StationKeys(station_keys)
        self._ingest: dict[Lane, Ingest] = {
            lane: Ingest(store, keys=keys, key=key, presences=self._presences, clock=clock)
            for lane in ("urgent", "log")
        }
        self._threads: dict[Lane, ThreadPoolExecutor] = {
            lane: ThreadPoolExecutor(1, thread_name_prefix=f"ingest-{lane}") for lane in ("urgent", "log")
        }
        self._lines: dict[str, _Line] = {}
        self._early: dict[str, Ack] = {}
        self._making = asyncio.Lock()
        self._epoch = ""
        self._patience = Patience(self._announce)
        self._loop = asyncio.get_running_loop()
        orders.on_append = self.order_given
        away = Will(topics.hq_state(worker), b'{"online":false}')
        self._urgent = Wire(
            "urgent",
            broker,
            client_id=f"hq-{worker}-urgent",
            filters=_URGENT_FILTERS,
            take=self._patience.over(self._take_urgent, attempts=ATTEMPTS),
            on_room=lambda: None,
            will=None,
        )
        self._log = Wire(
            "log",
            broker,
            client_id=f"hq-{worker}",
            filters=_LOG_FILTERS,
            take=self._patience.over(self._take_log, attempts=ATTEMPTS),
            on_room=self._wake_senders,
            will=away,
        )

    @property
    def connected(self) -> bool:
        """Whether both connections to the broker are up."""
        return self._urgent.connection is not None and self._log.connection is not None

    async def run(self) -> None:
        """Serve for ever; a cancellation says goodbye."""
        try:
            self._epoch = await self._patience.over(self._epoch_at_start)()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._urgent.run(lambda _: self._announce(), self._on_change))
                group.create_task(self._log.run(lambda _: self._announce(), self._on_change))
                group.create_task(self._every(BEAT_EVERY_S, self._beat))
                group.create_task(self._every(_LOOK_EVERY_S, self._see_to_all))
        finally:
            for line in self._lines.values():
                line.task.cancel()
            for thread in self._threads.values():
                thread.shutdown(wait=False)

    def order_given(self, station: str) -> None:
        """Hear, on any thread, that a station's orders journal has something new."""
        with contextlib.suppress(RuntimeError):  # the loop has closed: the next start finds it in the database
            asyncio.run_coroutine_threadsafe(self._see_to(station), self._loop)

    # -- presence --------------------------------------------------------------------------------------------

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        work = self._patience.over(work)
        while True:
            await asyncio.sleep(seconds)
            await work()

    async def _epoch_at_start(self) -> str:
        return await self._in_thread("log", self._store.epoch_at_start, self._worker, self._clock.wall_ms())

    async def _beat(self) -> None:
        await self._in_thread("log", self._store.beat, self._worker, self._clock.wall_ms())
        epoch = await self._in_thread("log", self._store.epoch)
        self._epoch = epoch or self._epoch
        self._announce()

    async def _see_to_all(self) -> None:
        """Send what another worker or a command ordered, or what we had not sent when we were ended."""
        for station in await self._in_thread("log", self._orders.unacknowledged):
            await self._see_to(station)

    def _announce(self) -> None:
        # Only when what is urgent can be taken too, and committed, are we there for the stations.
        if not self.connected:
            return
        state: dict[str, object] = {"online": False}
        if not self._patience.failing:
            state = {"online": True, "epoch": self._epoch, "time": rfc3339(self._clock.wall_ms())}
        payload = json.dumps(state, separators=(",", ":")).encode()
        self._log.publish(topics.hq_state(self._worker), payload, slot="ack", retain=True)

    # -- what comes ------------------------------------------------------------------------------------------

    async def _in_thread(self, lane: Lane, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads[lane], work, *arguments)

    async def _take_urgent(self, topic: str, payload: bytes) -> None:
        match topics.parse(topic):
            case (station, "up/urgent"):
                ack = await self._in_thread("urgent", self._ingest["urgent"].batch, station, "urgent", payload)
                self._answer(self._urgent, station, ack)
            case _:
                self._store.metrics.refused("foreign-topic")

    async def _take_log(self, topic: str, payload: bytes) -> None:
        ingest = self._ingest["log"]
        match topics.parse(topic):
            case (station, "up/log"):
                ack = await self._in_thread("log", ingest.batch, station, "log", payload)
                self._answer(self._log, station, ack)
            case (station, "state"):
                taken = await self._in_thread("log", ingest.state, station, payload)
                for answer in taken.acks:
                    self._answer(self._log, station, answer)
                if taken.began or taken.ended:
                    await self._session_changed(station)
            case (station, "health"):
                await self._in_thread("log", ingest.health, station, payload)
            case (station, "down/ack"):
                down = await self._in_thread("log", ingest.down_ack, station, payload)
                if down is not None:
                    await self._take_down_ack(station, down)
            case _:  # no station's, or one that a broker should not have sent us
                self._store.metrics.refused("foreign-topic")

    def _answer(self, wire: Wire, station: str, ack: bytes | None) -> None:
        if ack is not None:
            wire.publish(topics.ack(station, "up"), ack, slot="ack")

    # -- orders ----------------------------------------------------------------------------------------------

    def _wake_senders(self) -> None:
        for line in self._lines.values():
            line.sender.wake()

    async def _session_changed(self, station: str) -> None:
        line = self._lines.get(station)
        if line is not None:
            line.sender.session_ended()
            line.session = ""
        early = self._early.pop(station, None)
        if early is not None:
            await self._take_down_ack(station, early)

    async def _take_down_ack(self, station: str, ack: Ack) -> None:
        birth = self._presences.latest(station)
        if birth is None or ack.session != birth.session:
            self._early[station] = ack  # it may have overtaken its birth
            return
        await self._in_thread("log", lambda: self._store.seen(station, received_ms=self._clock.wall_ms()))
        line = await self._line(station, birth.generation)
        kept = line.sender.outbox.kept
        assert kept.generation is not None
        if ack.journal != kept.journal and kept.generation <= birth.generation:
            # The station holds another orders journal, or none, and would not take this one again.
            await self._in_thread("log", self._orders.open_generation, station, birth.generation)
            await line.sender.reopened()
        self._begin(line, ack.session)
        await line.sender.take_ack(ack)

    async def _see_to(self, station: str) -> None:
        """Send what a station's orders journal has that is new, whoever appended it.

        Without the session's down/ack too, if that is overdue: we may have been started anew in the middle of a
        session. Should the station hold another journal, its answer to the first batch says so.
        """
        birth = await self._in_thread("log", self._presences.latest, station)
        if birth is None:
            return
        line = await self._line(station, birth.generation)
        await line.sender.look()
        if line.session != birth.session and self._clock.wall_ms() - birth.received_ms > _DOWN_ACK_DUE_MS:
            self._begin(line, birth.session)

    def _begin(self, line: _Line, session: str) -> None:
        if line.session != session:
            line.session = session
            line.sender.session_began(session)

    async def _line(self, station: str, generation: int) -> _Line:
        async with self._making:  # two at once would send the same orders twice, each with a window of its own
            return self._lines.get(station) or await self._make_line(station, generation)

    async def _make_line(self, station: str, generation: int) -> _Line:
        if self._orders.current(station) is None:
            await self._in_thread("log", self._orders.open_generation, station, generation)
        sender = await Sender.over(
            OrdersJournal(self._orders, station),
            station=station,
            direction="down",
            writer=self._writer,
            publish=lambda topic, payload, *, lane: self._log.publish(topic, payload, slot=lane),
            open_limit=MAX_OPEN_AT_STATION,
            monotonic=asyncio.get_running_loop().time,
            on_close=lambda _cause: None,
            on_progress=lambda: None,
            rng=random.Random(),  # noqa: S311 - it spreads attempts, it guards nothing
        )
        line = self._lines[station] = _Line(sender, asyncio.create_task(_carry(sender), name=f"orders-{station}"))
        return line


async def _carry(sender: Sender) -> None:
    """Keep a sender running while the database comes and goes; `Patience` says so of what has to be written."""
    while True:
        with contextlib.suppress(*FAILURES):
            await sender.run()
        await asyncio.sleep(RETRY_S)
