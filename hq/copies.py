"""A whole database as one SQLite file, and back, whichever of the two kinds it is.

The file is a headquarters' database like any other: `store.url` may name it, and `sqlite3` reads it.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, select

from hq import tables
from hq.bulk import insert_rows
from hq.database import Database

NAME: Final = "hq.db"
"""What the file is called in the folder of a copy."""

_ROWS: Final = 2000


class NoCopyError(Exception):
    """A folder holds no copy that can be used, or one already; the message says which."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds; `seen_ms`: when the last signed message came (ms since 1970), None if none ever did."""

    stations: int
    events: int
    seen_ms: int | None


def contents(connection: Connection) -> Contents:
    """Count what is there."""
    stations, seen_ms = connection.execute(select(func.count(), func.max(tables.stations.c.seen_ms))).one()
    events = connection.execute(select(func.count()).select_from(tables.events)).scalar_one()
    return Contents(stations, events, seen_ms)


def write_copy(database: Database, folder: Path) -> Contents:
    """Copy everything, as it stood at one moment, into a new file in `folder`; nobody who writes meanwhile waits.

    The file takes its name when it is complete and on the disk. Raises NoCopyError if there is one, OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file, growing = folder / NAME, folder / f"{NAME}.part"
    if file.exists():
        raise NoCopyError(f"{file} is there already: name another folder for this copy")
    growing.unlink(missing_ok=True)
    growing.touch(mode=0o600)
    if database.file is None:
        _write_rows(database, growing)
    else:
        _write_pages(database.file, growing)
    with closing(sqlite3.connect(growing)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")  # one file, readable from a medium nobody may write to
    with opened(growing) as copy, copy.read() as connection:
        found = contents(connection)
    with growing.open("rb") as written:
        os.fsync(written.fileno())
    growing.rename(file)
    _flush_folder(folder)
    return found


@contextmanager
def working_copy(folder: Path) -> Iterator[Database]:
    """Open the copy in `folder` with its tables brought up to date; what is in the folder stays as it is.

    Raises NoCopyError; SchemaTooNewError for a copy of a newer Jingting's database.
    """
    file = folder / NAME
    if not file.is_file():
        raise NoCopyError(f"{file} is not there: name a folder that `jingting hq backup` has filled")
    with tempfile.TemporaryDirectory(prefix="jingting-") as place:
        working = Path(place) / NAME
        shutil.copyfile(file, working)
        try:
            with closing(sqlite3.connect(working)) as connection:
                connection.execute("SELECT version_num FROM alembic_version")  # an empty file is an SQLite database too
                said = connection.execute("PRAGMA quick_check").fetchone()[0]
        except sqlite3.DatabaseError as error:
            said = str(error)
        if said != "ok":
            raise NoCopyError(f"{file} is damaged ({said}): use another copy")
        with opened(working) as copy:
            copy.migrate()
            yield copy


def load_rows(copy: Database, database: Database, connection: Connection) -> None:
    """Put a copy's rows in place of all there are, inside the caller's write transaction on `database`."""
    for table in reversed(tables.metadata.sorted_tables):
        connection.execute(table.delete())
    with copy.read() as source:
        _insert_all(source, connection)
    for table in tables.metadata.sorted_tables:
        database.number_on(connection, table)


@contextmanager
def opened(file: Path) -> Iterator[Database]:
    """Open an SQLite file as a database, for as long as the block lasts."""
    database = Database(f"sqlite:///{file}")
    try:
        yield database
    finally:
        database.close()


def _write_pages(file: Path, to: Path) -> None:
    # In one step: a copy made in several begins again whenever another process writes (sqlite.org/backup.html).
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


def _write_rows(database: Database, to: Path) -> None:
    with opened(to) as copy:
        copy.migrate()
        with database.snapshot() as source, copy.write() as target:
            for table in tables.metadata.sorted_tables:
                target.execute(table.delete())  # a migration puts rows of its own there
            _insert_all(source, target)


def _insert_all(source: Connection, target: Connection) -> None:
    for table in tables.metadata.sorted_tables:
        found = source.execute(select(table), execution_options={"yield_per": _ROWS})
        for rows in found.partitions():
            insert_rows(target, table, table.columns.keys(), rows)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
