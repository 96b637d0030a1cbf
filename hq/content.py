"""Content packs at headquarters: taken in from a file, sent to stations, withdrawn, and what has become of them."""

import hashlib
import io
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, select, update

from common.clock import rfc3339
from common.events.content import ContentWithdrawn
from common.pack import CHUNK, MAX_PACK, Opened, PackError, check_files, chunk_sizes, join_hashes, open_pack
from hq import audit, content_rows, tables
from hq.audit import Act
from hq.journals import lock_station
from hq.orders import Orders
from hq.store import Store
from sync import base64url
from sync.signing import VerifyKey

_NAMESPACE: Final = uuid.UUID("0b4f36f3-6f2e-5b53-8f0c-6f1ad8f2c7a1")
"""So that the order which withdraws a pack from one station has the same id whenever it is given."""

_packs, _chunks, _deliveries = tables.content_packs, tables.content_chunks, tables.content_deliveries
_KNOWN = select(tables.stations.c.station).where(tables.stations.c.revoked_ms.is_(None))
_PACK = select(_packs).where(_packs.c.pack == bindparam("what"))
_NEW_PACK = insert(_packs)
_SENT = update(_packs).where(_packs.c.pack == bindparam("what")).values(sent_ms=bindparam("at"))
_WITHDRAWN = update(_packs).where(_packs.c.pack == bindparam("what")).values(withdrawn_ms=bindparam("at"))
_HELD = select(_chunks.c.sha256)
_NEW_CHUNK = insert(_chunks)
_DROP_CHUNK = delete(_chunks).where(_chunks.c.sha256 == bindparam("hash"))
_NEEDED = select(_packs.c.chunks).where(_packs.c.withdrawn_ms.is_(None), _packs.c.ends >= bindparam("today"))
_OVER = select(_packs.c.pack).where(_packs.c.ends < bindparam("today"), _packs.c.sent_ms < bindparam("before"))
_newest = _deliveries.alias("newest")
_STRANGE = (
    select(_deliveries.c.pack)
    .distinct()
    .where(
        ~exists().where(_packs.c.pack == _deliveries.c.pack),
        ~exists().where(_newest.c.pack == _deliveries.c.pack, _newest.c.changed_ms >= bindparam("before")),
        _deliveries.c.state != "stored",
    )
)
_DROP_PACK = tuple(
    delete(table).where(table.c.pack == bindparam("what")) for table in (tables.content_plays, _deliveries, _packs)
)
_STATE = select(_deliveries.c.state).where(
    _deliveries.c.station == bindparam("of"), _deliveries.c.pack == bindparam("what")
)
_NAMED = select(_packs.c.pack).union(select(_deliveries.c.pack))
_BY_STATION = select(_deliveries).order_by(_deliveries.c.station, _deliveries.c.pack)
_PLAYS = select(tables.content_plays.c.pack, tables.content_plays.c.station, func.sum(tables.content_plays.c.plays))
_HASH: Final = 32
_DAY_MS: Final = 24 * 3600 * 1000


class ContentError(Exception):
    """A pack cannot be sent or withdrawn; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How a pack stands at one station; `plays`: how often it was begun there."""

    station: str
    state: str
    reason: str
    way: str
    plays: int


@dataclass(slots=True, kw_only=True)
class Listed:
    """A pack and its stations; of one that only stations know, the title and the days are empty."""

    pack: str
    id: str
    version: int | None
    title_zh: str = ""
    title_en: str = ""
    begins: str = ""
    ends: str = ""
    withdrawn: bool = False
    stations: list[Delivery] = field(default_factory=list)


