"""The file `station.db`: its settings, its tables, and what happens when it cannot be read."""

import contextlib
import logging
import os
import sqlite3
import uuid
from collections.abc import Sequence
from pathlib import Path

from agent import wal
from sync.batch import chain_start

log = logging.getLogger(__name__)

VERSION = 1
"""The layout below, kept in `PRAGMA user_version`; a file of a higher one was made by a newer Jingting."""

BUSY_S = 5.0
"""How long a commit waits for another process that holds the file's write lock."""

WAL_LIMIT = 4 * 2**20
"""What the WAL may keep of the disk once it is written over from its start (bytes): as long as it usually gets."""

CHECKED_AT_START = 16 * 2**20
"""Up to this size a file is looked through as a whole at each start (bytes): a second or less on a slow card."""

_READ_BUSY_S = 0.1  # a reader waits for nobody but a recovery, and it waits on the loop

TABLES = """
CREATE TABLE journal(
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    oldest INTEGER NOT NULL,
    base BLOB NOT NULL,      -- chain(oldest - 1)
    cursor INTEGER NOT NULL  -- as the last accepted ack left it
);
CREATE TABLE events(number INTEGER PRIMARY KEY, line BLOB NOT NULL, chain BLOB NOT NULL);
CREATE TABLE urgent(number INTEGER PRIMARY KEY);
CREATE TABLE withheld(number INTEGER PRIMARY KEY);
-- What headquarters had acknowledged of journals that are closed: a restored headquarters can get it again.
CREATE TABLE closed_events(
    journal TEXT NOT NULL, number INTEGER NOT NULL, line BLOB NOT NULL, urgent INTEGER NOT NULL,
    PRIMARY KEY (journal, number)
) WITHOUT ROWID;
"""

# Primary result codes (https://sqlite.org/rescode.html) that accuse the disk, the rights or a neighbour. Any other
# error while a file is opened accuses the file.
_HINTS = {
    sqlite3.SQLITE_FULL: "free disk space",
    sqlite3.SQLITE_IOERR: "look at the disk or card with dmesg; is it full, or over a file size limit?",
    sqlite3.SQLITE_BUSY: "stop the other process that holds it",
    sqlite3.SQLITE_LOCKED: "stop the other process that holds it",
    sqlite3.SQLITE_PROTOCOL: "stop the other process that holds it",
    sqlite3.SQLITE_READONLY: "make the file and its folder writable",
    sqlite3.SQLITE_PERM: "make the file and its folder writable",
    sqlite3.SQLITE_AUTH: "make the file and its folder writable",
    sqlite3.SQLITE_CANTOPEN: "its folder must exist and be writable",
    sqlite3.SQLITE_NOMEM: "free memory",
}
_DAMAGE_HINT = "restart the station: it sets a damaged file aside and begins a fresh one"


class JournalError(Exception):
    """The station's database could not do what was asked, and nothing of it was done.

    `operation` is what was asked, `path` the file, `hint` what to do next. The next attempt may well succeed.
    """

    def __init__(self, operation: str, path: Path, cause: str, hint: str) -> None:
        super().__init__(f"cannot {operation} {path}: {cause}; {hint}")
        self.operation, self.path, self.hint = operation, path, hint


def journal_error(operation: str, path: Path, error: sqlite3.Error) -> JournalError:
    """Say an error of SQLite's as a JournalError, with a hint for its result code."""
    return JournalError(operation, path, str(error), _HINTS.get(_code(error), _DAMAGE_HINT))


def is_disk_error(error: BaseException) -> bool:
    """Tell whether an error comes from disk, rights or a damaged file, rather than from what was asked."""
    return isinstance(error, sqlite3.Error) and _code(error) in {
        *_HINTS,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }


class Damage(sqlite3.DatabaseError):
    """The file is damaged: found by looking, not by stumbling over it."""


def open_database(path: Path, schema: Sequence[str]) -> None:
    """Make `path` a sound database of VERSION with the tables of `schema` too; raises JournalError.

    A damaged file is renamed (`station.db.damaged-…`, with its WAL), kept, and a fresh one begins.
    """
    try:
        _prepare(path)
    except sqlite3.Error as error:
        if _code(error) in _HINTS:
            raise journal_error("open", path, error) from error
        aside = _quarantine(path, error)
        log.error("%s is damaged (%s); it is kept as %s and a fresh journal begins.", path, error, aside)  # noqa: TRY400 - the cause is in the line
    try:
        _prepare(path)
        connection = connect(path)
        try:
            for script in schema:
                connection.executescript(script)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise journal_error("open", path, error) from error


def find_damage(path: Path) -> str | None:
    """Look through the whole file, however long that takes; return what is wrong with it. Raises sqlite3.Error.

    https://sqlite.org/pragma.html#pragma_quick_check: every page of every table is visited.
    """
    connection = connect_to_read(path)
    try:
        return _quick_check(connection, None)
    finally:
        connection.close()


def suspect(path: Path) -> None:
    """Let the next start set `path` aside: it is damaged where a start does not look. Raises OSError."""
    _suspected(path).touch()


