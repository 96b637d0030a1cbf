"""A station's sessions, one after the other: connect, birth, send and receive, farewell (`docs/link.md`).

A session begins with a birth, and a new session always means a new MQTT connection, so that the will names it.
"""

import asyncio
import json
import logging
import random
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from sync import topics
from sync.backoff import Backoff
from sync.batch import Batch, Standing
from sync.broker import Broker
from sync.connection import Connection
from sync.mqtt_words import TAKEN_OVER, BrokerRefusedError, BrokerUnreachableError, Ending, Incoming, Will
from sync.receiver import ack_header, read_ack, read_batch
from sync.renewal import Renewal
from sync.sender import Sender
from sync.signed import MAX_OPEN_AT_STATION, Kind, Refusal, Unknown, Writer, open_message
from sync.signing import Keyring
from sync.strict_json import parse_object

log = logging.getLogger(__name__)

_DOWN_ACK_EVERY_S: Final = 60.0
_LOOK_EVERY_S: Final = 5.0
_LOG_HELD_S: Final = 180.0
"""How long the log lane keeps still once a takeover is suspected."""
_INBOX: Final = 64
"""Messages waiting to be read; what comes beyond is dropped, and its sender resends."""


@dataclass(frozen=True, slots=True)
class OrdersHeld:
    """The orders journal as this station holds it; all empty where it holds none."""

    journal: str | None
    standing: Standing
    chain: bytes | None


class Orders(Protocol):
    """Where received orders go; the station's database is behind it."""

    async def take(self, batch: Batch) -> Literal["stored", "held", "fork", "other-journal"]:
        """Store a batch of orders, and act on what is due."""

    async def held(self) -> OrdersHeld:
        """Return how far the orders journal is held."""

    async def generation(self) -> int:
        """Return the highest generation of an orders journal ever accepted, 0 at first."""


