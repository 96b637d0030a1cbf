"""The end of a COPY into PostgreSQL, with something else to do until the server has written what it was sent.

psycopg waits there. For a thousand rows that is some 5 ms, in which this process could work.
"""

from collections.abc import Callable, Generator
from typing import Any

from psycopg import Cursor
from psycopg.copy import LibpqWriter
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn
from psycopg.waiting import Wait


class Ending(LibpqWriter):
    """A `psycopg.copy.Writer`: calls `meanwhile` between the last that it sends and the server's answer."""

    def __init__(self, cursor: Cursor[Any], meanwhile: Callable[[], None]) -> None:
        super().__init__(cursor)
        self._meanwhile = meanwhile

    def finish(self, exc: BaseException | None = None) -> None:
        """End the COPY; raises what the server says against it."""
        if exc is not None:
            super().finish(exc)
            return
        pgconn = self.connection.pgconn
        self.connection.wait(_send_end(pgconn))
        self._meanwhile()
        (result,) = self.connection.wait(fetch_many(pgconn))
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result)


def _send_end(pgconn: PGconn) -> Generator[Wait, Any, None]:
    while pgconn.put_copy_end() == 0:  # its buffer is full
        yield Wait.W
    while pgconn.flush():
        yield Wait.W
