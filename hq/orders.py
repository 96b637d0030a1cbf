"""Orders: one journal a station, downwards, and the generations of it (`docs/link.md`, "Orders").

An order is a row of `orders`, known by its id until it is over and old (`hq.forgetting`); the journals are what was
said of it to the station. A new generation begins with a snapshot (`hq.snapshot`).
"""

import hashlib
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, exists, func, insert, select, update

from common.clock import Clock, rfc3339
from common.events import BULK_ORDERS, URGENT_ORDERS, encode_event, type_of
from common.events.calls import HelpAnswered, HelpTestAnswered
from common.events.content import ContentChunk, ContentOffered, ContentWithdrawn
from common.events.desk import RotaSet, StaffSet
from common.events.errands import DispatchSent, NoticeSent
from common.events.journal import EventWithheld, OrdersOpened, SettingsSet
from common.events.records import KeyRotated, ReferralSigned
from common.events.terms import Payload
from common.identifiers import is_identifier, uuid7
from hq import tables
from hq.alarms import plain
from hq.journals import lock_station
from hq.snapshot import snapshot
from hq.store import Store
from sync import base64url
from sync.batch import chain_next, chain_start
from sync.source import Kept

SOURCE: Final = "/hq"
"""CloudEvents `source` of every order."""

Order: TypeAlias = (
    HelpAnswered
    | HelpTestAnswered
    | KeyRotated
    | RotaSet
    | StaffSet
    | SettingsSet
    | DispatchSent
    | NoticeSent
    | ReferralSigned
    | ContentWithdrawn
)
"""What may be ordered today."""

T = TypeVar("T")
_LONGEST_NAME: Final = 64

_orders, _journals, _lines, _calls = tables.orders, tables.order_journals, tables.order_lines, tables.help_calls
_CURRENT = (
    select(_journals).where(_journals.c.station == bindparam("of")).order_by(_journals.c.generation.desc()).limit(1)
)
_NEW_JOURNAL = insert(_journals)
_NEW_LINE = insert(_lines)
_MOVE = (
    update(_journals)
    .where(_journals.c.id == bindparam("row"))
    .values(head=bindparam("to_head"), chain=bindparam("to_chain"))
)
_ORDER = select(_orders.c.id).where(_orders.c.station == bindparam("of"), _orders.c.id == bindparam("id_"))
_POSITION = select(func.coalesce(func.max(_orders.c.position), 0)).where(_orders.c.station == bindparam("of"))
_NEW_ORDER = insert(_orders)
_newer = _journals.alias("newer")
_UNACKNOWLEDGED = select(_journals.c.station).where(
    _journals.c.cursor < _journals.c.head,
    ~exists().where(_newer.c.station == _journals.c.station, _newer.c.generation > _journals.c.generation),
)
_WITH_JOURNALS = (
    select(tables.stations.c.station, tables.stations.c.generation)
    .where(exists().where(_journals.c.station == tables.stations.c.station))
    .order_by(tables.stations.c.station)
)
_LINE = select(_lines.c.line).where(
    _lines.c.order_journal_id == bindparam("row"), _lines.c.number == bindparam("of_number")
)
_CALL_STATE = select(_calls.c.state).where(_calls.c.station == bindparam("of"), _calls.c.call == bindparam("id_"))
_ANSWERED = (
    update(_calls)
    .where(_calls.c.station == bindparam("of"), _calls.c.call == bindparam("id_"))
    .values(answered_by=bindparam("name"))
)
_ASK_FOR_CONTENT = (
    update(tables.content_deliveries)
    .where(
        tables.content_deliveries.c.station == bindparam("of"),
        tables.content_deliveries.c.state.in_(("offered", "sending", "stored")),
        exists().where(tables.content_packs.c.pack == tables.content_deliveries.c.pack),
    )
    .values(state="due", missing=None)
)
_FORGET_BULK = delete(_lines).where(
    _lines.c.bulk, _lines.c.order_journal_id.in_(select(_journals.c.id).where(_journals.c.station == bindparam("of")))
)
_GENERATION = select(tables.stations.c.generation).where(tables.stations.c.station == bindparam("of"))


