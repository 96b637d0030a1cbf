"""A station's orders journal as its sender reads it."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, bindparam, select, update

from hq import tables
from hq.orders import Orders
from sync.batch import Line, chain_start
from sync.source import CloseCause, Kept

T = TypeVar("T")

_journals, _lines = tables.order_journals, tables.order_lines
_READ = (
    select(_lines.c.number, _lines.c.line, _lines.c.chain)
    .where(
        _lines.c.order_journal_id == bindparam("row"),
        _lines.c.number >= bindparam("first"),
        _lines.c.number < bindparam("end"),
    )
    .order_by(_lines.c.number)
)
_URGENT = (
    select(_lines.c.number)
    .where(_lines.c.order_journal_id == bindparam("row"), _lines.c.number > bindparam("after"), _lines.c.urgent)
    .order_by(_lines.c.number)
)
_ACKNOWLEDGED = (
    update(_journals)
    .where(_journals.c.id == bindparam("row"), _journals.c.cursor != bindparam("to"))
    .values(cursor=bindparam("to"))
)


class OrdersJournal:
    """A `sync.source.Source`: always the newest generation of one station's orders.

    Nothing is dropped from it but chunks of content that the station has acknowledged (`hq.content_feed`). Should it
    want one of those again, having lost what it had, a new generation begins.

    Every method waits for the database in place: it belongs to a loop that may.
    """

    def __init__(self, orders: Orders, station: str) -> None:
        self._orders = orders
        self._station = station

    async def kept(self) -> Kept:
        """Return what is kept now; the first generation is opened if there is none."""
        return await self._with(
            lambda _connection, row: Kept(
                journal=row.journal, oldest=1, head=row.head, cursor=row.cursor, generation=row.generation
            )
        )

    async def read(self, first: int, *, count: int, size: int) -> Sequence[Line]:
        """Return consecutive lines from `first`: at most `count`, at most `size` bytes together, but at least one."""

        def work(connection: Connection, row: Row[Any]) -> list[Line] | None:
            lines: list[Line] = []
            # With the one before, whose chain the batch begins at.
            before, after = max(1, first - 1), first + count
            for number, line, chain in connection.execute(_READ, {"row": row.id, "first": before, "end": after}):
                expected = before if not lines else lines[-1].number + 1
                size_with = sum(len(kept.line) for kept in lines if kept.number >= first) + len(line)
                if number != expected or (size_with > size and lines and lines[-1].number >= first):
                    break
                lines.append(Line(number, line, chain))
            wanted = [line for line in lines if line.number >= first]
            return None if not wanted and first <= row.head else wanted

        lines = await self._with(work)
        if lines is None:
            self._orders.open_generation(self._station, 0)
        return lines or []

    async def chain(self, number: int) -> bytes | None:
        """Return the chain at `number`, or None where there is no such number."""

        def work(connection: Connection, row: Row[Any]) -> bytes | None:
            if number == 0:
                return chain_start(row.journal)
            line = connection.execute(_READ, {"row": row.id, "first": number, "end": number + 1}).one_or_none()
            return None if line is None else bytes(line.chain)

        return await self._with(work)

    async def urgent(self, after: int) -> Sequence[int]:
        """Return the numbers above `after` that travel on the urgent lane, ascending."""
        return await self._with(
            lambda connection, row: connection.execute(_URGENT, {"row": row.id, "after": after}).scalars().all()
        )

    async def acknowledged(self, cursor: int) -> None:
        """Remember the cursor as the last accepted ack left it."""
        await self._with(
            lambda connection, row: connection.execute(_ACKNOWLEDGED, {"row": row.id, "to": cursor}), writes=True
        )

    async def close(self, cause: CloseCause, last_common: int) -> None:  # noqa: ARG002 - a snapshot needs neither
        """Go on in a new generation, above this one: its snapshot holds whatever is still to be done."""
        self._orders.open_generation(self._station, 0)

    async def recall(self, journal: str, cursor: int) -> None:
        """Bring nothing back: a new generation's snapshot holds whatever an older one still has to say."""

    async def withhold(self, number: int) -> None:
        """Name `number`, which can never be sent, in an `event.withheld` of this journal."""
        await self._with(lambda connection, row: self._orders.withhold(connection, row, number), writes=True)

    async def _with(self, work: Callable[[Connection, Row[Any]], T], *, writes: bool = False) -> T:
        return self._orders.with_current(self._station, work, writes=writes)
