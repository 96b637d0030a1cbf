"""The content packs' files, one each, named after the pack: made at its full size, filled in any order.

There are at most ROOM bytes of them, and only while the disk has SPARE bytes beside: calls for help come first.
"""

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from agent.ballast import free
from agent.quota import MIB
from common.pack import CHUNK

ROOM: Final = 64 * MIB
SPARE: Final = 64 * MIB
"""What content leaves free: the journal's reserve may have been given up, and is taken again from here."""
GIVE_WAY: Final = 32 * MIB
"""With less than this free, packs are removed."""


class NoRoomError(Exception):
    """A pack does not fit; the message says why."""


class ContentFiles:
    """A folder of packs. Synchronous; any thread, but one pack's file is written by one at a time."""

    def __init__(self, folder: Path, *, free: Callable[[Path], int] = free) -> None:
        self.folder = folder
        self._free = free

    def path(self, pack: str) -> Path:
        """Return where a pack's file is or would be."""
        return self.folder / pack

    def allocate(self, pack: str, size: int, *, beside: int) -> None:
        """Make a pack's file in its full size, all zero; `beside`: bytes of the others, coming ones included.

        Raises NoRoomError, OSError.
        """
        if beside + size > ROOM:
            raise NoRoomError(f"no room: packs may take {ROOM // MIB} MiB")
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if self._free(self.folder) - size < SPARE:
            raise NoRoomError("no room: the disk is nearly full")
        descriptor = os.open(self.path(pack), os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._sync()

    def put(self, pack: str, chunk: int, data: bytes) -> None:
        """Write one chunk; it is on the disk when this returns. Raises OSError, also when the file is not there."""
        descriptor = os.open(self.path(pack), os.O_WRONLY | os.O_CLOEXEC)
        try:
            written = os.pwrite(descriptor, data, chunk * CHUNK)
            if written != len(data):
                raise OSError(f"{written} of {len(data)} bytes written")
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def take_in(self, pack: str, source: BinaryIO, size: int, *, beside: int) -> None:
        """Copy a whole pack from elsewhere, a little at a time; else as `allocate`. OSError too if it is short."""
        self.allocate(pack, size, beside=beside)
        with self.path(pack).open("r+b") as file:
            while piece := source.read(CHUNK):
                file.write(piece)
            if file.tell() != size:
                raise OSError("the medium's file has another size than before")
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def reading(self, pack: str) -> Iterator[BinaryIO]:
        """Open a pack's file. Raises OSError."""
        with self.path(pack).open("rb") as file:
            yield file

    def piece(self, pack: str, place: tuple[int, int]) -> bytes:
        """Return `size` bytes from an offset, fewer where the file ends; `place` is both. Raises OSError."""
        offset, size = place
        with self.reading(pack) as file:
            file.seek(offset)
            return file.read(size)

    def sweep(self, keep: Collection[str]) -> None:
        """Remove every file that belongs to none of these packs. Raises OSError."""
        if not self.folder.exists():
            return
        for file in self.folder.iterdir():
            if file.name not in keep:
                file.unlink()

    def is_short_of_disk(self) -> bool:
        """Tell whether the disk is so full that packs have to give way."""
        return self.folder.exists() and self._free(self.folder) < GIVE_WAY

    def _sync(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
