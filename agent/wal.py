"""The write-ahead log kept short, without a press ever waiting for it (https://sqlite.org/wal.html)."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

LONG: Final = 2**20
"""From this many bytes on the WAL is cut when everything in it stands in the database."""


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
