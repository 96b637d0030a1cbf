"""Received orders: stored first, then applied once, in order, and every outcome is an event.

`docs/link.md`, "Orders". Storing, applying and the outcome are one transaction of the station's journal, so a kill
between two of them cannot happen.
"""

import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import msgspec

from agent.journal import Journal
from agent.pen import Pen
from common.clock import rfc3339
from common.events import BULK_ORDERS, ORDERS, URGENT_ORDERS, read_payload
from common.events.journal import OrderApplied, OrderFailed, OrdersOpened
from common.events.terms import Payload
from common.identifiers import is_identifier
from sync.batch import Batch, Line, Settled, Standing, chain_start, settle
from sync.ranges import Ranges

log = logging.getLogger(__name__)

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS orders_journal(
    one INTEGER PRIMARY KEY CHECK (one = 1),
    journal TEXT NOT NULL,
    generation INTEGER NOT NULL,  -- the highest ever accepted: only a higher one replaces it
    rev INTEGER NOT NULL,
    held TEXT NOT NULL,
    gone TEXT NOT NULL,
    oldest INTEGER NOT NULL,
    applied INTEGER NOT NULL      -- up to here every order was acted on or passed over
);
CREATE TABLE IF NOT EXISTS orders(number INTEGER PRIMARY KEY, line BLOB NOT NULL, chain BLOB NOT NULL);
-- Numbers of bulk orders that were acted on and whose lines are still there: they are not kept.
CREATE TABLE IF NOT EXISTS orders_bulk(number INTEGER PRIMARY KEY);
-- at: wall milliseconds; NULL while the clock was not to be trusted.
CREATE TABLE IF NOT EXISTS orders_done(id TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID;
"""

REMEMBERED_MS: Final = 30 * 24 * 3600 * 1000
"""How long an order's id is remembered, across orders journals."""

# What an applier's own mistake looks like. It fails that one order: nothing may block the one behind it.
_MISTAKES: Final = (ValueError, TypeError, LookupError, ArithmeticError, sqlite3.IntegrityError)

Applier: TypeAlias = Callable[[Pen, str, Any], None]
"""`(pen, order id, payload)`: carries one order out, in the transaction that stores it; may raise OrderRefused."""


class OrderRefused(Exception):
    """An order cannot be carried out, for `reason`.

    With `retry`, only not yet: an urgent order that needs what stands at lower numbers is tried again, once, when
    nothing before it is missing any more.
    """

    def __init__(self, reason: str, *, retry: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.retry = reason, retry


@dataclass(frozen=True, slots=True)
class OrdersStanding:
    """What a `down/ack` tells: which orders journal is held, how far, and the chain at the end of the first range.

    `journal` and `chain` are None, and `generation` 0, while none was ever accepted.
    """

    journal: str | None = None
    generation: int = 0
    standing: Standing = field(default_factory=Standing)
    chain: bytes | None = None


class OrdersStore:
    """The orders journal as this station holds it; its tables are SCHEMA, given to `Journal.open`."""

    def __init__(self, journal: Journal, appliers: Mapping[str, Applier], *, lowest_generation: int = 0) -> None:
        self._journal = journal
        self._appliers = appliers
        self._lowest_generation = lowest_generation

    async def take(self, batch: Batch, *, now_wall_ms: int, trusted: bool) -> Settled | None:
        """Store a batch, act on what it makes due, and return what came of it, after the fsync.

        None when the batch is of an orders journal that is not accepted: the answer is a `down/ack` of what is held.
        `trusted`: whether `now_wall_ms` is; nothing expires while it is not. Raises JournalError.
        """

        def work(pen: Pen) -> Settled | None:
            if not _accept(pen.connection, batch, self._lowest_generation):
                return None
            settled = settle(_Ledger(pen.connection), batch)
            if settled.verdict != "fork":
                _Foreman(pen, self._appliers, now_wall_ms, trusted=trusted).work_off(batch, settled)
            return settled

        return await self._journal.run(work)

    async def standing(self) -> OrdersStanding:
        """Return what the next `down/ack` has to say. Raises JournalError."""
        return self._journal.query(_standing)


class _Ledger:
    """The orders journal as `sync.batch.settle` writes it; the writer's transaction is its lock."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def standing(self) -> Standing:
        rev, held, gone, oldest = self._connection.execute(
            "SELECT rev, held, gone, oldest FROM orders_journal"
        ).fetchone()
        return Standing(rev, _ranges(held), _ranges(gone), oldest)

    def held(self, first: int, last: int) -> Sequence[Line]:
        rows = "SELECT number, line, chain FROM orders WHERE number BETWEEN ? AND ? ORDER BY number"
        return [Line(*row) for row in self._connection.execute(rows, (first, last))]

    def keep(self, lines: Sequence[Line], standing: Standing) -> None:
        self._connection.executemany(
            "INSERT INTO orders VALUES (?, ?, ?)", ((line.number, line.line, line.chain) for line in lines)
        )
        self._connection.execute(
            "UPDATE orders_journal SET rev = ?, held = ?, gone = ?, oldest = ?",
            (standing.rev, _text(standing.held), _text(standing.gone), standing.oldest),
        )


class _Foreman:
    """Acts on what one batch made due, each order in a part of its own."""

    def __init__(self, pen: Pen, appliers: Mapping[str, Applier], now_wall_ms: int, *, trusted: bool) -> None:
        self._pen = pen
        self._appliers = appliers
        self._now_ms = now_wall_ms
        self._trusted = trusted

    def work_off(self, batch: Batch, settled: Settled) -> None:
        if self._trusted:
            self._forget()
        connection, fresh = self._pen.connection, set(settled.fresh)
        (applied,) = connection.execute("SELECT applied FROM orders_journal").fetchone()
        for line, order in zip(batch.lines, batch.events, strict=True):
            # What comes although it counted as gone will not be met by the cursor any more.
            if line.number in fresh and (order["type"] in URGENT_ORDERS or line.number <= applied):
                self._act(line.number, order, may_retry=line.number > applied)
        cursor = settled.standing.cursor
        rows = "SELECT number, line FROM orders WHERE number > ? AND number <= ? ORDER BY number"
        for number, row in connection.execute(rows, (applied, cursor)).fetchall():
            self._act(number, msgspec.json.decode(row), may_retry=False)
        connection.execute("UPDATE orders_journal SET applied = max(applied, ?)", (cursor,))
        _forget_bulk(connection, settled.standing.stored[0][1] if settled.standing.stored else 0)

    def _act(self, number: int, order: dict[str, Any], *, may_retry: bool) -> None:
        if order["type"] in BULK_ORDERS:
            self._pen.connection.execute("INSERT OR IGNORE INTO orders_bulk VALUES (?)", (number,))
        if order["type"] in {"orders.opened", "event.withheld"}:
            return  # the link's own; whoever settled the batch has heeded them
        order_id = id_that_counts(order)
        if self._pen.connection.execute("SELECT 1 FROM orders_done WHERE id = ?", (order_id,)).fetchone():
            return
        try:
            with self._pen.part():
                self._apply(order_id, order)
                if order["type"] not in BULK_ORDERS:  # another event tells of these
                    self._pen.append(OrderApplied(order=order_id))
        except OrderRefused as refusal:
            if refusal.retry and may_retry:
                return
            log.warning("Order %s (%s) is passed over: %s.", order_id, order["type"], refusal.reason)
            self._pen.append(OrderFailed(order=order_id[:64], reason=refusal.reason[:200]))
        at = self._now_ms if self._trusted else None
        self._pen.connection.execute("INSERT INTO orders_done VALUES (?, ?)", (order_id, at))

    def _apply(self, order_id: str, order: dict[str, Any]) -> None:
        if not is_identifier(order_id):
            raise OrderRefused("its id is no UUID")
        apply = self._appliers.get(order["type"])
        if apply is None:
            raise OrderRefused("unknown type")
        payload = read_payload(ORDERS, order)
        if payload is None:
            raise OrderRefused("unusable payload")
        if self._is_expired(payload):
            raise OrderRefused("expired")
        try:
            apply(self._pen, order_id, payload)
        except _MISTAKES as mistake:
            raise OrderRefused(f"{type(mistake).__name__} while it was carried out") from mistake

    def _is_expired(self, payload: Payload) -> bool:
        expires: str | None = getattr(payload, "expires", None)
        return self._trusted and expires is not None and expires <= rfc3339(self._now_ms)

    def _forget(self) -> None:
        """Forget ids after their time; one noted by a clock not to be trusted begins its time now."""
        connection, now_ms = self._pen.connection, self._now_ms
        connection.execute("DELETE FROM orders_done WHERE at < ?", (now_ms - REMEMBERED_MS,))
        connection.execute("UPDATE orders_done SET at = ? WHERE at IS NULL", (now_ms,))


def _accept(connection: sqlite3.Connection, batch: Batch, lowest: int) -> bool:
    """Tell whether a batch belongs to the orders journal held, or rightly opens one that replaces it; then do so.

    `lowest`: a kiosk that took the place of another one takes no orders journal from that one's time.
    """
    row = connection.execute("SELECT journal, generation FROM orders_journal").fetchone()
    journal, highest = row or (None, 0)
    if batch.generation is None:
        return False
    if batch.journal == journal:
        return bool(batch.generation == highest)
    if batch.generation < max(lowest, highest + 1) or batch.first != 1 or batch.prev != chain_start(batch.journal):
        return False
    opened = read_payload(ORDERS, batch.events[0])
    if not isinstance(opened, OrdersOpened) or opened.generation != batch.generation:
        return False
    connection.execute("DELETE FROM orders")
    connection.execute("DELETE FROM orders_bulk")
    connection.execute(
        "INSERT OR REPLACE INTO orders_journal VALUES (1, ?, ?, 0, '[]', '[]', 1, 0)", (batch.journal, batch.generation)
    )
    return True


def _forget_bulk(connection: sqlite3.Connection, end: int) -> None:
    """Drop the lines of bulk orders that were acted on, all but the one at `end`, whose chain an ack shows."""
    connection.execute("DELETE FROM orders WHERE number IN (SELECT number FROM orders_bulk WHERE number < ?)", (end,))
    connection.execute("DELETE FROM orders_bulk WHERE number < ?", (end,))


def _standing(connection: sqlite3.Connection) -> OrdersStanding:
    row = connection.execute("SELECT journal, generation FROM orders_journal").fetchone()
    if row is None:
        return OrdersStanding()
    journal, generation = row
    standing = _Ledger(connection).standing()
    if not standing.stored:
        return OrdersStanding(journal, generation, standing, chain_start(journal))
    (chain,) = connection.execute("SELECT chain FROM orders WHERE number = ?", (standing.stored[0][1],)).fetchone()
    return OrdersStanding(journal, generation, standing, chain)


def id_that_counts(order: dict[str, Any]) -> str:
    """Return the id by which an order is done once: of a snapshot's order, the id of the one it stands for."""
    data = order.get("data")
    stands_for = data.get("order") if isinstance(data, dict) else None
    return str(stands_for if is_identifier(stands_for) else order["id"])


def _ranges(text: str) -> Ranges:
    return tuple((first, last) for first, last in msgspec.json.decode(text))


def _text(ranges: Ranges) -> str:
    return msgspec.json.encode(ranges).decode()