class Sessions:
    """The station's end of the link. Keep `run()` alive; `publish` is the sender's way out."""

    def __init__(
        self,
        *,
        station: str,
        broker: Broker,
        writer: Writer,
        keys: Keyring,
        orders: Orders,
        agent: str,
        boot: str,
        monotonic: Callable[[], float],
        time: Callable[[], str],
        rng: random.Random,
        on_change: Callable[[], None],
    ) -> None:
        self._station = station
        self._broker = broker
        self._writer = writer
        self._keys = keys
        self._orders = orders
        self._agent = agent
        self._boot = boot
        self._monotonic = monotonic
        self._time = time
        self._rng = rng
        self._on_change = on_change
        self._backoff = Backoff(rng)
        self._sender: Sender | None = None
        self._connection: Connection | None = None
        self._session = ""
        self._protocol5 = True
        self._renewal = Renewal(rng)
        self._down_ack_until_heard = True
        self._inbox: asyncio.Queue[Incoming] = asyncio.Queue(_INBOX)
        self._stopping = asyncio.Event()
        self._moved = asyncio.Event()
        self._over: Broker | None = None
        self._retry = asyncio.Event()
        self.heard = False
        """Whether headquarters' signed word has come over the broker in use, since it is that one."""
        self.refused: Counter[str] = Counter()
        """Messages not acted on, by reason."""
        self.on_time: Callable[[str], None] | None = None
        """Hears the time in each ack of the current session, as headquarters signed it."""

    # -- what others see -------------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Whether a session is open."""
        return self._connection is not None

    @property
    def takeover_suspected(self) -> bool:
        """Whether somebody else seems to use this station's name."""
        return self._backoff.suspected

    def serve(self, sender: Sender) -> None:
        """Carry this sender's messages."""
        self._sender = sender

    def publish(self, topic: str, payload: bytes, *, lane: topics.Lane) -> bool:
        """Give a batch to the connection (the sender's `Publish`)."""
        return self._connection is not None and self._connection.publish(topic, payload, slot=lane)

    def health(self, sample: dict[str, Any], *, urgent: bool) -> None:
        """Publish a health sample: a hint, unless a call rings that could not be recorded."""
        if self._connection is None:
            return
        payload = json.dumps(sample, separators=(",", ":"), ensure_ascii=False).encode()
        if urgent:
            self._connection.publish(topics.health(self._station), payload, slot="urgent")
        else:
            self._connection.hint(topics.health(self._station), payload)

    def hurry(self) -> None:
        """Connect soon: something urgent waits."""
        self._retry.set()

    async def rebirth(self) -> None:
        """Say in the same session that the journal is another one now."""
        if self._connection is not None:
            await self._birth(self._connection)

    def renew(self) -> None:
        """Begin a new session soon: what a connection begins with (certificate, will) is not what it was."""
        self._renewal.ask(self._monotonic())
        self._retry.set()

    def move(self, broker: Broker) -> None:
        """Use this broker from now on: a session with another one ends at once, with its farewell."""
        if broker != self._broker:
            self._broker, self.heard, self._protocol5 = broker, False, True
            self._backoff = Backoff(self._rng)  # what became of sessions elsewhere tells nothing of this one
            self._moved.set()
            self._retry.set()

    def stop(self) -> None:
        """End the session with a farewell, and `run()` with it."""
        self._stopping.set()

    # -- one session after the other -------------------------------------------------------------------------

    async def run(self) -> None:
        """Hold sessions until `stop()`."""
        told = False
        while not self._stopping.is_set():
            try:
                ending = await self._session_or_move()
                if ending is None:
                    continue
            except BrokerRefusedError as error:
                if error.needs_older_protocol and self._protocol5:
                    self._protocol5 = False
                    continue
                self._backoff.failed()
                told = self._tell(told, f"the broker refuses us: {error}")
            except BrokerUnreachableError as error:
                self._backoff.failed()
                told = self._tell(told, f"no connection to the broker: {error}")
            else:
                told = False
                if ending.by_broker:
                    log.warning("The link is down (%s); events wait in the journal.", ending.reason)
            if not self._stopping.is_set():
                await self._pause()

    def _tell(self, told: bool, text: str) -> bool:  # noqa: FBT001
        if not told:
            log.warning("The link is down, %s; events wait in the journal.", text)
        return True

    async def _pause(self) -> None:
        delay = self._backoff.delay(urgent=self._urgent_waits())
        self._retry.clear()
        waits = [asyncio.ensure_future(event.wait()) for event in (self._stopping, self._retry)]
        try:
            done, _ = await asyncio.wait(waits, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if waits[1] in done and not self._stopping.is_set():
            rest = min(delay, self._backoff.delay(urgent=True))
            with_stop = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait({with_stop}, timeout=rest)
            with_stop.cancel()

    def _urgent_waits(self) -> bool:
        return self._sender is not None and self._sender.outbox.urgent_waiting

    async def _session_or_move(self) -> Ending | None:
        """Hold a session until it has ended, or until another broker is to be used: then return None."""
        self._moved.clear()
        session = asyncio.create_task(self._hold_session(), name="link-session")
        moved = asyncio.create_task(self._moved.wait())
        try:
            await asyncio.wait({session, moved}, return_when=asyncio.FIRST_COMPLETED)
            return session.result() if session.done() else None
        finally:
            moved.cancel()
            session.cancel()
            await asyncio.wait({session})
            if not session.cancelled():
                session.exception()  # where it was moved while it failed, nobody asks

    async def _hold_session(self) -> Ending:
        self._over = self._broker
        self._session = secrets.token_urlsafe(12)
        farewell = {"kind": "farewell", "station": self._station, "session": self._session}
        will = Will(topics.state(self._station), self._writer.write(farewell))
        connection = Connection(
            self._broker,
            client_id=self._station,
            will=will,
            on_message=self._receive,
            on_room=self._room,
            protocol5=self._protocol5,
        )
        await connection.open()
        opened = self._monotonic()
        reader: asyncio.Task[None] | None = None
        try:
            await connection.subscribe(
                [
                    topics.ack(self._station, "up"),
                    topics.lane(self._station, "down", "urgent"),
                    topics.lane(self._station, "down", "log"),
                    topics.HQ_STATE,
                ]
            )
            await self._birth(connection)
            self._connection = connection
            self._down_ack_until_heard = True
            if self._sender is not None:
                if self._backoff.suspected:
                    self._sender.outbox.hold_log(self._monotonic() + _LOG_HELD_S)
                self._sender.session_began(self._session)
            reader = asyncio.create_task(self._read(), name="link-reader")
            log.info("The link is up.")
            self._on_change()
            ending = await self._until_over(connection, reader)
        except BrokerUnreachableError:
            if not connection.ended.done():
                raise
            ending = connection.ended.result()  # accepted, and kicked before it answered the subscription
        finally:
            self._connection = None
            if self._sender is not None:
                self._sender.session_ended()
            if reader is not None:
                reader.cancel()
            await connection.close(will)
            self._on_change()
        self._backoff.ended(
            lasted=self._monotonic() - opened, by_broker=ending.by_broker, taken_over=ending.code == TAKEN_OVER
        )
        return ending

    async def _until_over(self, connection: Connection, reader: asyncio.Task[None]) -> Ending:
        """Wait for the session's end, repeating the down/ack until HQ is heard, and renewing it when that is due."""
        await self._down_ack(None)
        next_ack = self._monotonic() + _DOWN_ACK_EVERY_S
        stopping = asyncio.ensure_future(self._stopping.wait())
        waited: set[asyncio.Future[Any]] = {connection.ended, stopping, reader}
        try:
            while True:
                await asyncio.wait(waited, timeout=_LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                now = self._monotonic()
                if connection.ended.done():
                    return connection.ended.result()
                if reader.done():
                    reader.result()
                if stopping.done():
                    return Ending(by_broker=False, code=0, reason="stopping")
                if self._renewal.due(now):
                    return Ending(by_broker=False, code=0, reason="a new session is due")
                if self._sender is not None and self._sender.outbox.overdue(now):
                    return Ending(by_broker=False, code=0, reason="headquarters is online but does not answer")
                if self._down_ack_until_heard and now >= next_ack:
                    next_ack = now + _DOWN_ACK_EVERY_S
                    await self._down_ack(None)
        finally:
            stopping.cancel()

    async def _birth(self, connection: Connection) -> None:
        assert self._sender is not None
        outbox = self._sender.outbox
        birth = {
            "kind": "birth",
            "station": self._station,
            "session": self._session,
            "boot": self._boot,
            "journal": outbox.kept.journal,
            "oldest": outbox.oldest,
            "head": outbox.head,
            "generation": await self._orders.generation(),
            "agent": self._agent,
            "time": self._time(),
        }
        connection.publish(topics.state(self._station), self._writer.write(birth), slot="ack", retain=True)

    # -- what comes ------------------------------------------------------------------------------------------

    def _room(self) -> None:
        if self._sender is not None:
            self._sender.wake()

    def _receive(self, message: Incoming) -> None:
        try:
            self._inbox.put_nowait(message)
        except asyncio.QueueFull:
            self.refused["overflow"] += 1

    async def _read(self) -> None:
        while True:
            message = await self._inbox.get()
            worker = topics.parse_hq_state(message.topic)
            if worker is not None:
                self._take_presence(worker, message)
                continue
            try:
                await self._take(message)
            except Unknown:
                self.refused["unknown"] += 1
            except Refusal as refusal:
                self.refused[refusal.reason] += 1

    async def _take(self, message: Incoming) -> None:
        place = topics.parse(message.topic)
        if place is None or place[0] != self._station or self._sender is None:
            self.refused["foreign-topic"] += 1
            return
        kinds: frozenset[Kind] = frozenset({"ack"}) if place[1] == "up/ack" else frozenset({"batch"})
        try:
            opened = open_message(
                message.payload, station=self._station, kinds=kinds, limit=MAX_OPEN_AT_STATION, keys=self._keys
            )
            if kinds == {"ack"}:
                ack = read_ack(opened)
                self.heard |= ack.session == self._session and self._over is self._broker
                told = opened.header.get("time")
                if self.on_time is not None and ack.session == self._session and isinstance(told, str):
                    self.on_time(told)
                if self._down_ack_until_heard and ack.session == self._session:
                    # Headquarters is there now. It may not have been when this session's down/ack went out, and
                    # sends no orders before it has heard one.
                    self._down_ack_until_heard = False
                    await self._down_ack(None)
                # Shielded: a journal that it closes is closed, whether or not this session lives to see it.
                await asyncio.shield(self._sender.take_ack(ack))
                return
            batch = read_batch(opened, lane="urgent" if place[1] == "down/urgent" else "log")
        except Refusal as refusal:
            if kinds == {"batch"}:
                await self._down_ack(refusal)
            raise
        verdict = await self._orders.take(batch)
        self._down_ack_until_heard = False
        fork = Refusal("fork", "another line is held", header=opened.header) if verdict == "fork" else None
        await self._down_ack(fork)
        if fork is not None:
            raise fork

    async def _down_ack(self, refusal: Refusal | None) -> None:
        held = await self._orders.held()
        header = ack_header(
            station=self._station,
            session=self._session,
            time=self._time(),
            journal=held.journal,
            standing=held.standing,
            chain=held.chain,
            refusal=refusal,
        )
        if self._connection is not None:
            self._connection.publish(topics.ack(self._station, "down"), self._writer.write(header), slot="ack")

    def _take_presence(self, worker: str, message: Incoming) -> None:
        try:
            state = parse_object(message.payload)
        except ValueError:
            self.refused["malformed"] += 1
            return
        now = self._monotonic()
        online, epoch = state.get("online") is True, state.get("epoch")
        if self._sender is not None and not message.retained:
            self._sender.outbox.hint(worker, now, online=online)
            self._sender.wake()
            self._on_change()
        if isinstance(epoch, str) and online:
            self._renewal.saw(epoch, now, retained=message.retained)