class Orders:
    """The orders of all stations. Methods are synchronous, may come from any thread, and are one transaction each.

    Set `on_append` to be called, in the thread that appended, with the station that has something new to be sent.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self.on_append: Callable[[str], None] = lambda _station: None
        self._store = store
        self._clock = clock

    def append(self, station: str, payload: Order, *, order_id: str) -> int | None:
        """Give an order and return its number; None if that id was given before: a repeated submit changes nothing.

        `order_id` is a UUID, made with the form. Raises ValueError if it is none.
        """
        with self._store.database.write() as connection:
            number = self.give(connection, station, payload, order_id)
        if number is not None:
            self.on_append(station)
        return number

    def answer(self, station: str, call: str, by: str, order_id: str) -> bool:
        """Answer an open help call for headquarters; False, and nothing, if it is unknown or closed.

        Raises ValueError if `order_id` is no UUID, or `by` is not 1 to 64 printable characters.
        """
        if not by or plain(by, _LONGEST_NAME) != by:
            raise ValueError(f"the name of who answers has 1 to {_LONGEST_NAME} printable characters")
        with self._store.database.write() as connection:
            lock_station(connection, station)
            state = connection.execute(_CALL_STATE, {"of": station, "id_": call}).scalar()
            if state is None or state == "closed":
                return False
            number = self.give(connection, station, HelpAnswered(call=call, by=by), order_id)
            if number is not None:
                connection.execute(_ANSWERED, {"of": station, "id_": call, "name": by})
        if number is not None:
            self.on_append(station)
            self._store.changed()
        return True

    def answer_test(self, station: str, test: str) -> None:
        """Answer a self-test, whose help.tested has the id `test` and is committed; a second time changes nothing."""
        self.append(station, HelpTestAnswered(test=test), order_id=str(uuid.uuid5(uuid.UUID(test), station)))

    def open_generation(self, station: str, above: int) -> int:
        """Begin a new orders journal with a snapshot of what holds now; return its generation.

        It is above `above` (what the station's birth named) and above every earlier one.
        """
        with self._store.database.write() as connection:
            lock_station(connection, station)
            generation: int = self._open(connection, station, above).generation
        self.on_append(station)
        return generation

    def open_generations(self, connection: Connection) -> int:
        """Begin a new orders journal for every station that had one, in the caller's transaction; return how many."""
        stations = connection.execute(_WITH_JOURNALS).all()
        for station, named in stations:
            self._open(connection, station, named or 0)
        return len(stations)

    def current(self, station: str) -> Kept | None:
        """Return what is kept of the newest generation; None before the first order and the first generation."""
        with self._store.database.read() as connection:
            row = _current(connection, station)
        if row is None:
            return None
        return Kept(journal=row.journal, oldest=1, head=row.head, cursor=row.cursor, generation=row.generation)

    def unacknowledged(self) -> list[str]:
        """Return the stations that have not acknowledged all of their newest orders journal."""
        with self._store.database.read() as connection:
            return list(connection.execute(_UNACKNOWLEDGED).scalars())

    def with_current(self, station: str, work: Callable[[Connection, Row[Any]], T], *, writes: bool = False) -> T:
        """Run `work` in one transaction with the newest generation's row, opening the first if there is none."""
        if not writes:
            with self._store.database.read() as connection:
                row = _current(connection, station)
                if row is not None:
                    return work(connection, row)
        with self._store.database.write() as connection:
            lock_station(connection, station)
            return work(connection, self._current_or_first(connection, station))

    def withhold(self, connection: Connection, row: Row[Any], number: int) -> None:
        """Name an order that can never be sent in an `event.withheld` of the same journal."""
        line = connection.execute(_LINE, {"row": row.id, "of_number": number}).scalar()
        if line is not None:
            digest = base64url.encode(hashlib.sha256(line).digest())
            withheld = EventWithheld(number=number, sha256=digest)
            self._write(connection, row, [(withheld, uuid7(wall_ms=self._clock.wall_ms()))])

    def give(self, connection: Connection, station: str, payload: Order, order_id: str) -> int | None:
        """Give an order as `append` does, in the caller's transaction, which then calls `on_append` itself."""
        if not is_identifier(order_id):
            raise ValueError(f"an order's id is a UUID in lower case, not {order_id!r}")
        lock_station(connection, station)
        if connection.execute(_ORDER, {"of": station, "id_": order_id}).first() is not None:
            return None
        row = self._current_or_first(connection, station)
        connection.execute(
            _NEW_ORDER,
            {
                "station": station,
                "id": order_id,
                "position": connection.execute(_POSITION, {"of": station}).scalar_one() + 1,
                "type": type_of(payload),
                "data": msgspec.json.encode(payload).decode(),
                "expires": payload.expires,
                "outcome": "open",
                "reason": "",
                "given_ms": self._clock.wall_ms(),
            },
        )
        return self._write(connection, row, [(payload, order_id)])

    def hand_out(
        self, connection: Connection, station: str, payload: ContentOffered | ContentChunk, event_id: str
    ) -> int:
        """Write a line of content, in the caller's transaction: whoever delivers that remembers it, not this journal.

        The caller holds the station's lock. Return its number.
        """
        return self._write(connection, self._current_or_first(connection, station), [(payload, event_id)])

    def current_row(self, connection: Connection, station: str) -> Row[Any]:
        """Return the newest generation's row, opening the first if there is none; the caller holds the lock."""
        return self._current_or_first(connection, station)

    def _current_or_first(self, connection: Connection, station: str) -> Row[Any]:
        row = _current(connection, station)
        if row is not None:
            return row
        named = connection.execute(_GENERATION, {"of": station}).scalar()
        return self._open(connection, station, named or 0)

    def _open(self, connection: Connection, station: str, above: int) -> Row[Any]:
        now = self._clock.wall_ms()
        current = _current(connection, station)
        generation = max(above, current.generation if current is not None else 0) + 1
        journal = uuid7(wall_ms=now)
        # A station that begins a new orders journal may have lost its packs: it is offered all of them again.
        connection.execute(_ASK_FOR_CONTENT, {"of": station})
        connection.execute(_FORGET_BULK, {"of": station})
        first = {"station": station, "generation": generation, "journal": journal, "head": 0, "cursor": 0}
        connection.execute(_NEW_JOURNAL, first | {"chain": chain_start(journal)})
        row = _current(connection, station)
        assert row is not None
        holds: list[tuple[Payload, str]] = [(OrdersOpened(generation=generation), uuid7(wall_ms=now))]
        holds += [(payload, uuid7(wall_ms=now)) for payload in snapshot(connection, station, now)]
        self._write(connection, row, holds)
        row = _current(connection, station)
        assert row is not None
        return row

    def _write(self, connection: Connection, row: Row[Any], events: Sequence[tuple[Payload, str]]) -> int:
        """Append lines behind the row's head; return the last number."""
        number: int = row.head
        chain: bytes = row.chain
        lines = []
        now, mono = self._clock.wall_ms(), self._clock.mono_ns()
        for payload, event_id in events:
            line = encode_event(
                payload,
                event_id=event_id,
                source=SOURCE,
                time=rfc3339(now),
                boot=self._clock.boot,
                mono=mono,
                unsure=not self._clock.trusted(),
            )
            number, chain = number + 1, chain_next(chain, line)
            sort = {"urgent": type_of(payload) in URGENT_ORDERS, "bulk": type_of(payload) in BULK_ORDERS}
            lines.append({"order_journal_id": row.id, "number": number, "line": line, "chain": chain, **sort})
        connection.execute(_NEW_LINE, lines)
        connection.execute(_MOVE, {"row": row.id, "to_head": number, "to_chain": chain})
        return number


def _current(connection: Connection, station: str) -> Row[Any] | None:
    return connection.execute(_CURRENT, {"of": station}).one_or_none()
