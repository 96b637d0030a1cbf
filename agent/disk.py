"""The disk under the station's data: how much may still be written there, and whether anything may at all.

A disk that has gone bad answers nobody, so it is asked in a thread of its own that ends with the answer, one question
at a time: no page and no press waits, nor does the end of the station.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.view import DiskState, DiskView

EVERY_S: Final = 10.0
"""How often it is looked at, in seconds."""
PATIENCE_S: Final = 5.0
"""How long a sound disk takes at most to say how full it is, in seconds."""
FEW_INODES: Final = 1000
"""From so few on, files may soon not be made any more, whatever room there is."""

_MIB: Final = 2**20
_FULL: Final = _MIB


@dataclass(frozen=True, slots=True)
class Found:
    """What statvfs(3) says: bytes and inodes for whoever has no privileges, None of inodes that are not counted."""

    free_bytes: int
    free_inodes: int | None
    read_only: bool


class Disk:
    """Looks at the disk of a folder; keep `run()` alive. `changed()` is told when `view` says another thing.

    `wanted()`: bytes that the journal may still come to take.
    """

    def __init__(
        self,
        folder: Path,
        *,
        wanted: Callable[[], int],
        changed: Callable[[], None],
        ask: Callable[[Path], Found] | None = None,
    ) -> None:
        self.view: DiskView | None = None
        self.found: Found | None = None  # as it answered last, None while it does not
        self._folder = folder
        self._wanted = wanted
        self._changed = changed
        self._ask = ask or look_at
        self._asking: asyncio.Future[Found | None] | None = None

    async def run(self) -> None:
        """Look now and then, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self, patience_s: float = PATIENCE_S) -> None:
        """Look once. A disk that has not answered the question before is not asked another."""
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_future()
            threading.Thread(
                target=self._answer, args=(asyncio.get_running_loop(), self._asking), name="disk", daemon=True
            ).start()
        done, _ = await asyncio.wait({self._asking}, timeout=patience_s)
        if not done:
            self.found = None
            self._show(DiskView(state="silent", free_bytes=None, free_inodes=None))
            return
        self.found, self._asking = self._asking.result(), None
        if self.found is None:  # what else it says, the journal says too
            self._show(DiskView(state="silent", free_bytes=None, free_inodes=None))
        else:
            self._show(seen(self.found, wanted=self._wanted()))

    def _answer(self, loop: asyncio.AbstractEventLoop, asking: "asyncio.Future[Found | None]") -> None:
        """In the thread: ask, and say on the loop what came of it."""
        try:
            found = self._ask(self._folder)
        except OSError:
            found = None
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody looks any more
            loop.call_soon_threadsafe(_settle, asking, found)

    def _show(self, view: DiskView) -> None:
        if view != self.view:
            self.view = view
            self._changed()


def _settle(asking: "asyncio.Future[Found | None]", found: Found | None) -> None:
    if not asking.done():
        asking.set_result(found)


def look_at(folder: Path) -> Found:
    """Ask a folder's disk. Raises OSError."""
    disk = os.statvfs(folder)
    counted = disk.f_files > 0  # btrfs, vfat and others make inodes as they need them
    return Found(
        free_bytes=disk.f_bavail * disk.f_frsize,
        free_inodes=disk.f_favail if counted else None,
        read_only=bool(disk.f_flag & os.ST_RDONLY),
    )


def seen(found: Found, *, wanted: int) -> DiskView:
    """Return what is shown of a disk; in steps, so that pages are not drawn again for every byte.

    It is low as soon as the journal may want more than there is: then others fill it, or it is too small.
    """
    inodes = found.free_inodes
    state: DiskState
    if found.read_only:
        state = "read_only"
    elif found.free_bytes < _FULL or inodes == 0:
        state = "full"
    elif found.free_bytes < wanted or (inodes is not None and inodes < FEW_INODES):
        state = "low"
    else:
        state = "well"
    return DiskView(
        state=state,
        free_bytes=_rounded(found.free_bytes, _MIB),
        free_inodes=None if inodes is None else _rounded(inodes, 1),
    )


def _rounded(number: int, least: int) -> int:
    """Return a number rounded down to two digits, in steps of `least` at least."""
    step = least
    while number >= 100 * step:
        step *= 10
    return number // step * step