def read_pack(content: bytes, key: VerifyKey) -> tuple[str, Opened]:
    """Return a pack's name and what it says of itself, checked as a station will. Raises ContentError."""
    if len(content) > MAX_PACK:
        raise ContentError(f"a pack has at most {MAX_PACK // 2**20} MiB")
    file = io.BytesIO(content)
    try:
        opened = open_pack(file)
        if base64url.encode(key.id) != opened.head.signer:
            raise ContentError("it is signed by another order key than today's; make it again with content pack")
        if not key.verifies(base64url.decode(opened.signature), opened.line):
            raise PackError("its signature is wrong")
        check_files(file, opened)
    except ValueError as error:
        raise ContentError(f"this is no pack that a station would take: {error}") from error
    return hashlib.sha256(content).hexdigest(), opened


def send(
    store: Store, content: bytes, key: VerifyKey, stations: Iterable[str], *, who: str, now_ms: int
) -> tuple[str, Opened, int]:
    """Let stations have a pack; return its name, what it says, and to how many it was not sent before.

    It is in the audit; running headquarters notice by themselves. Sent again, stations that refused or removed it are
    asked again. Raises ContentError.
    """
    pack, opened = read_pack(content, key)
    head = opened.head
    if head.ends < _yesterday(now_ms):
        raise ContentError(f"it ended on {head.ends}; give it another last day, and make it again")
    pieces = [content[at : at + CHUNK] for at in range(0, len(content), CHUNK)]
    assert [len(piece) for piece in pieces] == chunk_sizes(len(content))
    joined = join_hashes(pieces)
    fresh = 0
    with store.database.write() as connection:
        row = connection.execute(_PACK, {"what": pack}).one_or_none()
        if row is not None and row.withdrawn_ms is not None:
            raise ContentError("it was withdrawn, and no station takes it again; make it again with a higher version")
        audit.record(connection, _act(who, "content-send", pack, head.id), at_ms=now_ms)
        if row is None:
            words = {"title_zh": head.title.zh, "title_en": head.title.en, "begins": head.begins, "ends": head.ends}
            values = {"pack": pack, "id": head.id, "version": head.version, "size": len(content), "chunks": joined}
            connection.execute(_NEW_PACK, values | words | {"sent_ms": now_ms, "withdrawn_ms": None})
        else:
            connection.execute(_SENT, {"what": pack, "at": now_ms})
        _keep_chunks(connection, pieces)
        forget_chunks(connection, now_ms)
    for station in sorted(set(stations)):
        with store.database.write() as connection:
            lock_station(connection, station)
            state = connection.execute(_STATE, {"of": station, "what": pack}).scalar()
            if state in (None, "refused", "removed", "over"):
                told: dict[str, Any] = {"state": "due", "reason": "", "id": head.id, "version": head.version}
                content_rows.put(connection, station, pack, told | {"missing": None}, at_ms=now_ms)
                fresh += 1
    store.changed()
    return pack, opened, fresh


def withdraw(
    store: Store, orders: Orders, name: str, enrolled: Iterable[str], *, who: str, now_ms: int
) -> tuple[str, int]:
    """Take a pack off every station's screen for good; return its whole name, and how many stations are told.

    `name`: the beginning of its SHA-256, 8 characters or more, or all of it: then headquarters need not know it, for
    somebody may have brought it on a USB medium. Raises ContentError.
    """
    with store.database.write() as connection:
        pack = _whole_name(connection, name)
        audit.record(connection, _act(who, "content-withdraw", pack, ""), at_ms=now_ms)
        connection.execute(_WITHDRAWN, {"what": pack, "at": now_ms})
        forget_chunks(connection, now_ms)
        known = {*connection.execute(_KNOWN).scalars(), *enrolled}
    for station in sorted(known):
        with store.database.write() as connection:
            lock_station(connection, station)
            content_rows.put(connection, station, pack, {"state": "withdrawn", "missing": None}, at_ms=now_ms)
            order_id = str(uuid.uuid5(_NAMESPACE, f"{pack} {station}"))
            orders.give(connection, station, ContentWithdrawn(pack=pack), order_id)
        orders.on_append(station)
    store.changed()
    return pack, len(known)


