"""The station's end of the link: the journal's sender, the sessions that carry it, and where orders go."""

import asyncio
import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from agent.journal import Journal
from agent.orders import OrdersStore
from common.clock import Clock, rfc3339
from common.events import is_urgent_event
from sync.batch import Batch
from sync.broker import Broker
from sync.sender import Sender
from sync.session import OrdersHeld, Sessions
from sync.signed import MAX_OPEN_AT_HQ, Writer
from sync.signing import Keyring, SigningKey
from sync.source import CloseCause
from sync.topics import Lane


class _Stamped(msgspec.Struct):
    time: str
    boot: str
    mono: str


class ReceivedOrders:
    """Received orders as `sync.session.Orders` asks for them; `on_applied` is called when some may have been."""

    def __init__(self, store: OrdersStore, clock: Clock, on_applied: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._on_applied = on_applied

    async def take(self, batch: Batch) -> Literal["stored", "held", "fork", "other-journal"]:
        """Store a batch of orders, and act on what is due."""
        settled = await self._store.take(batch, now_wall_ms=self._clock.wall_ms(), trusted=self._clock.trusted())
        if settled is None:
            return "other-journal"
        if settled.fresh:
            self._on_applied()
        return settled.verdict

    async def held(self) -> OrdersHeld:
        """Return how far the orders journal is held."""
        standing = await self._store.standing()
        return OrdersHeld(standing.journal, standing.standing, standing.chain)

    async def generation(self) -> int:
        """Return the highest generation of an orders journal ever accepted, 0 at first."""
        return (await self._store.standing()).generation


@dataclass(slots=True)
class Wire:
    """Bytes of up/urgent and up/log payloads that were published, repeats included."""

    sessions: Sessions
    carried: int = 0

    def publish(self, topic: str, payload: bytes, *, lane: Lane) -> bool:
        """Give a batch to the session, and count it (the sender's `Publish`)."""
        given = self.sessions.publish(topic, payload, lane=lane)
        self.carried += len(payload) if given else 0
        return given


class Link:
    """A journal on its way to headquarters. Callbacks: `on_change` (what is shown), `on_reopened` (another journal)."""

    def __init__(
        self,
        journal: Journal,
        sender: Sender,
        wire: Wire,
        writer: Writer,
        *,
        clock: Clock,
        on_reopened: Callable[[], None],
    ) -> None:
        self.sender = sender
        self.sessions = sessions = wire.sessions
        self._wire = wire
        self._writer = writer
        self._to_send = sender.outbox.waiting
        self._journal = journal
        self._clock = clock
        self._on_reopened = on_reopened
        self._oldest: tuple[str, int, int | None] = ("", 0, None)
        self._rebirths: set[asyncio.Task[None]] = set()
        sessions.serve(sender)
        journal.on_append = self._appended

    @classmethod
    async def over(
        cls,
        journal: Journal,
        *,
        station: str,
        agent: str,
        broker: Broker,
        key: SigningKey,
        keys: Keyring,
        orders: ReceivedOrders,
        clock: Clock,
        on_change: Callable[[], None],
        on_reopened: Callable[[], None],
    ) -> "Link":
        """Return the link of one journal; both its parts have to be kept running."""
        writer, monotonic = Writer(key), asyncio.get_running_loop().time
        rng = random.Random()  # noqa: S311 - it spreads attempts, it guards nothing
        sessions = Sessions(
            station=station,
            broker=broker,
            writer=writer,
            keys=keys,
            orders=orders,
            agent=agent,
            boot=clock.boot,
            monotonic=monotonic,
            time=lambda: rfc3339(clock.wall_ms()),
            rng=rng,
            on_change=on_change,
        )
        wire = Wire(sessions)
        link: Link | None = None

        def closed(_: CloseCause) -> None:
            assert link is not None
            link.reopened()

        sender = await Sender.over(
            journal,
            station=station,
            direction="up",
            writer=writer,
            publish=wire.publish,
            open_limit=MAX_OPEN_AT_HQ,
            monotonic=monotonic,
            on_close=closed,
            on_progress=on_change,
            rng=rng,
        )
        link = cls(journal, sender, wire, writer, clock=clock, on_reopened=on_reopened)
        return link

    @property
    def wire_bytes(self) -> int:
        """Bytes of the payloads published on up/urgent and up/log since the process started, repeats included."""
        return self._wire.carried

    @property
    def wire_events(self) -> int:
        """Events that headquarters has acknowledged since then."""
        return max(0, self._to_send - self.sender.outbox.waiting)

    @property
    def waiting_since(self) -> int | None:
        """When the oldest event happened that headquarters has not acknowledged, on CLOCK_BOOTTIME (ns); None: none.

        Negative for an event of an earlier boot, reckoned from its wall time. Raises JournalError.
        """
        outbox = self.sender.outbox
        if not outbox.waiting:
            return None
        journal, number = outbox.kept.journal, max(outbox.cursor + 1, outbox.oldest)
        if self._oldest[:2] != (journal, number):
            self._oldest = journal, number, self._journal.query(lambda db: self._happened(db, number))
        return self._oldest[2]

    def _happened(self, connection: sqlite3.Connection, number: int) -> int | None:
        row = connection.execute("SELECT line FROM events WHERE number = ?", (number,)).fetchone()
        if row is None:
            return None
        event = msgspec.json.decode(row[0], type=_Stamped)
        if event.boot == self._clock.boot:
            return int(event.mono)
        happened_ms = datetime.fromisoformat(event.time).timestamp() * 1000
        return self._clock.mono_ns() - max(0, int((self._clock.wall_ms() - happened_ms) * 1_000_000))

    def sign_with(self, key: SigningKey) -> None:
        """Sign with a new key, and begin a new session, whose certificate and will are new too."""
        self._writer.sign_with(key)
        self.sender.signed_with(key.public.id)
        self.sessions.renew()

    def dropped(self, oldest: int) -> None:
        """Hear that the journal keeps nothing below `oldest` any more."""
        self.sender.outbox.pruned(oldest)

    def reopened(self) -> None:
        """Tell headquarters, in the same session, which journal it is now."""
        self._on_reopened()
        task = asyncio.create_task(self.sessions.rebirth(), name="rebirth")
        self._rebirths.add(task)
        task.add_done_callback(self._rebirths.discard)

    def _appended(self, number: int, event_type: str) -> None:
        urgent = is_urgent_event(event_type)
        self._to_send += 1
        self.sender.appended(number, urgent=urgent)
        if urgent and not self.sessions.up:
            self.sessions.hurry()
