"""The sender: carries a journal to its receiver by doing what the lanes say.

It reads from a `Source`, signs, and hands bytes to whoever publishes; it hears acks. The same sender serves the station
(its journal, upwards) and headquarters (a station's orders, downwards).
"""

import asyncio
import contextlib
import hashlib
import logging
import random
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from sync import base64url, topics
from sync.batch import Line, chain_next, chain_start
from sync.lanes import Outbox
from sync.receiver import Ack, check_line
from sync.signed import MAX_WIRE, Signer
from sync.source import CloseCause, Kept, Source
from sync.topics import Direction, Lane
from sync.verdict import Accepted, Close, Plan, Rehash, Suspect

log = logging.getLogger(__name__)

_HEADER_ROOM: Final = 1024
"""Bytes of a message that its header and signature may take, beside the lines."""
_FIRST_RATIO: Final = 0.4
"""What part of lines the wire is thought to carry before a batch has shown it; one that does not fit is cut."""
_REMEMBER_EVERY_S: Final = 5.0
_REHASH_LINES: Final = 1024


class Publish(Protocol):
    """Gives a message to the connection; False when it has no room now (the sender is woken when it has)."""

    def __call__(self, topic: str, payload: bytes, *, lane: Lane) -> bool:
        """Publish with QoS 1, or say that there is no room."""


