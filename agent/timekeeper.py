"""The clock may lie, and says so itself: what the journal is told when the wall clock is set, or steps.

`docs/link.md`, "Time". Wall time less CLOCK_BOOTTIME only changes when somebody sets the clock: what keeps it
synchronised without a step slews both (adjtimex(2)).
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from agent.database import JournalError
from agent.entry import Moment
from common.clock import rfc3339
from common.events.journal import ClockSet, ClockStepped

STEP_MS = 2_000
"""A synchronised clock that moves by more against CLOCK_BOOTTIME was stepped (milliseconds)."""

LOOK_EVERY_S = 5.0
"""How often the clock is looked at while nothing is journaled, in seconds."""


class _Stamp(msgspec.Struct):
    time: str
    boot: str
    mono: str
    clock: str = ""


def noticed(boot: str, last: Moment | None, now: Moment) -> ClockSet | ClockStepped | None:
    """Return what the journal must be told at `now`, before anything else, or None.

    `last` is the moment looked at before, in the same boot; None when there was none. A moment before `last` (it waited
    for the disk while the clock was looked at) tells nothing.
    """
    if last is None or not now.trusted or now.mono_ns < last.mono_ns:
        return None
    if not last.trusted:
        return ClockSet(boot=boot, mono=str(now.mono_ns), time=rfc3339(now.wall_ms))
    step_ms = now.offset_ms - last.offset_ms
    if abs(step_ms) <= STEP_MS:
        return None
    before, after = rfc3339(now.wall_ms - step_ms), rfc3339(now.wall_ms)
    return ClockStepped(boot=boot, mono=str(now.mono_ns), before=before, after=after)


def moment_of(line: bytes, boot: str) -> Moment | None:
    """Return when a journaled line was stamped; None for one of another boot, or one that cannot be read."""
    try:
        stamp = msgspec.json.decode(line, type=_Stamp)
        if stamp.boot != boot:
            return None
        wall_ms = round(datetime.fromisoformat(stamp.time).timestamp() * 1000)
        return Moment(wall_ms, int(stamp.mono), stamp.clock != "unsure")
    except ValueError:  # msgspec's errors and UnicodeDecodeError are ValueErrors
        return None


def newest_sure(connection: sqlite3.Connection) -> int | None:
    """Return the time of the newest event whose clock was sure, in milliseconds since 1970; None among the last few."""
    rows = "SELECT line FROM events ORDER BY number DESC LIMIT 64"
    for (line,) in connection.execute(rows):
        try:
            stamp = msgspec.json.decode(line, type=_Stamp)
            if stamp.clock != "unsure":
                return round(datetime.fromisoformat(stamp.time).timestamp() * 1000)
        except (ValueError, OverflowError):
            continue
    return None


async def keep_time(look: Callable[[], Awaitable[object]]) -> None:
    """Let the journal look at the clock for ever, so that it is told of a step though nothing else happens."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        with contextlib.suppress(JournalError):  # the journal has logged it; the next look, or the next event, tells
            await look()
