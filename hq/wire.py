"""A lasting MQTT connection of headquarters': made again whenever it is lost.

A message's PUBACK waits until it was taken, so the broker, not our memory, holds what we cannot yet take.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from hq.database import FAILURES
from sync.backoff import Backoff
from sync.broker import Broker
from sync.connection import Connection, Slot
from sync.mqtt_words import TAKEN_OVER, BrokerRefusedError, BrokerUnreachableError, Incoming, Will

log = logging.getLogger(__name__)

ATTEMPTS: Final = 10
"""How often the database may refuse a message before we connect anew: then the broker forgets that message, so none
can stand in the way for ever; its station sends it again, and the broker what is retained."""
_MOST_TURNS: Final = 32
"""How many turns of the loop are given, after a message, to those behind it."""
_SLOTS: Final[dict[Slot, int]] = {"urgent": 256, "log": 256, "ack": 4096}


class Wire:
    """A connection to the broker, made again whenever it is lost; everything belongs to the loop that runs it.

    `take(messages)` gets all that wait, the oldest first and never none, and returns how many of these it has taken: at
    least one. While it takes them, more may come in behind. `on_room` tells that there is room to publish again,
    `on_change` that the connection has come or gone. `broker_certificate_ends_s` (Unix seconds) is of the last one.
    """

    def __init__(
        self,
        name: str,
        broker: Broker,
        *,
        client_id: str,
        filters: tuple[str, ...],
        take: Callable[[Sequence[Incoming]], Awaitable[int]],
        on_room: Callable[[], None],
        on_change: Callable[[], None],
        will: Will | None,
    ) -> None:
        self.connection: Connection | None = None
        self.broker_certificate_ends_s: int | None = None
        self._name = name
        self._broker = broker
        self._client_id = client_id
        self._filters = filters
        self._take = take
        self._on_room = on_room
        self._on_change = on_change
        self._will = will
        self._backoff = Backoff(random.Random())  # noqa: S311 - it spreads attempts, it guards nothing
        self._inbox: deque[Incoming] = deque()
        self._filled = asyncio.Event()

    async def run(self) -> None:
        """Hold a connection for ever."""
        told = False
        while True:
            try:
                await self._hold()
                told = False
            except (BrokerUnreachableError, BrokerRefusedError) as error:
                self._backoff.failed()
                if not told:
                    log.warning("No %s connection to the broker: %s", self._name, error)
                told = True
            except FAILURES:  # `Patience` has said so
                self._backoff.failed()
            await asyncio.sleep(min(5.0, self._backoff.delay(urgent=True)))

    async def _hold(self) -> None:
        self._inbox = deque()  # what the broker had not heard a PUBACK for, it sends again
        self._filled.clear()
        connection = Connection(
            self._broker,
            client_id=self._client_id,
            will=self._will,
            on_message=self._arrived,
            on_room=self._on_room,
            keep_session=False,
            hold_pubacks=True,
            slots=_SLOTS,
        )
        await connection.open()
        loop = asyncio.get_running_loop()
        opened = loop.time()
        reader: asyncio.Task[None] | None = None
        try:
            await connection.subscribe(self._filters)
            self.connection = connection
            self.broker_certificate_ends_s = connection.broker_certificate_ends_s
            reader = asyncio.create_task(self._read(connection), name=f"hq-{self._name}")
            log.info("The %s connection to the broker is up.", self._name)
            self._on_change()
            waited: set[asyncio.Future[Any]] = {connection.ended, reader}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if reader.done():
                reader.result()
            ending = connection.ended.result()
            log.warning("The %s connection to the broker was lost: %s", self._name, ending.reason)
        finally:
            self.connection = None
            if reader is not None:
                reader.cancel()
            await connection.close(self._will)
            self._on_change()
        lasted = loop.time() - opened
        self._backoff.ended(lasted=lasted, by_broker=ending.by_broker, taken_over=ending.code == TAKEN_OVER)

    def _arrived(self, message: Incoming) -> None:
        self._inbox.append(message)
        self._filled.set()

    async def _read(self, connection: Connection) -> None:
        while True:
            await self._filled.wait()
            for _ in range(await self._take(self._inbox)):
                connection.puback(self._inbox.popleft())
            if not self._inbox:
                self._filled.clear()
            await self._listen()

    async def _listen(self) -> None:
        """Let in what came meanwhile, and others who live on this loop: an event that is set makes nobody wait."""
        for _ in range(_MOST_TURNS):
            before = len(self._inbox)
            await asyncio.sleep(0)
            if len(self._inbox) == before:
                return

    def publish(self, topic: str, payload: bytes, *, slot: Slot, retain: bool = False) -> bool:
        """Publish on this connection, if it is there and has room."""
        return self.connection is not None and self.connection.publish(topic, payload, slot=slot, retain=retain)
