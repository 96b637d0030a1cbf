"""Shifts: who is on duty by the rota, and the shift key that changes when theirs begins.

While the clock is not to be trusted nobody is known to be on duty, and nothing changes by itself: an officer may begin
a shift by hand, as at a station without a rota. Once it is, a shift that has begun since the key was made begins at
once. What counts is the key's age, not what was done last: whatever the clocks did, no key outlives its shift.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from agent import rota_row
from agent.database import JournalError
from agent.entry import Clock
from agent.journal import Journal
from agent.view import ShiftView
from common.events.desk import ShiftBegun
from common.rota import Rota, Turn, turn_at

LOOK_EVERY_S: Final = 5.0
"""How often the clock is looked at, in seconds: it may be set at any time."""

BY_HAND_MS: Final = 30 * 60_000
"""A shift that an officer began so long before its start, or less, is not begun again (milliseconds)."""

_JITTER_MS: Final = 60_000
"""A clock that is slewed back over the start does not begin a shift again (milliseconds)."""

Beginner: TypeAlias = Literal["start", "rota", "hand"]
"""Why the key of now was made: the process began, or a shift did."""

_EARLY_MS: Final[dict[Beginner, int]] = {"start": 0, "rota": _JITTER_MS, "hand": BY_HAND_MS}
_HALF_HOUR_S: Final = 1800


@dataclass(frozen=True, slots=True)
class Key:
    """When the key of now was made (CLOCK_BOOTTIME, ns), and why."""

    made_ns: int
    why: Beginner


def is_due(turn: Turn, key: Key, *, now_ms: int, now_ns: int) -> bool:
    """Tell whether the shift on duty has begun since its key was made, by a clock that is trusted now. Pure."""
    made_ms = now_ms - (now_ns - key.made_ns) // 1_000_000
    return made_ms < turn.begins_ms - _EARLY_MS[key.why]


def in_steps_s(left_s: int) -> int:
    """Return how long a shift still has as it is shown: rounded up to half an hour, in the last one to 5 minutes."""
    step = _HALF_HOUR_S if left_s > _HALF_HOUR_S else 300
    return -(-left_s // step) * step


class Shifts:
    """The shifts of one station; keep `run()` alive. `changed()` is called when the desk has to show another one.

    `new_key()` forgets the shift key and announces the next one; it may raise JournalError, when it is forgotten all
    the same.
    """

    def __init__(
        self, journal: Journal, clock: Clock, *, zone: ZoneInfo, new_key: Callable[[], Awaitable[None]]
    ) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._journal = journal
        self._clock = clock
        self._zone = zone
        self._new_key = new_key
        self._rota: Rota | None = None
        self._order = ""
        self._key = Key(clock.mono_ns(), "start")
        self._shown: ShiftView | None = None
        self._soon = asyncio.Event()

    def load(self) -> None:
        """Read the rota anew; to be called once orders were applied. Raises JournalError."""
        self._journal.query(self._load)
        self._soon.set()

    def orders_applied(self) -> None:
        """Read the rota anew, when the disk lets us: else with the next order, or at the next start."""
        with contextlib.suppress(JournalError):  # the journal has logged it
            self.load()

    def turn(self) -> Turn | None:
        """Return the turn of now; None without a rota, and while the clock is not to be trusted."""
        if self._rota is None or not self._clock.trusted():
            return None
        return turn_at(self._rota, self._clock.wall_ms(), self._zone)

    def handing_over(self) -> tuple[str, str] | None:
        """Return the teams that give and receive: at the start of this turn, or at its end if that is nearer."""
        turn = self.turn()
        if turn is None or self._rota is None:
            return None
        since_ms, left_ms = self._clock.wall_ms() - turn.begins_ms, turn.ends_ms - self._clock.wall_ms()
        if since_ms < left_ms:
            return turn_at(self._rota, turn.begins_ms - 1, self._zone).team, turn.team
        return turn.team, turn_at(self._rota, turn.ends_ms, self._zone).team

    def team(self) -> str | None:
        """Return the team on duty, as records say it."""
        turn = self.turn()
        return None if turn is None else turn.team

    def view(self) -> ShiftView | None:
        """Return what is shown; None without a rota."""
        if self._rota is None:
            return None
        turn = self.turn()
        if turn is None:
            return ShiftView(known=False, team="", name_zh="", name_en="", until="", left_s=0)
        until = datetime.fromtimestamp(turn.ends_ms / 1000, self._zone).strftime("%H:%M")
        left_s = max(0, turn.ends_ms - self._clock.wall_ms()) // 1000
        names = {"name_zh": turn.shift.zh, "name_en": turn.shift.en}
        return ShiftView(known=True, team=turn.team, **names, until=until, left_s=in_steps_s(left_s))

    def local(self, time: str, language: str) -> str:
        """Return a time of the journal (RFC 3339) as this station's clocks on the wall say it, without seconds."""
        at = datetime.fromisoformat(time).astimezone(self._zone)
        return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}" if language == "zh-CN" else f"{at:%Y-%m-%d %H:%M}"

    async def begin_by_hand(self) -> None:
        """Begin a shift because an officer says so. Raises JournalError: the old key is forgotten all the same."""
        await self._begin("hand")

    async def run(self) -> None:
        """Begin each shift at its start, for ever."""
        self.orders_applied()
        while True:
            await self.look()
            turn, pause = self.turn(), LOOK_EVERY_S
            if turn is not None:
                pause = min(pause, max(0.01, (turn.ends_ms - self._clock.wall_ms()) / 1000))
            self._soon.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._soon.wait()

    async def look(self) -> None:
        """Begin the shift on duty if that has begun since the key was made, and tell when another one is shown."""
        turn = self.turn()
        if turn is not None and is_due(turn, self._key, now_ms=self._clock.wall_ms(), now_ns=self._clock.mono_ns()):
            with contextlib.suppress(JournalError):  # the journal has logged it; the old key is forgotten
                await self._begin("rota")
        view = self.view()
        if view != self._shown:
            self._shown = view
            self.changed()

    async def _begin(self, why: Literal["rota", "hand"]) -> None:
        self._key = Key(self._clock.mono_ns(), why)
        turn = self.turn()
        event = ShiftBegun(by=why)
        if turn is not None:
            event = ShiftBegun(by=why, team=turn.team, shift=turn.shift.sign)
        try:
            await self._new_key()
        finally:
            self.changed()
        await self._journal.append(event)

    def _load(self, connection: sqlite3.Connection) -> None:
        row = rota_row.load(connection)
        if row is not None and row[0] != self._order:
            self._order, self._rota = row
