"""Orders on their way down: a sender a station, from the orders journal in the database to the station's acks."""

import asyncio
import contextlib
import logging
import random
from dataclasses import dataclass
from functools import partial
from typing import Final

from common.clock import Clock
from hq.content_feed import AHEAD, ContentFeed
from hq.database import FAILURES
from hq.ingest import Presences
from hq.orders import Orders
from hq.orders_journal import OrdersJournal
from hq.patience import RETRY_S, Patience
from hq.signers import Signers, StationSigner
from hq.store import Store
from hq.turns import Turns
from sync import base64url
from sync.receiver import Ack
from sync.sender import Publish, Sender
from sync.signed import MAX_OPEN_AT_STATION

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 5.0
_DOWN_ACK_DUE_MS: Final = 5_000
"""How long after a birth its down/ack may take before orders are sent without it (wall clock: it only delays)."""


@dataclass(slots=True)
class _Line:
    """One station's orders; `session` is the one they are sent in, "" for none."""

    sender: Sender
    session: str = ""


class OrdersDown:
    """The senders of orders. Keep `run()` alive; everything belongs to its loop, and waits for the database there."""

    def __init__(
        self,
        *,
        store: Store,
        orders: Orders,
        presences: Presences,
        signers: Signers,
        clock: Clock,
        patience: Patience,
        publish: Publish,
    ) -> None:
        self._store = store
        self._orders = orders
        self._presences = presences
        self._signers = signers
        self._clock = clock
        self._turns = Turns(publish, lambda station: self._lines[station].sender.wake())
        self._content = ContentFeed(store.database, orders, clock)
        self._hungry: set[str] = set()
        self._look = patience.over(self._see_to_all)
        self._tasks = asyncio.TaskGroup()
        self._making = asyncio.Lock()
        self._lines: dict[str, _Line] = {}
        self._early: dict[str, Ack] = {}

    async def run(self) -> None:
        """Send what another worker or a command ordered, or what we had not sent when we were ended, for ever."""
        async with self._tasks:
            while True:
                await asyncio.sleep(_LOOK_EVERY_S)
                self._turns.everybody()
                await self._look()

    def wake(self) -> None:
        """Go on: the connection has room again."""
        self._turns.room()

    def given(self, station: str) -> None:
        """Hear that a station's orders journal has something new."""
        self._tasks.create_task(self._see_to_new(station))

    async def session_changed(self, station: str) -> None:
        """Hear that a station's session began or ended."""
        line = self._lines.get(station)
        if line is not None:
            line.sender.session_ended()
            line.session = ""
        early = self._early.pop(station, None)
        if early is not None:
            await self.take_ack(station, early)

    def revoked(self, station: str) -> None:
        """Hear that a station is revoked: nothing more is sent to it."""
        self._early.pop(station, None)
        line = self._lines.get(station)
        if line is not None:
            line.sender.session_ended()
            line.session = ""

    async def take_ack(self, station: str, ack: Ack) -> None:
        """Act on a station's verified ack of orders."""
        birth = self._presences.latest(station)
        if birth is None or ack.session != birth.session:
            self._early[station] = ack  # it may have overtaken its birth
            return
        self._store.seen(station, received_ms=self._clock.wall_ms())
        if ack.rejected is not None and ack.rejected.reason == "unknown-key":
            self._heed_unknown_key(station, ack.rejected.signer)
        line = await self._line(station, birth.generation)
        kept = line.sender.outbox.kept
        assert kept.generation is not None
        had_it = line.sender.outbox.cursor > 0
        if ack.journal != kept.journal and (had_it or kept.generation <= birth.generation):
            # The station holds another orders journal, or none: it would not take this one again, or it had it and
            # has lost everything, and needs to be told what holds.
            self._orders.open_generation(station, birth.generation)
            await line.sender.reopened()
        self._begin(line, ack.session)
        await line.sender.take_ack(ack)
        if line.sender.outbox.waiting == 0 and station not in self._hungry:
            # No further ack may come for months, and what a station holds whole is begun anew by its age.
            await line.sender.remember()
        await self._feed(station, line)

    def _heed_unknown_key(self, station: str, key_id: bytes | None) -> None:
        """Sign with the newest key for a station that does not know ours: headquarters went back to an older copy."""
        if key_id is not None and key_id == self._store.order_key(station):
            log.warning("%s does not know our key %s: we sign with the newest.", station, base64url.encode(key_id))
            self._store.sign_with_newest(station)

    async def _see_to_all(self) -> None:
        self._hungry = self._content.hungry()
        for station in self._hungry | set(self._orders.unacknowledged()):
            await self._see_to(station)

    async def _see_to_new(self, station: str) -> None:
        with contextlib.suppress(*FAILURES):  # the next look finds it, and says so if it still fails
            await self._see_to(station)

    async def _see_to(self, station: str) -> None:
        """Send what a station's orders journal has that is new, whoever appended it.

        Without the session's down/ack too, if that is overdue: we may have been started anew in the middle of a
        session. Should the station hold another journal, its answer to the first batch says so.
        """
        birth = self._presences.latest(station)
        if birth is None:
            return
        line = await self._line(station, birth.generation)
        await line.sender.look()
        if line.session != birth.session and self._clock.wall_ms() - birth.received_ms > _DOWN_ACK_DUE_MS:
            self._begin(line, birth.session)
        await self._feed(station, line)

    async def _feed(self, station: str, line: _Line) -> None:
        """Let a station have the next of the content it shall have, if it waits for little else."""
        outbox = line.sender.outbox
        while station in self._hungry and line.session and outbox.waiting < AHEAD:
            if not self._content.feed(station, acked=outbox.cursor):
                return
            await line.sender.look()

    def _begin(self, line: _Line, session: str) -> None:
        if line.session != session:
            line.session = session
            line.sender.session_began(session)

    async def _line(self, station: str, generation: int) -> _Line:
        async with self._making:  # two at once would send the same orders twice, each with a window of its own
            return self._lines.get(station) or await self._make_line(station, generation)

    async def _make_line(self, station: str, generation: int) -> _Line:
        if self._orders.current(station) is None:
            self._orders.open_generation(station, generation)
        sender = await Sender.over(
            OrdersJournal(self._orders, station),
            station=station,
            direction="down",
            writer=StationSigner(self._signers, self._store, station),
            publish=partial(self._turns.publish, station),
            open_limit=MAX_OPEN_AT_STATION,
            monotonic=asyncio.get_running_loop().time,
            on_close=lambda _cause: None,
            on_progress=lambda: None,
            rng=random.Random(),  # noqa: S311 - it spreads attempts, it guards nothing
        )
        line = self._lines[station] = _Line(sender)
        self._tasks.create_task(_carry(sender), name=f"orders-{station}")
        return line


async def _carry(sender: Sender) -> None:
    """Keep a sender running while the database comes and goes; `Patience` says so of what has to be written."""
    while True:
        with contextlib.suppress(*FAILURES):
            await sender.run()
        await asyncio.sleep(RETRY_S)
