"""Content packs at the station: completed, checked, shown when they are due, removed when their time is over.

Orders only note what is to be done (`agent.content_orders`); whatever takes long is done here, beside the loop and
never in the journal's thread: calls for help wait for nothing of it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from agent import content_rows
from agent.content_check import borrow, open_checked, open_named
from agent.content_files import ContentFiles, NoRoomError
from agent.content_orders import ContentOrders
from agent.content_rows import PackRow, Way
from agent.content_shelf import Clock, Shelf
from agent.content_usb import UsbFolder
from agent.database import JournalError
from agent.journal import Journal
from agent.pen import Pen
from agent.settings import StationSettings
from agent.supervisor import Supervisor
from common.events.content import (
    ContentPlayed,
    ContentRefused,
    ContentRemoved,
    ContentStored,
    ContentWanted,
    RemovedBecause,
)
from common.pack import Opened, PackError, bits_of, chunk_sizes
from sync import base64url
from sync.signing import Keyring

log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
"""How often the time, the disk and the USB folder are looked at, when no order comes (seconds)."""
_PAUSE_S: Final = 0.5  # chunks come by the dozen
_LAST_WORDS_S: Final = 0.5


class Content:
    """The packs of one station. Keep `run()` alive; `changed()` is called when another thing is to be shown.

    While the time is not known nothing is shown, for nobody could say whether it still holds, and nothing ends.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        keys: Keyring,
        *,
        station: str,
        zone: ZoneInfo,
        files: ContentFiles,
        usb: Path | None,
    ) -> None:
        self.changed: Callable[[], None] = lambda: None
        self.orders = ContentOrders(files)
        self.shelf = Shelf(files, clock, zone)
        self._journal = journal
        self._keys = keys
        self._station = station
        self._files = files
        self._usb = None if usb is None else UsbFolder(usb)
        self._wake = asyncio.Event()
        self._refused: set[str] = set()
        self._troubled = False
        self._hour: tuple[str, int] | None = None

    # -- what is done beside -------------------------------------------------------------------------------------------

    def orders_applied(self) -> None:
        """Hear that orders were carried out."""
        self._wake.set()

    async def run(self) -> None:
        """Do what is to be done, for ever; cancelled, it journals the plays of this hour."""
        try:
            while True:
                self._wake.clear()
                await self._try(self._work)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EVERY_S):
                        await self._wake.wait()
                        await asyncio.sleep(_PAUSE_S)
        finally:
            with contextlib.suppress(TimeoutError, JournalError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await self._tell_plays()

    async def _try(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do some work; a disk that refuses is told once, and the same is tried again a minute later."""
        try:
            await work()
        except JournalError:
            pass  # the journal has logged it, or says that it is full
        except OSError as error:
            if not self._troubled:
                log.warning("Content packs wait for the disk: %s.", error)
            self._troubled = True
        else:
            if self._troubled:
                log.info("Content packs can be kept again.")
            self._troubled = False

    async def _load(self) -> None:
        """Put on the shelf what was whole before the process started."""
        for row in self._journal.query(content_rows.packs):
            if row.state == "whole" and row.pack not in self.shelf.whole:
                try:
                    self.shelf.whole[row.pack] = await asyncio.to_thread(open_named, self._files, row.pack)
                except (PackError, OSError) as error:
                    log.warning("The content pack %s is damaged (%s); it is removed.", row.pack[:12], error)
                    await self._remove(row.pack, "damaged")

    async def _work(self) -> None:
        await self._follow_orders()
        await self._load()
        await self._end_what_is_over()
        await self._give_way()
        for row in self._journal.query(content_rows.packs):
            if row.state == "offered":
                await self._prepare(row)
        for row in self._journal.query(content_rows.packs):
            if row.state == "coming" and not row.lacks:
                await self._finish(row)
        if self._usb is not None:
            await self._look_at_usb(self._usb)
        held = {row.pack for row in self._journal.query(content_rows.packs)}
        await asyncio.to_thread(self._files.sweep, held)
        now = self.shelf.now()
        hour = None if now is None else (now.date().isoformat(), now.hour)
        if self._hour != hour:
            await self._tell_plays()
            self._hour = hour

    async def _follow_orders(self) -> None:
        """Show no more what an order has withdrawn."""
        held = {row.pack for row in self._journal.query(content_rows.packs)}
        for pack in set(self.shelf.whole) - held:
            self._forget(pack)

    async def _end_what_is_over(self) -> None:
        now = self.shelf.now()
        if now is None:
            return
        for pack in [pack for pack, opened in self.shelf.whole.items() if opened.head.has_ended(now)]:
            await self._remove(pack, "ended")

    async def _give_way(self) -> None:
        """Remove one pack after the other while the disk is nearly full: what is not whole, then what ends first."""

        def last(row: PackRow) -> tuple[int, str]:
            opened = self.shelf.whole.get(row.pack)
            return (0, "") if opened is None else (1, opened.head.ends)

        for row in sorted(self._journal.query(content_rows.packs), key=last):
            if not await asyncio.to_thread(self._files.is_short_of_disk):
                return
            await self._remove(row.pack, "no_room")

    async def _prepare(self, row: PackRow) -> None:
        """Make room for a pack, take what other packs here have of it, and say what is missing."""
        others = [other for other in self._journal.query(content_rows.packs) if other.pack != row.pack]
        count = len(chunk_sizes(row.size))
        fresh = not self._files.path(row.pack).exists()
        try:
            if fresh:
                beside = sum(other.size for other in others)
                await asyncio.to_thread(self._files.allocate, row.pack, row.size, beside=beside)
        except NoRoomError as error:
            await self._refuse(row.pack, row.way, str(error))
            return
        if fresh:
            row = PackRow(row.pack, row.state, row.way, row.size, row.chunks, bits_of(range(count), count))
        found = await asyncio.to_thread(borrow, self._files, row, others)

        def work(pen: Pen) -> None:
            now = content_rows.find(pen.connection, row.pack)
            if now is None:
                return  # withdrawn meanwhile
            missing = bits_of(set(row.lacks if fresh else now.lacks) - set(found), count)
            content_rows.keep(pen, PackRow(now.pack, "coming", now.way, now.size, now.chunks, missing))
            if any(missing):
                pen.append(ContentWanted(pack=now.pack, missing=base64url.encode(missing)))

        await self._journal.run(work)

    async def _finish(self, row: PackRow) -> None:
        """Check a pack that has come whole, and let it be shown, in place of an earlier version."""
        try:
            opened = await asyncio.to_thread(self._checked, row.pack)
        except PackError as error:
            await self._refuse(row.pack, row.way, str(error))
            return
        await self._accept(row, opened)

    async def _accept(self, row: PackRow, opened: Opened) -> None:
        head = opened.head
        same = {
            pack: held.head for pack, held in self.shelf.whole.items() if held.head.id == head.id and pack != row.pack
        }
        if any(held.version >= head.version for held in same.values()):
            await self._refuse(row.pack, row.way, "this version, or a newer one, is here already")
            return
        now = self.shelf.now()
        if now is not None and head.has_ended(now):
            await self._refuse(row.pack, row.way, f"it ended on {head.ends}")
            return

        def work(pen: Pen) -> bool:
            if row.way == "order" and content_rows.find(pen.connection, row.pack) is None:
                return False  # withdrawn meanwhile
            count = len(chunk_sizes(row.size))
            content_rows.keep(pen, PackRow(row.pack, "whole", row.way, row.size, row.chunks, bits_of((), count)))
            pen.append(ContentStored(pack=row.pack, id=head.id, version=head.version, way=row.way))
            for pack in same:
                content_rows.remove(pen, pack)
                pen.append(ContentRemoved(pack=pack, reason="replaced"))
            return True

        if await self._journal.run(work):
            for pack in same:
                self._forget(pack)
            self.shelf.whole[row.pack] = opened
            self.changed()

    async def _look_at_usb(self, usb: UsbFolder) -> None:
        for pack, file, size, chunks in await asyncio.to_thread(usb.found):
            rows = self._journal.query(content_rows.packs)
            why = self._journal.query(partial(content_rows.why_refused, pack=pack))
            if why is not None or pack in self._refused or any(row.pack == pack for row in rows):
                continue
            count = len(chunk_sizes(size))
            row = PackRow(pack, "whole", "usb", size, chunks, bits_of((), count))
            try:
                with file.open("rb") as source:
                    beside = sum(other.size for other in rows)
                    await asyncio.to_thread(self._files.take_in, pack, source, size, beside=beside)
                opened = await asyncio.to_thread(self._checked, row.pack)
            except (PackError, NoRoomError) as error:
                await self._refuse(pack, "usb", str(error))
                continue
            await self._accept(row, opened)

    def _checked(self, pack: str) -> Opened:
        return open_checked(self._files, pack, self._keys, self._station)

    async def _refuse(self, pack: str, way: Way, reason: str) -> None:
        log.warning("The content pack %s is refused: %s.", pack[:12], reason)
        if way == "usb":
            self._refused.add(pack)  # it will lie there at the next look too

        def work(pen: Pen) -> None:
            content_rows.remove(pen, pack)
            pen.append(ContentRefused(pack=pack, way=way, reason=reason[:200]))

        await self._journal.run(work)

    async def _remove(self, pack: str, reason: RemovedBecause) -> None:
        def work(pen: Pen) -> None:
            if content_rows.remove(pen, pack) and not pen.quota.full:
                pen.append(ContentRemoved(pack=pack, reason=reason))

        await self._journal.run(work)
        self._forget(pack)
        await asyncio.to_thread(self._files.path(pack).unlink, missing_ok=True)

    def _forget(self, pack: str) -> None:
        if self.shelf.whole.pop(pack, None) is not None:
            self.changed()

    async def _tell_plays(self) -> None:
        plays = self.shelf.show.take_plays()
        if not plays or self._hour is None:
            return
        day, hour = self._hour

        def work(pen: Pen) -> None:
            for pack, count in sorted(plays.items()):
                pen.append(ContentPlayed(pack=pack, day=day, hour=hour, plays=count))

        await self._journal.run(work)


def open_content(
    settings: StationSettings,
    journal: Journal,
    clock: Clock,
    keys: Keyring,
    *,
    supervisor: Supervisor,
    changed: Callable[[], None],
) -> Content:
    """Return a station's content as its settings have it, and keep it running."""
    content = Content(
        journal,
        clock,
        keys,
        station=settings.station.id,
        zone=ZoneInfo(settings.station.zone),
        files=ContentFiles(settings.station.data / "content"),
        usb=settings.content.usb_folder,
    )
    content.changed = changed
    supervisor.keep("content", content.run)
    return content
