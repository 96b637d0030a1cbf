"""The waiting room: calling the next one, and what its display and the tickets tell. Numbers only, never who."""

import sqlite3
from dataclasses import dataclass
from functools import partial
from typing import Final

from agent import queue_rows, record_rows
from agent.entry import Clock
from agent.journal import Journal
from agent.pen import Pen
from agent.queue_rows import Queued
from agent.record_form import check_id
from agent.waiting import Wait, estimate
from common.events.records import RecordCalled

FRESH_S: Final = 10
"""How long after a call the display draws attention to it (seconds)."""

IN_THE_ROOM_S: Final = 12 * 3600
"""Nobody sits there longer (seconds): what is still open then waits for something else than its turn."""

MOST_CALLED: Final = 3
"""Most numbers shown as called."""

MOST_SERVED: Final = 2
"""Most numbers shown as being served."""

MOST_NEXT: Final = 6
"""Most numbers shown as the next ones."""

_EXPERIENCE_MS: Final = 7 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A number whose turn it is; `times`: how often it was called, `age_s` since the last call or being accepted."""

    record: str
    number: str
    times: int
    age_s: int
    fresh: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """The waiting room at one moment. `called` and `served`: the newest first; `next`: as they will be called.

    `waiting` counts those who were not called yet, `wait` is how long somebody waits who comes now.
    """

    called: tuple[Turn, ...]
    served: tuple[Turn, ...]
    next: tuple[str, ...]
    waiting: int
    wait: Wait | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somebody's place: how many come first, those being called or served included, and how long that may take."""

    ahead: int
    wait: Wait | None


class Queue:
    """The waiting room of the journal's records; everything raises JournalError when the disk fails."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    def view(self) -> QueueView:
        """Return what the display and the duty desk show."""
        queued, took_s = self._look()
        turns = sorted((one for one in queued if one.turn), key=lambda one: -one.turn)
        waiting = [one for one in queued if not one.turn]
        return QueueView(
            called=tuple(self._turn(one) for one in turns if not one.served)[:MOST_CALLED],
            served=tuple(self._turn(one) for one in turns if one.served)[:MOST_SERVED],
            next=tuple(one.number for one in waiting[:MOST_NEXT]),
            waiting=len(waiting),
            wait=estimate(len(queued), took_s),
        )

    def place(self, record: str) -> Place | None:
        """Return a record's place; None when it does not wait, or was called already."""
        queued, took_s = self._look()
        waiting = [one.record for one in queued if not one.turn]
        if record not in waiting:
            return None
        ahead = len(queued) - len(waiting) + waiting.index(record)
        return Place(ahead=ahead, wait=estimate(ahead, took_s))

    async def call_next(self, event_id: str) -> str | None:
        """Call the next one who was not called yet, and return the record; None when nobody waits.

        The same form again changes nothing, and returns None. Raises WrongForm for an id that is none.
        """
        check_id(event_id)
        return await self._journal.run(partial(self._call, event_id, None))

    async def call(self, record: str, event_id: str) -> bool:
        """Call somebody, again or out of turn; False for a record that does not wait. Raises WrongForm."""
        check_id(event_id)
        return await self._journal.run(partial(self._call, event_id, record)) is not None

    def _call(self, event_id: str, record: str | None, pen: Pen) -> str | None:
        """Decide in the writer's transaction who is called: two desks, or two presses, never call one for the other."""
        if record_rows.is_known(pen.connection, event_id):
            return record
        for one in self._present(queue_rows.everybody(pen.connection)):
            if not one.served and (one.record == record or (record is None and not one.turn)):
                pen.append(RecordCalled(record=one.record, times=one.times + 1), event_id)
                return one.record
        return None

    def _look(self) -> tuple[list[Queued], tuple[float, ...]]:
        # While the clock is unsure, so is how long ago something was: then the latest there are have to do.
        since_ms = self._clock.wall_ms() - _EXPERIENCE_MS if self._clock.trusted() else 0

        def look(connection: sqlite3.Connection) -> tuple[tuple[Queued, ...], tuple[float, ...]]:
            return queue_rows.everybody(connection), queue_rows.took_s(connection, since_ms=since_ms)

        queued, took_s = self._journal.query(look)
        return self._present(queued), took_s

    def _present(self, queued: tuple[Queued, ...]) -> list[Queued]:
        return [one for one in queued if self._age_s(one) < IN_THE_ROOM_S]

    def _turn(self, one: Queued) -> Turn:
        age_s = self._age_s(one)
        fresh = not one.served and age_s < FRESH_S
        return Turn(record=one.record, number=one.number, times=one.times, age_s=age_s, fresh=fresh)

    def _age_s(self, one: Queued) -> int:
        if one.boot == self._clock.boot:
            return max(0, (self._clock.mono_ns() - one.since_ns) // 1_000_000_000)
        # Of an earlier boot there are only the wall clocks of then and now.
        return max(0, (self._clock.wall_ms() - one.since_ms) // 1000)