class Sender:
    """One journal on its way up or down. Create with `Sender.over(source, …)`, keep `run()` alive, feed it facts."""

    def __init__(
        self,
        source: Source,
        outbox: Outbox,
        *,
        station: str,
        direction: Direction,
        writer: Signer,
        publish: Publish,
        open_limit: int,
        monotonic: Callable[[], float],
        on_close: Callable[[CloseCause], None],
        on_progress: Callable[[], None],
    ) -> None:
        self._source = source
        self.outbox = outbox
        self._station = station
        self._direction: Direction = direction
        self._writer = writer
        self._publish = publish
        self._open_limit = open_limit
        self._monotonic = monotonic
        self._on_close = on_close
        self._on_progress = on_progress
        self._woken = asyncio.Event()
        self._ratio = _FIRST_RATIO
        self._remembered = outbox.kept.cursor
        self._remembered_at = 0.0
        self._acks = asyncio.Lock()

    @classmethod
    async def over(
        cls,
        source: Source,
        *,
        station: str,
        direction: Direction,
        writer: Signer,
        publish: Publish,
        open_limit: int,
        monotonic: Callable[[], float],
        on_close: Callable[[CloseCause], None],
        on_progress: Callable[[], None],
        rng: random.Random,
    ) -> "Sender":
        """Return a sender over `source`, standing where the source last remembered."""
        kept = await source.kept()
        outbox = Outbox(kept, await source.urgent(0), key_id=writer.key_id, rng=rng)
        return cls(
            source,
            outbox,
            station=station,
            direction=direction,
            writer=writer,
            publish=publish,
            open_limit=open_limit,
            monotonic=monotonic,
            on_close=on_close,
            on_progress=on_progress,
        )

    # -- facts -----------------------------------------------------------------------------------------------

    def signed_with(self, key_id: bytes) -> None:
        """Hear that what goes out is signed with another key from now on."""
        self.outbox.key_id, self.outbox.key_refused = key_id, False
        self.wake()

    def wake(self) -> None:
        """Look again what there is to send."""
        self._woken.set()

    def appended(self, number: int, *, urgent: bool) -> None:
        """Hear of a new event."""
        self.outbox.appended(number, urgent=urgent)
        self.wake()

    def session_began(self, session: str) -> None:
        """Begin to send in this session."""
        self.outbox.session_began(session, self._monotonic())
        self.wake()

    def session_ended(self) -> None:
        """Stop sending until the next session."""
        self.outbox.session_ended()

    async def reopened(self) -> None:
        """Go on with the journal that the source keeps now (it was closed or replaced)."""
        kept = await self._source.kept()
        self.outbox.journal_opened(kept, await self._source.urgent(0))
        self._remembered = kept.cursor
        self.wake()

    async def look(self) -> None:
        """Look into the source for what somebody else appended, or for another journal in place of this one."""
        kept = await self._source.kept()
        if kept.journal != self.outbox.kept.journal:
            await self.reopened()
            return
        head = self.outbox.head
        urgent = set(await self._source.urgent(head)) if kept.head > head else set()
        for number in range(head + 1, kept.head + 1):
            self.appended(number, urgent=number in urgent)

    # -- sending ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send what is to be sent, for ever."""
        while True:
            self._woken.clear()
            step = self.outbox.next(self._monotonic())
            if isinstance(step, Plan):
                if await self._send(step):
                    continue
                step = float("inf")  # no room on the connection: it wakes us when there is
            # Not wait_for: until Python 3.12 it loses a cancellation that comes together with what is waited for.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if step == float("inf") else step):
                    await self._woken.wait()

    async def _send(self, plan: Plan) -> bool:
        """Carry out a plan; False when the connection has no room."""
        # Half the limit on lines leaves room for what compression may not save; a line alone always fits.
        wanted = int(min(plan.wire / self._ratio, MAX_WIRE / self._ratio, self._open_limit)) - _HEADER_ROOM
        lines = await self._source.read(plan.first, count=plan.count, size=max(1, wanted))
        prev = await self._source.chain(plan.first - 1)
        if plan.epoch != self.outbox.epoch:
            return True
        if not lines or prev is None:
            kept = await self._source.kept()
            if kept.journal != self.outbox.kept.journal:
                await self.reopened()
            self.outbox.pruned(kept.oldest)
            return True
        payload, count = self._fit(plan, lines, prev)
        if not self._publish(topics.lane(self._station, self._direction, plan.lane), payload, lane=plan.lane):
            return False
        self.outbox.sent(plan, last=plan.first + count - 1, size=len(payload), now=self._monotonic())
        return True

    def _fit(self, plan: Plan, lines: Sequence[Line], prev: bytes) -> tuple[bytes, int]:
        """Cut a batch until it fits the window, and learn how well these lines compress."""
        count = len(lines)
        budget = min(MAX_WIRE, max(plan.wire, 1))
        while True:
            kept = self.outbox.kept
            header: dict[str, object] = {
                "kind": "batch",
                "station": self._station,
                "journal": kept.journal,
                "first": plan.first,
                "count": count,
                "oldest": self.outbox.oldest,
                "prev": base64url.encode(prev),
                "chain": base64url.encode(lines[count - 1].chain),
            }
            if kept.generation is not None:
                header["generation"] = kept.generation
            payload = self._writer.write(header, [line.line for line in lines[:count]])
            if len(payload) <= budget or count == 1:
                plain = sum(len(line.line) for line in lines[:count])
                if count > 1:
                    self._ratio = min(1.0, max(0.05, (self._ratio + len(payload) / plain) / 2))
                return payload, count
            count = max(1, min(count - 1, count * budget // len(payload)))

    # -- acks ------------------------------------------------------------------------------------------------

    async def take_ack(self, ack: Ack) -> None:
        """Act on a verified ack for this station and direction."""
        async with self._acks:  # one after the other: each looks into the source before it decides
            if ack.journal != self.outbox.kept.journal:
                if ack.journal is not None and self.outbox.in_session(ack.session):
                    await self._recall(ack.journal, ack.cursor)
                return
            own_chain = chain_start(ack.journal) if ack.end == 0 else await self._source.chain(ack.end)
            verdict = self.outbox.acked(ack, own_chain=own_chain, now=self._monotonic())
            match verdict:
                case Accepted():
                    await self._remember(verdict)
                case Close():
                    await self._close(verdict)
                case Suspect():
                    await self._examine(verdict)
                case Rehash():
                    await self._rehash(verdict)
                case _:
                    return
        self.wake()
        self._on_progress()

    async def remember(self) -> None:
        """Write the cursor down now, as at a clean stop."""
        if self.outbox.cursor != self._remembered:
            self._remembered = self.outbox.cursor
            await self._source.acknowledged(self._remembered)

    async def _remember(self, accepted: Accepted) -> None:
        # A cursor that fell is written at once: remembered too high, it would hide lines from a later rescue. One
        # that rose may wait: remembered too low, it only makes some lines travel twice.
        now = self._monotonic()
        if accepted.after < self._remembered or (
            accepted.after != self._remembered and now - self._remembered_at >= _REMEMBER_EVERY_S
        ):
            self._remembered_at = now
            await self.remember()

    async def _recall(self, journal: str, cursor: int) -> None:
        before = self.outbox.head
        await self._source.recall(journal, cursor)
        for number in await self._source.urgent(before):
            self.outbox.appended(number, urgent=True)
        self.wake()

    async def _close(self, close: Close) -> None:
        log.error("Headquarters disagrees with this journal (%s); going on in a new one.", close.cause)
        await self._source.close(close.cause, close.last_common)
        await self.reopened()
        self._on_close(close.cause)

    async def _examine(self, suspect: Suspect) -> None:
        lines = await self._source.read(suspect.number, count=1, size=1)
        if not lines:
            return
        line = lines[0].line
        try:
            check_line(line)
        except ValueError:
            ours = True
        else:
            ours = suspect.sha256 is not None and suspect.sha256 == hashlib.sha256(line).digest()
        if ours:
            log.error("Event %d can never be sent; it is withheld.", suspect.number)
            await self._source.withhold(suspect.number)
            self.outbox.withheld(suspect.number)

    async def _rehash(self, rehash: Rehash) -> None:
        kept: Kept = await self._source.kept()
        chain = await self._source.chain(kept.oldest - 1)
        number = kept.oldest
        while chain is not None and number <= kept.head:
            lines = await self._source.read(number, count=_REHASH_LINES, size=MAX_WIRE)
            for line in lines:
                chain = chain_next(chain, line.line)
                if chain != line.chain:
                    await self._close(Close("chain", min(rehash.cursor, line.number - 1)))
                    return
            number += len(lines)
            if not lines:
                return
