"""Help events on their way to the disk: in order, none lost while the process lives, none journaled twice.

The desk acts first and journals behind it, so what waits here has already happened. Order matters: a call is never
acknowledged in the journal before it was raised there. So everything waits behind the oldest, and one transaction
takes all that waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import msgspec

from agent.calls import number_of
from agent.database import JournalError
from agent.entry import Clock
from agent.journal import Journal
from agent.pen import Pen
from common.events.calls import HelpPressedAgain, HelpRaised
from common.events.terms import Payload

LIMIT_NS = 1_000_000_000
"""An append that takes longer counts as not recorded, though it may still succeed (nanoseconds)."""

RETRY_NS = 1_000_000_000
"""How long after a failure the outbox tries again by itself (nanoseconds)."""

_MOST_AT_ONCE = 64


@dataclass(slots=True, eq=False)
class Waiting:
    """An event that happened and is not on the disk yet.

    `happened_ns` is CLOCK_BOOTTIME; `late` is set once an attempt failed or took over LIMIT_NS. `number` is the event's
    in the journal, once it has one.
    """

    event_id: str
    call: str
    payload: Payload
    happened_ns: int
    asked_ns: int
    late: bool = False
    number: int | None = None
    answer: "asyncio.Future[bool]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def is_press(self) -> bool:
        """Tell whether this is a press, whose recording somebody was promised."""
        return isinstance(self.payload, HelpRaised | HelpPressedAgain)

    def settle(self, *, recorded: bool) -> None:
        """Tell whoever waits for this attempt how it went."""
        if not self.answer.done():
            self.answer.set_result(recorded)


class Outbox:
    """What waits, oldest first, and the one attempt under way.

    `on_recorded(waiting)` and `on_late(waiting)` are called on the loop: the second once for each event, when its
    attempt failed or took over LIMIT_NS; the attempt is not cancelled and may still succeed.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        *,
        on_recorded: Callable[[Waiting], None],
        on_late: Callable[[Waiting], None],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._on_recorded = on_recorded
        self._on_late = on_late
        self._waiting: deque[Waiting] = deque()
        self._attempt: asyncio.Task[None] | None = None
        self._retry_ns: int | None = None

    def put(self, event_id: str, call: str, payload: Payload, happened_ns: int) -> Waiting:
        """Let an event wait, and try at once."""
        waiting = Waiting(event_id, call, payload, happened_ns, self._clock.mono_ns())
        self._waiting.append(waiting)
        self._try()
        return waiting

    async def recorded(self, waiting: Waiting) -> bool:
        """Wait for the attempt under way, or for a new one; False when it fails or takes over LIMIT_NS."""
        if waiting.number is not None:
            return True
        if waiting.answer.done():
            waiting.answer = asyncio.get_running_loop().create_future()
            waiting.asked_ns = self._clock.mono_ns()
            self._try()
        return await asyncio.shield(waiting.answer)

    def look(self, now: int) -> int | None:
        """Do what is due at `now` (CLOCK_BOOTTIME, ns): give up waiting, try again. Return when to look again."""
        for waiting in self._waiting:
            if now - waiting.asked_ns >= LIMIT_NS:
                self._fail(waiting)
        if self._attempt is None and self._waiting and (self._retry_ns is None or now >= self._retry_ns):
            self._try()
        times = [waiting.asked_ns + LIMIT_NS for waiting in self._waiting if not waiting.answer.done()]
        if self._attempt is None and self._retry_ns is not None:
            times.append(self._retry_ns)
        return min(times, default=None)

    def _try(self) -> None:
        if self._attempt is None:
            self._attempt = asyncio.create_task(self._write(), name="help events")

    async def _write(self) -> None:
        try:
            while batch := list(islice(self._waiting, _MOST_AT_ONCE)):
                numbers = await self._journal.run(partial(_append, batch, self._clock))
                self._retry_ns = None
                for waiting, number in zip(batch, numbers, strict=True):
                    self._waiting.popleft()
                    waiting.number = number
                    self._on_recorded(waiting)
                    waiting.settle(recorded=True)
        except JournalError:
            # The journal has logged it. What was put behind the batch would have met the same disk.
            self._retry_ns = self._clock.mono_ns() + RETRY_NS
            for waiting in self._waiting:
                self._fail(waiting)
        finally:
            self._attempt = None

    def _fail(self, waiting: Waiting) -> None:
        waiting.settle(recorded=False)
        if not waiting.late:
            waiting.late = True
            self._on_late(waiting)


def _append(batch: Sequence[Waiting], clock: Clock, pen: Pen) -> list[int]:
    """Journal what is not journaled yet: a commit whose outcome the disk hid may have succeeded after all."""
    return [number_of(pen.connection, w.event_id) or pen.append(_aged(w, clock), w.event_id).number for w in batch]


def _aged(waiting: Waiting, clock: Clock) -> Payload:
    """Return the payload with the press's age as it is now: the event's time less its age is the press's time."""
    if isinstance(waiting.payload, HelpRaised | HelpPressedAgain):
        age_ms = max(0, clock.mono_ns() - waiting.happened_ns) // 1_000_000
        return msgspec.structs.replace(waiting.payload, age_ms=age_ms)
    return waiting.payload
