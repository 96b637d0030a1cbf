"""Many rows in one statement, by the driver itself: COPY on PostgreSQL, one prepared INSERT on SQLite.

Some 20 rows are as quick the ordinary way; a thousand take a fraction of the time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    RowMapping,
    Select,
    Table,
    bindparam,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.exc import DBAPIError

_BINARY: Final = ((BigInteger, "int8"), (Integer, "int4"), (LargeBinary, "bytea"), (Boolean, "bool"))
"""What binary COPY calls the columns' types, all others being text (PostgreSQL 15, COPY, "Binary Format")."""


def insert_rows(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    meanwhile: Callable[[], None] | None = None,
) -> None:
    """Insert rows, values in the order of `columns`. Raises what SQLAlchemy does; none of the rows may be there yet.

    `meanwhile` is called once while PostgreSQL, another process, writes them; on SQLite, where nobody else works,
    never. It must neither use the connection nor raise.
    """
    dialect = connection.dialect
    try:
        if dialect.name == "postgresql":
            _copy_in(connection, table, columns, rows, meanwhile or _nothing)
        else:
            _execute_many(connection, table, columns, rows)
    except dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(
            f"INSERT INTO {table.name}",
            None,
            error,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            dialect=dialect,
        ) from error


def insert_mappings(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    meanwhile: Callable[[], None] | None = None,
) -> None:
    """Insert rows as `insert_rows` does, that all name the same columns; nothing for none."""
    if rows:
        insert_rows(connection, table, list(rows[0]), (list(row.values()) for row in rows), meanwhile=meanwhile)


class RowsAmong:
    """The rows of a SELECT with one `key` among many values; its other parameters are its `bindparam` names.

    PostgreSQL looks each value up by itself: left to choose, it reads all of a station's rows as long as it has no
    statistics of them, which is just when a backlog arrives.
    """

    def __init__(self, wanted: Select[Any], key: Column[str]) -> None:
        every: BindParameter[Any] = bindparam("values", expanding=True)
        self._any = wanted.where(key.in_(every))
        array = bindparam("values", type_=ARRAY(key.type))
        each = func.unnest(array).table_valued("value").render_derived()
        found = wanted.where(key == each.c.value).offset(literal_column("0")).lateral()
        self._each = select(found).select_from(each.join(found, true()))

    def all(self, connection: Connection, values: Sequence[str], **others: object) -> list[RowMapping]:
        """Return every row there is."""
        statement = self._each if connection.dialect.name == "postgresql" else self._any
        return list(connection.execute(statement, {"values": list(values), **others}).mappings())


def _execute_many(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    marks = ", ".join("?" for _ in columns)
    cursor: Any = connection.connection.cursor()
    cursor.executemany(
        f"INSERT INTO {table.name} ({', '.join(map(_quoted, columns))}) VALUES ({marks})",  # noqa: S608 - our own names
        rows,
    )


def _copy_in(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    meanwhile: Callable[[], None],
) -> None:
    from hq.copy_in import Ending  # noqa: PLC0415 - psycopg, which only PostgreSQL needs

    types = [_type_of(table, name) for name in columns]
    names = ", ".join(map(_quoted, columns))
    cursor: Any = connection.connection.cursor()
    statement = f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)"
    with cursor.copy(statement, writer=Ending(cursor, meanwhile)) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def _nothing() -> None:
    pass


def _quoted(name: str) -> str:
    return f'"{name}"'  # help_calls.call and others are words of SQL's own


def _type_of(table: Table, name: str) -> str:
    kind = table.c[name].type
    return next((binary for cls, binary in _BINARY if isinstance(kind, cls)), "text")
