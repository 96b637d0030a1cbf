"""The write-ahead log kept short, without a press ever waiting for it (https://sqlite.org/wal.html)."""

import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal, NamedTuple

LONG: Final = 2**20
"""From this many bytes on the WAL is cut when everything in it stands in the database."""


PAGE: Final = 4096
_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_MAGIC: Final = b"\x37\x7f\x06"
_MX_FRAME: Final = slice(16, 20)  # in the wal-index (walformat.html, 2.1): number of the last frame of a commit


class Frame(NamedTuple):
    """A page in the WAL: its number from 1 in the WAL, which page it is, where that begins, whether a commit ends."""

    number: int
    page: int
    at: int
    commits: bool


def frames(read: Callable[[int, int], bytes], size: int) -> Sequence[Frame]:
    """Return the frames written since the WAL was begun anew, as their heads tell (fileformat2.html, 4.1).

    `read(offset, size)` reads the WAL. A frame's checksum is not looked at. The salts by which they are told are those
    of the WAL's own head if that is whole: it may be alone, just begun anew. Else, if no frame at its beginning has
    these, those that two neighbours agree in.
    """
    heads = [
        (at, read(at, _FRAME_HEADER)) for at in range(_HEADER, size - _FRAME_HEADER - PAGE + 1, _FRAME_HEADER + PAGE)
    ]
    begun = read(0, _HEADER)
    salts = begun[16:24]
    if not _is_whole(begun) and all(head[8:16] != salts for _, head in heads[:2]):
        salts = next((head[8:16] for (_, head), (_, behind) in pairwise(heads) if head[8:16] == behind[8:16]), salts)
    return [
        Frame(number, int.from_bytes(head[:4], "big"), at + _FRAME_HEADER, commits=head[4:8] != bytes(4))
        for number, (at, head) in enumerate(heads, 1)
        if head[8:16] == salts
    ]


def _is_whole(head: bytes) -> bool:
    """Tell whether a WAL's own head has the checksum that it says (fileformat2.html, 4.2)."""
    if len(head) < _HEADER or head[:3] != _MAGIC:
        return False
    first, second = 0, 0
    order: Literal["big", "little"] = "big" if head[3] & 1 else "little"
    for at in range(0, 24, 8):
        first = (first + int.from_bytes(head[at : at + 4], order) + second) % 2**32
        second = (second + int.from_bytes(head[at + 4 : at + 8], order) + first) % 2**32
    return head[24:] == first.to_bytes(4, "big") + second.to_bytes(4, "big")


def is_torn(path: Path) -> bool:
    """Tell whether the WAL of `path`, which nobody has open, lost what was synced. Raises sqlite3.Error.

    SQLite believes a WAL up to its first wrong checksum, and silently drops the rest. After a power cut that is right
    for the last transaction, which was never confirmed. But a frame behind a commit was written only once that commit
    was on the disk (synchronous = FULL): then what SQLite drops in front of it was confirmed.
    """
    if size(path) <= _HEADER or not path.exists():
        return False
    # Read-only: a connection that may write would drop the WAL when it is closed.
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        try:
            with path.with_name(path.name + "-wal").open("rb") as file:
                found = frames(lambda at, count: os.pread(file.fileno(), count, at), size(path))
            index = path.with_name(path.name + "-shm").read_bytes()[_MX_FRAME]
        except OSError:  # what cannot be read cannot be told
            return False
    believed = int.from_bytes(index, sys.byteorder)
    return any(frame.commits for frame in [frame for frame in found if frame.number > believed][:-1])


def checkpoint(path: Path) -> bool:
    """Copy the WAL into the database `path` and cut it; True when nothing of it is left over. Raises sqlite3.Error.

    Any thread may call it. Copying (PASSIVE) waits for nobody, and nobody for it; a reader that holds an older
    snapshot keeps what came after it in the WAL. Cutting (TRUNCATE) needs the write lock, but only for a moment,
    since there is nothing left to copy; if somebody writes just then, it is left to the next time.
    """
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")  # the database is synced before the WAL may be overwritten
        busy, frames, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        whole = not busy and frames == copied
        if whole and size(path) > LONG:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return bool(whole)


def size(path: Path) -> int:
    """Return how many bytes the WAL of the database `path` takes on the disk."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size
    except FileNotFoundError:
        return 0