def is_full(error: BaseException) -> bool:
    """Tell whether an error of SQLite's says that the disk has no room."""
    return isinstance(error, sqlite3.Error) and _code(error) == sqlite3.SQLITE_FULL


def is_damage(error: BaseException) -> bool:
    """Tell whether an error of SQLite's accuses the file itself."""
    damage = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
    return isinstance(error, Damage) or (isinstance(error, sqlite3.Error) and _code(error) in damage)


def connect(path: Path) -> sqlite3.Connection:
    """Return the writing connection to an existing database; it belongs to the calling thread. Raises sqlite3.Error."""
    connection = _connection(path, "rw", BUSY_S)
    # FULL: a commit returns after its fsync of the WAL (https://sqlite.org/pragma.html#pragma_synchronous).
    connection.execute("PRAGMA synchronous = FULL")
    # A WAL that grew is cut again when it is written over from its start (https://sqlite.org/pragma.html).
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
    connection.execute("PRAGMA temp_store = MEMORY")  # savepoints must not open files of their own
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Return a connection that can only read; it belongs to the calling thread. Raises sqlite3.Error."""
    return _connection(path, "ro", _READ_BUSY_S)


def begin_journal(connection: sqlite3.Connection, journal: str) -> None:
    """Let an empty journal with this id be the station's journal from here on."""
    connection.execute("INSERT OR REPLACE INTO journal VALUES (1, ?, 1, ?, 0)", (journal, chain_start(journal)))


def read_end(connection: sqlite3.Connection) -> tuple[str, int, bytes]:
    """Return the journal's id, its highest number (oldest - 1 when it keeps nothing) and the chain there.

    Raises Damage when the journal's own row is missing.
    """
    row = connection.execute("SELECT id, oldest - 1, base FROM journal").fetchone()
    if row is None:
        raise Damage("the journal's row is missing")
    last = connection.execute("SELECT number, chain FROM events ORDER BY number DESC LIMIT 1").fetchone()
    journal, before, base = row
    head, chain = last or (before, base)
    return journal, head, chain


def _connection(path: Path, mode: str, busy_s: float) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=busy_s, isolation_level=None)


def _code(error: sqlite3.Error) -> int:
    """Return the primary result code; the extended ones keep theirs in the higher bits."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def _prepare(path: Path) -> None:
    """Create what is missing and read what every append rests on."""
    if wal.is_torn(path):
        raise Damage("its WAL is torn in the middle")
    connection = _connection(path, "rwc", BUSY_S)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise JournalError(
                "open",
                path,
                f"its layout {version} is newer than {VERSION}",
                "install the Jingting that wrote it",
            )
        if version == 0:
            _create(connection, path)
            # Left by a power cut in the middle of `_quarantine`: it says nothing of this file.
            with contextlib.suppress(OSError):
                _suspected(path).unlink(missing_ok=True)
        read_end(connection)
        _check(connection, path)
    finally:
        connection.close()


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise Damage that can be found at a start, or that was found before it.

    A long file's events are left to `find_damage`, behind the start; all else is small, and read at the start anyway.
    """
    if _suspected(path).exists():
        raise Damage("it was found damaged before")
    tables: list[str | None] = [None]
    if path.stat().st_size > CHECKED_AT_START:
        rows = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('events', 'closed_events')"
        tables = [name for (name,) in connection.execute(rows)]
    for table in tables:
        found = _quick_check(connection, table)
        if found is not None:
            raise Damage(found)


def _quick_check(connection: sqlite3.Connection, table: str | None) -> str | None:
    what = "1" if table is None else f"'{table}'"
    (found,) = connection.execute(f"PRAGMA quick_check({what})").fetchone()
    return None if found == "ok" else " ".join(str(found).split())


def _suspected(path: Path) -> Path:
    return path.with_name(f"{path.name}.suspected")


def _create(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() != (0,):
        raise JournalError("open", path, "it is another program's database", "name another file in the settings")
    # Both only count before the first table; incremental, so that retention can give pages back to the disk.
    connection.execute("PRAGMA page_size = 4096")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # One transaction: a power cut leaves an empty file or a whole one.
    connection.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION};")
    begin_journal(connection, str(uuid.uuid4()))
    connection.execute("COMMIT")


def _quarantine(path: Path, error: sqlite3.Error) -> Path:
    """Rename the file, with the WAL under the name SQLite will look for; raises JournalError."""
    aside = path.with_name(f"{path.name}.damaged-{uuid.uuid4().hex[:8]}")
    try:
        # The database first: cut off between the renames, the next start finds no database and begins afresh
        # (SQLite drops a WAL whose database is empty); the other way round it would believe the file without its WAL.
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                beside.rename(aside.with_name(aside.name + suffix))
        _suspected(path).unlink(missing_ok=True)  # last: cut off before, the next start looks again
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as failure:
        hint = "make its folder writable, or move the file away by hand"
        raise JournalError("set aside the damaged", path, f"{error}; {failure}", hint) from failure
    return aside
