"""Content packs on their way down: the next order of them, whenever a station has nothing better to wait for.

What a station shall have is a row of `content_deliveries`; that row alone is remembered. Its lines stand in the
station's orders journal one at a time and are forgotten when they are acknowledged: an order that is given meanwhile
waits for no more than that one.
"""

import uuid
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, exists, select, update

from common.clock import Clock, rfc3339
from common.events.content import ContentChunk, ContentOffered
from common.pack import bits_of, chunk_sizes, numbers_of, split_hashes
from hq import content_rows, tables
from hq.database import Database
from hq.journals import lock_station
from hq.orders import Orders
from sync import base64url

AHEAD: Final = 1
"""Nothing is handed out to a station that has not acknowledged so many orders, of whatever kind."""

AGAIN_MS: Final = 6 * 3600 * 1000
"""When a station that had no room is asked again."""

_deliveries, _packs, _chunks = tables.content_deliveries, tables.content_packs, tables.content_chunks
_lines, _journals = tables.order_lines, tables.order_journals
_LIVE = (_packs.c.withdrawn_ms.is_(None)) & (_packs.c.ends >= bindparam("today"))
_UNFINISHED = ("due", "offered", "sending")
_HUNGRY = (
    select(_deliveries.c.station)
    .distinct()
    .join(tables.stations, tables.stations.c.station == _deliveries.c.station)
    .where(_deliveries.c.state.in_(_UNFINISHED), tables.stations.c.revoked_ms.is_(None))
)
_ASK_AGAIN = (
    update(_deliveries)
    .where(
        _deliveries.c.state == "refused",
        _deliveries.c.reason.like("no room%"),
        _deliveries.c.changed_ms < bindparam("before"),
        exists().where(_packs.c.pack == _deliveries.c.pack, _LIVE),
    )
    .values(state="due", changed_ms=bindparam("at"))
)
_NEXT = (
    select(_deliveries.c.pack, _deliveries.c.state, _deliveries.c.offer, _deliveries.c.missing, _packs.c.size)
    .add_columns(_packs.c.chunks, _LIVE.label("live"))
    .join(_packs, _packs.c.pack == _deliveries.c.pack)
    .where(_deliveries.c.station == bindparam("of"), _deliveries.c.state.in_(_UNFINISHED))
    .order_by(_packs.c.sent_ms, _packs.c.pack)
)
_CHUNK = select(_chunks.c.data).where(_chunks.c.sha256 == bindparam("hash"))
_FORGET = delete(_lines).where(
    _lines.c.order_journal_id == bindparam("row"), _lines.c.bulk, _lines.c.number < bindparam("acked")
)
_REMEMBER = (
    update(_journals)
    .where(_journals.c.id == bindparam("row"), _journals.c.cursor < bindparam("acked"))
    .values(cursor=bindparam("acked"))
)


class ContentFeed:
    """Hands out orders of content. Synchronous, one transaction a method."""

    def __init__(self, database: Database, orders: Orders, clock: Clock) -> None:
        self._database = database
        self._orders = orders
        self._clock = clock

    def hungry(self) -> set[str]:
        """Return the stations that something may have to be sent to; those that had no room are asked again."""
        now = self._clock.wall_ms()
        values = {"before": now - AGAIN_MS, "at": now, "today": self._today()}
        with self._database.read() as connection:
            found = set(connection.execute(_HUNGRY).scalars())
        with self._database.write() as connection:
            connection.execute(_ASK_AGAIN, values)
        return found

    def feed(self, station: str, *, acked: int) -> bool:
        """Append the next order of content to a station's journal, False if there is none; forget what it acknowledged.

        `acked`: the last number of its orders journal that the station holds with all before it.
        """
        with self._database.write() as connection:
            lock_station(connection, station)
            row = self._orders.current_row(connection, station)
            # The cursor first: a start of ours must not want to send again what is forgotten here.
            connection.execute(_REMEMBER, {"row": row.id, "acked": acked})
            connection.execute(_FORGET, {"row": row.id, "acked": acked})
            return any(
                self._give(connection, station, delivery)
                for delivery in connection.execute(_NEXT, {"of": station, "today": self._today()}).all()
            )

    def _give(self, connection: Connection, station: str, delivery: Row[Any]) -> bool:
        """Give the next order of one delivery; False when there is none now."""
        now = self._clock.wall_ms()
        if not delivery.live:
            content_rows.put(connection, station, delivery.pack, {"state": "over", "missing": None}, at_ms=now)
            return False
        if delivery.state == "due":
            offer = str(uuid.uuid4())
            offered = ContentOffered(
                pack=delivery.pack, size=delivery.size, chunks=base64url.encode(bytes(delivery.chunks))
            )
            told = {"state": "offered", "offer": offer, "missing": None, "reason": ""}
            content_rows.put(connection, station, delivery.pack, told, at_ms=now)
            self._orders.hand_out(connection, station, offered, offer)
            return True
        count = len(chunk_sizes(delivery.size))
        missing = numbers_of(bytes(delivery.missing or b""), count)
        if delivery.state != "sending" or not missing:
            return False
        first = missing[0]
        digest = split_hashes(bytes(delivery.chunks), delivery.size)[first]
        data = bytes(connection.execute(_CHUNK, {"hash": digest}).scalar_one())
        chunk = ContentChunk(sha256=digest.hex(), data=base64url.encode(data))
        # The same chunk may stand at several places of the pack: the station puts it into all of them.
        same = {number for number in missing if bytes(delivery.chunks)[number * 32 : number * 32 + 32] == digest}
        left = bits_of(set(missing) - same, count)
        content_rows.put(connection, station, delivery.pack, {"missing": left}, at_ms=now)
        self._orders.hand_out(connection, station, chunk, content_rows.chunk_order(delivery.offer, first))
        return True

    def _today(self) -> str:
        return rfc3339(self._clock.wall_ms() - 24 * 3600 * 1000)[:10]  # somewhere it is still yesterday
