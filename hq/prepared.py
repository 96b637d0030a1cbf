"""Statements that a call for help waits for, compiled once and run by the driver itself.

On a machine that idles between two presses nothing is in the CPU's caches, and SQLAlchemy's way to a statement costs
several times what the statement does. So the few that settle a batch go without it; everything else goes with it.
"""

from collections import namedtuple
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError


class Prepared:
    """One statement for either database; its parameters are its `bindparam` names, of an INSERT the `columns`.

    Rows come back as named tuples of what the driver gives: SQLite's booleans are 0 and 1. Raises what SQLAlchemy does.
    """

    def __init__(
        self, statement: Select[Any] | Insert | Update | Delete, *, columns: Iterable[str] | None = None
    ) -> None:
        self._statement = statement
        self._columns = None if columns is None else list(columns)
        names = [column.name for column in statement.exported_columns]
        self._row = namedtuple("Row", names)  # type: ignore[misc] # noqa: PYI024 - the statement names its columns
        self._compiled: dict[str, tuple[str, Mapping[str, Any], list[str] | None]] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Return how many rows it changed."""
        return int(self._execute(connection, values).rowcount)

    def one(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Return the only row, or None."""
        rows = self._execute(connection, values).fetchall()
        return self._row(*rows[0]) if rows else None

    def all(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """Return every row."""
        return [self._row(*row) for row in self._execute(connection, values).fetchall()]

    def _execute(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        dialect = connection.dialect
        text, fixed, order = self._compiled.get(dialect.name) or self._compile(dialect)
        values = {**fixed, **values}
        cursor = connection.connection.cursor()
        try:
            cursor.execute(text, values if order is None else [values[name] for name in order])
        except dialect.loaded_dbapi.Error as error:
            raise DBAPIError.instance(
                text, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, dialect=dialect
            ) from error
        return cursor

    def _compile(self, dialect: Dialect) -> tuple[str, Mapping[str, Any], list[str] | None]:
        compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
        fixed = {name: bind.value for bind, name in compiled.bind_names.items() if not bind.required}
        known = str(compiled), fixed, compiled.positiontup if compiled.positional else None
        self._compiled[dialect.name] = known
        return known
