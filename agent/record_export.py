"""The records that a station keeps, as one table on stdout: masked, while the station runs or not.

Nothing here can open what is sealed: the key lives in the daemon's memory, and what it opens is shown for ten seconds
at the desk. Ratings are left out too: whoever was rated does not learn who rated.
"""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from agent import record_rows
from agent.database import connect_to_read, journal_error
from common import record_sheet
from common.table_output import is_unread, write_out

COLUMNS: Final = record_sheet.HEADER + record_sheet.PERSONAL_COLUMNS

_WAIT_MS: Final = 5000  # for a recovery after a crash, or whoever holds the file


class _Count:
    rows = 0


def print_exported(path: Path, first: date | None, last: date | None, *, as_json: bool) -> int:
    """Print the records of the database at `path` as CSV or JSON lines, and return the exit code; read only."""
    count = _Count()
    try:
        if not path.exists():
            return _fail(
                f"{path} does not exist: this station has not run yet, or its data is elsewhere;"
                " station.data of the settings says where"
            )
        with closing(connect_to_read(path)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
            write = record_sheet.as_json if as_json else record_sheet.as_csv
            write_out(write(COLUMNS, _rows(connection, first, last, count)))
    except sqlite3.Error as error:
        return _fail(str(journal_error("read", path, error)))
    except msgspec.MsgspecError:
        return _fail(f"after {count.rows} records comes one in {path} that cannot be read: it is damaged, or newer")
    except OSError as error:
        if is_unread(error):
            raise
        return _fail(
            f"{error.filename or 'the output'}: {(error.strerror or str(error)).lower()}; mend that, do it again"
        )
    sys.stderr.write(
        f"{count.rows} records. Whom they are about is sealed; at headquarters: jingting hq records export.\n"
    )
    return 0


def _rows(
    connection: sqlite3.Connection, first: date | None, last: date | None, count: _Count
) -> Iterator[dict[str, object]]:
    for record in record_rows.each(connection):
        if record_sheet.falls_within(record, first, last):
            count.rows += 1
            yield record_sheet.row_of(record)


def _fail(message: str) -> int:
    sys.stderr.write(message + "\n")
    return 1
