"""Keeps the journal's files small, a little at a time: drops what may go, gives its pages back, shortens the WAL."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from agent import forgetting, retention, wal
from agent.database import CHECKED_AT_START, Damage, JournalError, find_damage, is_damage
from agent.entry import Clock
from agent.journal import Journal
from agent.pen import Pen
from agent.quota import set_aside
from agent.salvage import RESCUED, Salvage

log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
"""How often there is something to do, in seconds."""

DAMAGED_MS: Final = 30 * 24 * 3600 * 1000
"""How long a damaged file is kept aside after everything readable was rescued from it."""

CHECKPOINT_FROM: Final = 256 * 1024
"""From this many bytes on the WAL is copied into the database, lest a press has to do it."""

_DAY_MS: Final = 24 * 3600 * 1000


class Housekeeping:
    """One journal's housekeeping; keep `run()` alive. Nothing is dropped while the clock is not to be trusted.

    `on_dropped(oldest)` is called on the loop when the journal begins later than before; `forget(pen, wall ms)`, in a
    transaction of its own, forgets what goes by its own age elsewhere.
    """

    def __init__(
        self,
        journal: Journal,
        salvage: Salvage,
        path: Path,
        clock: Clock,
        *,
        rewind_days: int,
        header_days: int,
        on_dropped: Callable[[int], None],
        forget: Callable[[Pen, int], None] | None = None,
    ) -> None:
        self._journal = journal
        self._on_dropped = on_dropped
        self._forget = forget
        self._salvage = salvage
        self._path = path
        self._clock = clock
        self.keep_for(rewind_days=rewind_days, header_days=header_days)
        self._copied_all = True

    def keep_for(self, *, rewind_days: int, header_days: int) -> None:
        """Keep lines that headquarters has stored, and closed records, for so many days from now on."""
        self._rewind_ms = rewind_days * _DAY_MS
        self._header_ms = header_days * _DAY_MS

    async def run(self) -> None:
        """Look through a file that was too long for the start to look through, then sweep now and then, for ever."""
        if self._path.stat().st_size > CHECKED_AT_START:
            await self.look_through()
        while True:
            with contextlib.suppress(JournalError):  # the journal has logged it
                await self.sweep()
            await asyncio.sleep(EVERY_S)

    async def look_through(self) -> None:
        """Look for damage in the whole file, and let the journal know."""
        try:
            found = await asyncio.to_thread(find_damage, self._path)
        except sqlite3.Error as error:
            if is_damage(error):
                self._journal.damaged(error)
            return
        if found is not None:
            self._journal.damaged(Damage(found))

    async def sweep(self) -> None:
        """Drop what may go and give back what is free. Raises JournalError."""
        await self._salvage.go_on()
        if self._clock.trusted():
            await self._drop(self._clock.wall_ms())
        while await self._journal.run(retention.give_back):
            pass
        await self._journal.run(lambda pen: pen.quota.count_aside())
        await self._hold_reserve()
        if wal.size(self._path) > CHECKPOINT_FROM:
            await self._checkpoint()

    async def _drop(self, now_ms: int) -> None:
        run, rewind_ms = self._journal.run, self._rewind_ms
        last = await run(partial(retention.mark, now_ms=now_ms, rewind_ms=rewind_ms))
        while (oldest := await run(partial(retention.drop, last=last, forget=forgetting.forget_help))) is not None:
            self._on_dropped(oldest)
        closed = partial(retention.drop_closed, forget=forgetting.forget_help, now_ms=now_ms, rewind_ms=rewind_ms)
        while await run(closed):
            pass
        while await run(partial(forgetting.forget_orders, now_ms=now_ms)):
            pass
        while await run(partial(forgetting.forget_records, now_ms=now_ms, age_ms=self._header_ms)):
            pass
        if (forget := self._forget) is not None:
            await run(lambda pen: forget(pen, now_ms))
        await run(partial(_drop_damaged, path=self._path, now_ms=now_ms))

    async def _hold_reserve(self) -> None:
        try:
            held = await asyncio.to_thread(self._journal.ballast.hold, self._journal.quota.reserve)
        except OSError:  # the disk, or its rights: the journal meets the same, and says so
            return
        if held:
            await self._journal.run(lambda pen: pen.quota.disk_has_room())

    async def _checkpoint(self) -> None:
        try:
            whole = await asyncio.to_thread(wal.checkpoint, self._path)
        except sqlite3.Error:  # the disk, or the file: the next append finds out, and says so
            return
        if whole != self._copied_all:
            self._copied_all = whole
            size = wal.size(self._path)
            if not whole:
                log.warning("Another process reads %s without an end: its WAL takes %d bytes.", self._path, size)
            else:
                log.info("The WAL of %s is short again.", self._path)


def _drop_damaged(pen: Pen, *, path: Path, now_ms: int) -> None:
    """Remove what everything readable was taken out of: after its time, or when the journal needs the room."""
    for file in set_aside(path):
        what = f"file {file.name}"
        if RESCUED in file.name and (
            retention.aged(pen.connection, what, now_ms=now_ms, age_ms=DAMAGED_MS) or pen.quota.full
        ):
            try:
                file.unlink(missing_ok=True)
            except OSError:  # the disk, or its rights: in a minute once more, and everything else goes on
                continue
            pen.connection.execute("DELETE FROM seen WHERE what = ?", (what,))
            log.warning("The damaged %s was kept long enough, or stood in the way, and is removed.", file)
