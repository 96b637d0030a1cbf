"""Batches of the log lane: those that wait are committed together, and the next are opened while PostgreSQL writes.

One transaction for each would cost more than what a small batch brings. What is committed together is bounded, because
a station's row is locked meanwhile, and its next call for help needs it.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import DBAPIError

from hq.database import FAILURES
from hq.ingest import Ingest
from sync import topics
from sync.batch import MAX_EVENTS, Batch
from sync.mqtt_words import Incoming
from sync.signed import Refusal

MOST_LINES: Final = 2 * MAX_EVENTS
"""Most lines that are committed together: 30 ms of a lock, and as much is opened ahead."""
MOST_TOGETHER: Final = 64
"""Most messages that are answered together."""


@dataclass(frozen=True, slots=True)
class _Opened:
    message: Incoming
    station: str
    read: Batch | Refusal | None

    @property
    def lines(self) -> int:
        return len(self.read.lines) if isinstance(self.read, Batch) else 0


class LogBatches:
    """Takes what comes on `up/log`, for one thread; `answer(station, ack)` publishes."""

    def __init__(self, ingest: Ingest, answer: Callable[[str, bytes], None]) -> None:
        self._ingest = ingest
        self._answer = answer
        self._waiting: Sequence[Incoming] = ()
        self._opened: deque[_Opened] = deque()
        self._alone = 0

    def take(self, messages: Sequence[Incoming]) -> int:
        """Commit and answer the first of `messages`, and others right behind it; return how many it were.

        The first has to be one of `up/log`. Messages that were not taken come again, in front. When the database
        refuses several together, each is taken alone: the next call, too, takes one, and raises what is said against
        that one.
        """
        self._waiting = messages
        if self._opened and self._opened[0].message is not messages[0]:  # another connection
            self._opened.clear()
            self._alone = 0
        group = self._group()
        try:
            self._settle(group)
        except (DBAPIError, *FAILURES):
            if len(group) == 1:
                raise
            self._alone = len(group)
            return self.take(messages)
        for _ in group:
            self._opened.popleft()
        self._alone = max(0, self._alone - 1)
        return len(group)

    def _settle(self, group: Sequence[_Opened]) -> None:
        batches = [each.read for each in group if isinstance(each.read, Batch)]
        taken = iter(self._ingest.take(batches, meanwhile=self._open_ahead) if batches else ())
        for each in group:
            its_own = (next(taken),) if isinstance(each.read, Batch) else ()
            ack = self._ingest.answer(each.station, "log", each.read, *its_own)
            if ack is not None:
                self._answer(each.station, ack)

    def _group(self) -> list[_Opened]:
        """Return the first that waits, and behind it what may be committed with it."""
        group: list[_Opened] = []
        lines = 0
        while len(group) < (1 if self._alone else MOST_TOGETHER):
            if len(group) == len(self._opened) and not self._open_one():
                break
            following = self._opened[len(group)]
            lines += following.lines
            if group and lines > MOST_LINES:
                break
            group.append(following)
        return group

    def _open_ahead(self) -> None:
        """Open what may be committed next, beside what is committed now."""
        while sum(each.lines for each in self._opened) < 2 * MOST_LINES and self._open_one():
            pass

    def _open_one(self) -> bool:
        """Open the next message that waits, if there is one and it is a batch."""
        if len(self._opened) >= len(self._waiting):
            return False
        message = self._waiting[len(self._opened)]
        match topics.parse(message.topic):
            case (station, "up/log"):
                self._opened.append(_Opened(message, station, self._ingest.read(station, "log", message.payload)))
                return True
            case _:  # somebody else's, and in its turn
                return False
