"""A log worker: one more process that takes stations' log lanes, beside a `jingting hq` that does all the rest.

Workers share the lane by MQTT 5's shared subscriptions. They may take batches of one station at once and in any order:
the station's row is the lock they are settled under. A worker says nothing of headquarters' presence, since alone it
could not take a call for help.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from common.clock import Clock
from hq.ingest import Ingest, Presences
from hq.link import BEAT_EVERY_S, LOG_LANE
from hq.log_batches import LogBatches
from hq.own_keys import OwnKeys
from hq.patience import Patience
from hq.signers import Signers
from hq.station_keys import StationKeys
from hq.store import Store
from hq.wire import ATTEMPTS, Wire
from sync import topics
from sync.broker import Broker
from sync.mqtt_words import Incoming
from sync.signing import SigningKey


class LogWorker:
    """Takes batches and answers them. Keep `run()` alive, on a loop that may wait for the database."""

    def __init__(
        self, *, worker: str, broker: Broker, store: Store, station_keys: Path, keys: OwnKeys[SigningKey], clock: Clock
    ) -> None:
        self._worker = worker
        self._store = store
        self._clock = clock
        ingest = Ingest(
            store,
            keys=StationKeys(station_keys),
            signers=Signers(keys),
            presences=Presences(store),
            clock=clock,
        )
        self._batches = LogBatches(ingest, self._answer)
        self._patience = Patience(lambda: None)
        self._wire = Wire(
            "log",
            broker,
            client_id=f"hq-{worker}-ingest",
            filters=(LOG_LANE,),
            take=self._patience.over(self._take, attempts=ATTEMPTS),
            on_room=lambda: None,
            on_change=lambda: None,
            will=None,
        )

    async def run(self) -> None:
        """Serve for ever."""
        await self._patience.over(self._epoch_at_start)()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wire.run())
            group.create_task(self._beat())

    async def _epoch_at_start(self) -> None:
        self._store.rehearse()
        self._store.epoch_at_start(self._worker, self._clock.wall_ms())

    async def _beat(self) -> None:
        beat = self._patience.over(self._beat_once)
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            await beat()

    async def _beat_once(self) -> None:
        self._store.beat(self._worker, self._clock.wall_ms())

    async def _take(self, messages: Sequence[Incoming]) -> int:
        match topics.parse(messages[0].topic):
            case (_, "up/log"):
                return self._batches.take(messages)
            case _:  # what a broker should not have sent us
                self._store.metrics.refused("foreign-topic")
                return 1

    def _answer(self, station: str, ack: bytes) -> None:
        self._wire.publish(topics.ack(station, "up"), ack, slot="ack")
