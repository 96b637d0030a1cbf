"""One database, SQLite or PostgreSQL: whatever is particular to either stands here, and only here."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.exc import InterfaceError, OperationalError

SCHEMA: Final = "0017"
"""The newest revision in `hq/migrations`; a database that is there needs no Alembic to be opened."""

_MIGRATIONS = Path(__file__).with_name("migrations")
_MIGRATION_LOCK = 0x6A74  # an arbitrary number, the same for every worker ("jt")
_BUSY_S = 10.0
_ONE_MOMENT: Final = "REPEATABLE READ"

log = logging.getLogger(__name__)

FAILURES: Final = (OperationalError, InterfaceError, sqlite3.OperationalError)
"""What a database says that is full, held by somebody else or not to be reached: the next attempt may well succeed.

SQLite's own, unwrapped, comes from preparing a new connection.
"""


class SchemaTooNewError(Exception):
    """The database was made by a newer Jingting than this one."""


class DatabaseUnreachableError(Exception):
    """The database could not be opened at the start; the message says which, and why."""


class Database:
    """An engine and its transactions. A write transaction is a writer from its first moment.

    On SQLite there is one writer at a time (`BEGIN IMMEDIATE`, https://www.sqlite.org/lang_transaction.html): threads
    of this process queue at a lock, because SQLite's own waiting polls, up to 100 ms a turn; other processes wait
    there, at most 10 s. On PostgreSQL transactions run side by side, and rows are locked where they are read.
    """

    def __init__(self, url: str) -> None:
        self._sqlite = make_url(url).get_backend_name() == "sqlite"
        connect_args: dict[str, Any] = {"timeout": _BUSY_S} if self._sqlite else {}
        self._engine = create_engine(url, connect_args=connect_args)
        self._turn: AbstractContextManager[object] = threading.Lock() if self._sqlite else nullcontext()
        if self._sqlite:
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
        self._reads = self._engine.execution_options(only_reads=True)
        # SQLite's readers see one moment anyway (https://www.sqlite.org/isolation.html).
        self._snapshots = self._reads if self._sqlite else self._engine.execution_options(isolation_level=_ONE_MOMENT)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Run one transaction that writes; it is committed at the end, or rolled back by an exception."""
        with self._turn, self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Run one transaction that only reads, and that waits for no writer."""
        with self._reads.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Run one transaction that only reads, and that sees everything as it stood when it began."""
        with self._snapshots.begin() as connection:
            yield connection

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None of another."""
        return Path(self._engine.url.database or "") if self._sqlite else None

    def number_on(self, connection: Connection, table: Table) -> None:
        """Let new rows be numbered behind those that came with their numbers (SQLite does so by itself)."""
        key = table.autoincrement_column
        if not self._sqlite and key is not None:
            sequence = func.pg_get_serial_sequence(table.name, key.name)
            connection.execute(select(func.setval(sequence, func.coalesce(func.max(key), 0) + 1, False)))  # noqa: FBT003

    def migrate(self) -> None:
        """Bring the tables up to date; quick, and without Alembic, when they are.

        Raises SchemaTooNewError when they are newer than this program, DatabaseUnreachableError when the database does
        not answer at all.
        """
        try:
            with self.read() as connection:
                if _revision(connection) == SCHEMA:
                    return
        except FAILURES as error:
            why = " ".join(str(getattr(error, "orig", error)).split())
            raise DatabaseUnreachableError(
                f"the database {self._engine.url} cannot be opened: {why}; is it running, and [store] url right?"
            ) from error
        from alembic import command  # noqa: PLC0415 - 0.3 s that only a new database needs
        from alembic.config import Config  # noqa: PLC0415
        from alembic.script import ScriptDirectory  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self.write() as connection:
            if not self._sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
            found = _revision(connection)
            known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
            if found is not None and found not in known:
                raise SchemaTooNewError(
                    f"the database has schema {found}, this program knows up to {SCHEMA}: "
                    "install the newer Jingting again"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        log.info("the database is at schema %s", SCHEMA)

    def tidy(self) -> None:
        """Empty SQLite's write-ahead log, which still has what was deleted; somebody who reads may keep it from that.

        PostgreSQL does the like by itself, in its time.
        """
        if self._sqlite:
            with self._turn, self._engine.connect() as connection:
                cursor = connection.connection.cursor()
                cursor.execute("PRAGMA busy_timeout = 0")  # nobody who writes shall wait while this waits for a reader
                try:
                    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_S * 1000:.0f}")
                    cursor.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _prepare_sqlite(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.isolation_level = None  # we say BEGIN ourselves, see _begin_sqlite
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        dbapi_connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("only_reads", False)
    # By the driver itself: see `hq/prepared.py`.
    connection.connection.cursor().execute("BEGIN" if reads else "BEGIN IMMEDIATE")
