"""Headquarters' end of the link: two lanes, each with a connection, a loop and a thread of its own.

What is urgent shares nothing with bulk, so that bulk can neither delay nor drop it. A lane takes a message, commits it
and answers it in one go: its loop waits for the database, and nothing else lives there that could not wait with it.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from common.clock import Clock, rfc3339
from hq.gate import Gate
from hq.ingest import Ingest, Presences
from hq.log_batches import LogBatches
from hq.orders import Orders
from hq.orders_down import OrdersDown
from hq.own_keys import OwnKeys
from hq.own_loop import OwnLoop
from hq.patience import Patience
from hq.signers import Signers
from hq.station_keys import StationKeys
from hq.store import Store
from hq.wire import ATTEMPTS, Wire
from sync import topics
from sync.broker import Broker
from sync.mqtt_words import Incoming, Will
from sync.signing import SigningKey

BEAT_EVERY_S: Final = 60.0
_URGENT_FILTERS: Final = ("jt/1/+/up/urgent",)
LOG_LANE: Final = "$share/hq/jt/1/+/up/log"
"""Of all who subscribe to this, each message reaches one."""
_LOG_FILTERS: Final = (LOG_LANE, "jt/1/+/down/ack", "jt/1/+/state", "jt/1/+/health")


class Link:
    """Takes what stations send and answers it. Keep `run()` alive; `on_change` is called on any thread."""

    def __init__(
        self,
        *,
        worker: str,
        broker: Broker,
        store: Store,
        orders: Orders,
        station_keys: Path,
        own_keys: OwnKeys[SigningKey],
        clock: Clock,
        on_change: Callable[[], None],
    ) -> None:
        self._worker = worker
        self._store = store
        self._clock = clock
        self._on_change = on_change
        self._epoch = ""
        self._urgent_loop, self._log_loop = OwnLoop("ingest-urgent"), OwnLoop("ingest-log")
        self._patience = Patience(self._announce_soon)
        presences, keys = Presences(store), StationKeys(station_keys)
        self._urgent_ingest, self._log_ingest = (
            Ingest(store, keys=keys, signers=Signers(own_keys), presences=presences, clock=clock) for _lane in range(2)
        )
        self._batches = LogBatches(self._log_ingest, lambda station, ack: _answer(self._log, station, ack))
        self._down = OrdersDown(
            store=store,
            orders=orders,
            presences=presences,
            signers=Signers(own_keys),
            clock=clock,
            patience=self._patience,
            publish=self._publish_orders,
        )
        orders.on_append = lambda station: self._log_loop.call(self._down.given, station)
        self._presences = presences
        self._gate = Gate(broker, worker=worker, store=store, patience=self._patience, on_revoked=self._revoked)
        self._urgent = Wire(
            "urgent",
            broker,
            client_id=f"hq-{worker}-urgent",
            filters=_URGENT_FILTERS,
            take=self._patience.over(self._take_urgent, attempts=ATTEMPTS),
            on_room=lambda: None,
            on_change=self._connection_changed,
            will=None,
        )
        self._log = Wire(
            "log",
            broker,
            client_id=f"hq-{worker}",
            filters=_LOG_FILTERS,
            take=self._patience.over(self._take_log, attempts=ATTEMPTS),
            on_room=self._down.wake,
            on_change=self._connection_changed,
            will=Will(topics.hq_state(worker), b'{"online":false}'),
        )

    @property
    def connected(self) -> bool:
        """Whether both connections to the broker are up."""
        return self._urgent.connection is not None and self._log.connection is not None

    @property
    def broker_certificate_ends_s(self) -> int | None:
        """When the broker's certificate ends (Unix seconds), as it showed it last; None before it ever did."""
        return self._urgent.broker_certificate_ends_s

    async def run(self) -> None:
        """Serve for ever; a cancellation says goodbye."""
        self._epoch = await self._patience.over(self._epoch_at_start)()
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(self._log_loop.run(self._serve_log))
            lanes.create_task(self._urgent_loop.run(self._urgent.run))

    async def _serve_log(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._down.run())
            tasks.create_task(self._log.run())
            tasks.create_task(self._beat())
            tasks.create_task(self._gate.run())

    def _revoked(self, station: str) -> None:
        """Forget a station's session: no order goes out in it any more."""
        self._presences.renew(station)
        self._down.revoked(station)
        self._on_change()

    # -- presence --------------------------------------------------------------------------------------------

    async def _epoch_at_start(self) -> str:
        await asyncio.to_thread(self._store.rehearse)
        return await asyncio.to_thread(self._store.epoch_at_start, self._worker, self._clock.wall_ms())

    async def _beat(self) -> None:
        beat = self._patience.over(self._beat_once)
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            await beat()

    async def _beat_once(self) -> None:
        self._store.beat(self._worker, self._clock.wall_ms())
        self._epoch = self._store.epoch() or self._epoch
        self._announce()

    def _connection_changed(self) -> None:
        self._announce_soon()
        self._on_change()

    def _announce_soon(self) -> None:
        self._log_loop.call(self._announce)

    def _announce(self) -> None:
        # Only when what is urgent can be taken too, and committed, are we there for the stations.
        if not self.connected:
            return
        state: dict[str, object] = {"online": False}
        if not self._patience.failing:
            state = {"online": True, "epoch": self._epoch, "time": rfc3339(self._clock.wall_ms())}
        payload = json.dumps(state, separators=(",", ":")).encode()
        self._log.publish(topics.hq_state(self._worker), payload, slot="ack", retain=True)

    def _publish_orders(self, topic: str, payload: bytes, *, lane: topics.Lane) -> bool:
        return self._log.publish(topic, payload, slot=lane)

    # -- what comes ------------------------------------------------------------------------------------------

    async def _take_urgent(self, messages: Sequence[Incoming]) -> int:
        message = messages[0]
        match topics.parse(message.topic):
            case (station, "up/urgent"):
                ack = self._urgent_ingest.batch(station, "urgent", message.payload)
                if ack is not None:
                    _answer(self._urgent, station, ack)
            case _:
                self._store.metrics.refused("foreign-topic")
        return 1

    async def _take_log(self, messages: Sequence[Incoming]) -> int:
        ingest, payload = self._log_ingest, messages[0].payload
        match topics.parse(messages[0].topic):
            case (_, "up/log"):
                return self._batches.take(messages)
            case (station, "state"):
                taken = ingest.state(station, payload)
                for answer in taken.acks:
                    _answer(self._log, station, answer)
                if taken.began or taken.ended:
                    await self._down.session_changed(station)
            case (station, "health"):
                ingest.health(station, payload)
            case (station, "down/ack"):
                down = ingest.down_ack(station, payload)
                if down is not None:
                    await self._down.take_ack(station, down)
            case _:  # no station's, or one that a broker should not have sent us
                self._store.metrics.refused("foreign-topic")
        return 1


def _answer(wire: Wire, station: str, ack: bytes) -> None:
    wire.publish(topics.ack(station, "up"), ack, slot="ack")