def listed(store: Store) -> list[Listed]:
    """Return every pack that is known here or at a station, the newest first."""
    with store.database.read() as connection:
        rows = connection.execute(select(_packs).order_by(_packs.c.sent_ms.desc(), _packs.c.pack)).all()
        deliveries = connection.execute(_BY_STATION).all()
        found = _PLAYS.group_by(tables.content_plays.c.pack, tables.content_plays.c.station)
        plays = {(pack, station): int(count) for pack, station, count in connection.execute(found)}
    packs = {
        row.pack: Listed(
            pack=row.pack,
            id=row.id,
            version=row.version,
            title_zh=row.title_zh,
            title_en=row.title_en,
            begins=row.begins,
            ends=row.ends,
            withdrawn=row.withdrawn_ms is not None,
        )
        for row in rows
    }
    for row in deliveries:
        pack = packs.setdefault(row.pack, Listed(pack=row.pack, id=row.id, version=row.version))
        if not pack.id and row.id:
            pack.id, pack.version = row.id, row.version
        pack.stations.append(
            Delivery(
                station=row.station,
                state=row.state,
                reason=row.reason,
                way=row.way,
                plays=plays.get((row.pack, row.station), 0),
            )
        )
    return list(packs.values())


def known_stations(store: Store) -> set[str]:
    """Return the stations that were ever heard of, but those that are revoked."""
    with store.database.read() as connection:
        return set(connection.execute(_KNOWN).scalars())


def forget_chunks(connection: Connection, now_ms: int) -> int:
    """Remove the chunks that no pack needs any more, all of them being withdrawn or over; return how many."""
    needed: set[bytes] = set()
    for joined in connection.execute(_NEEDED, {"today": _yesterday(now_ms)}).scalars():
        needed |= {bytes(joined[at : at + _HASH]) for at in range(0, len(joined), _HASH)}
    spare = {bytes(held) for held in connection.execute(_HELD).scalars()} - needed
    for digest in spare:
        connection.execute(_DROP_CHUNK, {"hash": digest})
    return len(spare)


def forget(connection: Connection, *, before_ms: int, now_ms: int) -> int:
    """Remove spare chunks, and packs that were over before then with all that stations told of them; return how many.

    A withdrawn pack is only forgotten once it is over too: until then it could be sent again.
    """
    values = {"today": _yesterday(before_ms), "before": before_ms}
    over = set(connection.execute(_OVER, values).scalars()) | set(connection.execute(_STRANGE, values).scalars())
    for pack in over:
        for drop in _DROP_PACK:
            connection.execute(drop, {"what": pack})
    return len(over) + forget_chunks(connection, now_ms)


def _yesterday(now_ms: int) -> str:
    return rfc3339(now_ms - _DAY_MS)[:10]  # somewhere it is still yesterday


def _keep_chunks(connection: Connection, pieces: Sequence[bytes]) -> None:
    held = {bytes(digest) for digest in connection.execute(_HELD).scalars()}
    fresh = {digest: piece for piece in pieces if (digest := hashlib.sha256(piece).digest()) not in held}
    if fresh:
        connection.execute(_NEW_CHUNK, [{"sha256": digest, "data": piece} for digest, piece in fresh.items()])


def _whole_name(connection: Connection, name: str) -> str:
    name = name.lower()
    found = [pack for pack in connection.execute(_NAMED).scalars() if pack.startswith(name)]
    if len(found) == 1:
        return str(found[0])
    if found:
        raise ContentError(f"{len(found)} packs begin with {name}; give more of it")
    if len(name) == 2 * _HASH:
        return name
    raise ContentError(f"no pack begins with {name}; `jingting hq content list` shows them")


def _act(who: str, what: Literal["content-send", "content-withdraw"], pack: str, reason: str) -> Act:
    return Act(who=who, what=what, station="", event=pack, reason=reason)
