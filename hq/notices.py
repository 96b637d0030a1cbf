"""Notices as headquarters sees them: what was sent to whom, and who has read it.

What was sent stands in `orders`, one to each station, all with the notice's id; of each reader the first time is kept.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec
from sqlalchemy import Connection, insert, select

from common.clock import rfc3339
from common.events.errands import NoticeRead, NoticeSent
from hq import tables
from hq.database import Database

Stand: TypeAlias = Literal["on_its_way", "there", "read", "failed"]
"""`on_its_way`: the station has not said that it has it; `failed`: it was passed over, or came too late."""

SHOWN: Final = 50
"""The newest that are shown."""

_LOOKED_AT: Final = 20_000  # orders: a notice to the largest city is three thousand of them

_orders, _reads = tables.orders, tables.notice_reads
_NEW = insert(_reads)
_SENT = (
    select(_orders.c.station, _orders.c.data, _orders.c.outcome, _orders.c.given_ms)
    .where(_orders.c.type == "notice.sent")
    .order_by(_orders.c.given_ms.desc(), _orders.c.station)
    .limit(_LOOKED_AT)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who has read it: a staff number, "" for somebody who had not signed in; `time` as in `hq.dispatches.Dispatch`."""

    staff: str
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AtStation:
    """How a notice stands at one station."""

    station: str
    stand: Stand
    readers: tuple[Reader, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice; `stations`: by name, those that were told."""

    id: str
    zh: str
    en: str
    must_read: bool
    sent: str
    expires: str
    stations: tuple[AtStation, ...]

    def count(self, stand: Stand) -> int:
        """Return at how many stations it stands so."""
        return sum(one.stand == stand for one in self.stations)


def note(connection: Connection, station: str, payload: NoticeRead, event: dict[str, Any], *, received_ms: int) -> None:
    """Keep who has read it; the caller holds the station's lock. A second time changes nothing."""
    row = {"station": station, "notice": payload.notice, "staff": payload.staff or ""}
    of_this = [_reads.c[name] == value for name, value in row.items()]
    if connection.execute(select(_reads.c.notice).where(*of_this)).first() is None:
        unsure = event.get("clock") == "unsure"
        connection.execute(_NEW, row | {"time": event["time"], "unsure": unsure, "received_ms": received_ms})


def newest(database: Database) -> list[Notice]:
    """Return the newest notices, the last one sent on top."""
    with database.read() as connection:
        sent: dict[str, list[tuple[Any, NoticeSent]]] = {}
        for row in connection.execute(_SENT):
            payload = msgspec.json.decode(row.data, type=NoticeSent)
            if payload.notice in sent or len(sent) < SHOWN:
                sent.setdefault(payload.notice, []).append((row, payload))
        found = connection.execute(
            select(_reads).where(_reads.c.notice.in_(list(sent))).order_by(_reads.c.received_ms, _reads.c.staff)
        ).all()
    readers: dict[tuple[str, str], list[Reader]] = {}
    for read in found:
        reader = Reader(staff=read.staff, time=("~" if read.unsure else "") + read.time)
        readers.setdefault((read.notice, read.station), []).append(reader)
    return [_read(told, readers) for told in sent.values()]


def _read(told: list[tuple[Any, NoticeSent]], readers: dict[tuple[str, str], list[Reader]]) -> Notice:
    first, payload = told[0]
    stations = []
    for row, _ in told:
        by = tuple(readers.get((payload.notice, row.station), ()))
        stand: Stand = "there" if row.outcome == "applied" else "failed" if row.outcome == "failed" else "on_its_way"
        stations.append(AtStation(station=row.station, stand="read" if by else stand, readers=by))
    return Notice(
        id=payload.notice,
        zh=payload.zh,
        en=payload.en,
        must_read=payload.must_read,
        sent=rfc3339(first.given_ms),
        expires=payload.expires,
        stations=tuple(sorted(stations, key=lambda one: one.station)),
    )
