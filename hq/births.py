"""Births and farewells: which session of a station is the current one (`docs/link.md`, "Birth, farewell, presence")."""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec
from sqlalchemy import Connection, Row, bindparam, insert, select, update

from common.identifiers import is_identifier
from hq import tables
from hq.alarms import plain, write_alarm
from hq.journals import find_journal, lock_admitted, lock_station

BirthVerdict: TypeAlias = Literal["accepted", "replaced", "closed"]

_LONGEST_SESSION: Final = 128

_stations, _births = tables.stations, tables.births
_EARLIER = select(_births.c.journal).where(
    _births.c.station == bindparam("of"),
    _births.c.session == bindparam("in_session"),
    _births.c.verdict == "accepted",
)
_BORN_WITH = (
    select(_births.c.session)
    .where(
        _births.c.station == bindparam("of"),
        _births.c.journal == bindparam("of_journal"),
        _births.c.verdict == "accepted",
    )
    .limit(1)
)
_RECORD = insert(_births)
_RECORD_AGAIN = (
    update(_births)
    .where(
        _births.c.station == bindparam("of"),
        _births.c.session == bindparam("in_session"),
        _births.c.journal == bindparam("of_journal"),
    )
    .values(verdict=bindparam("to_verdict"))
)
_BEGIN = (
    update(_stations)
    .where(_stations.c.station == bindparam("of"))
    .values(
        {
            name: bindparam(f"to_{name}")
            for name in ("session", "boot", "journal", "oldest", "head", "generation", "agent", "born_ms", "seen_ms")
        }
        | {"farewell_ms": None}
    )
)
_FAREWELL = (
    update(_stations)
    .where(
        _stations.c.station == bindparam("of"),
        _stations.c.session == bindparam("in_session"),
        _stations.c.revoked_ms.is_(None),
    )
    .values(farewell_ms=bindparam("at"))
)
_LATEST = select(_stations).where(
    _stations.c.station == bindparam("of"), _stations.c.session.is_not(None), _stations.c.revoked_ms.is_(None)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """The latest accepted birth of a station; `received_ms` on headquarters' wall clock.

    `order_key`: id of the key that signs for it, None for the newest.
    """

    session: str
    boot: str
    journal: str
    oldest: int
    head: int
    generation: int
    agent: str
    received_ms: int
    order_key: bytes | None


def record_birth(
    connection: Connection, station: str, header: dict[str, Any], *, received_ms: int
) -> tuple[BirthVerdict, Row[Any]]:
    """Record a birth; begin its session if it is accepted. Returns the verdict and the station's row after it.

    The same birth again (every worker sees it, and the broker keeps it) is accepted and changes nothing: it proves no
    presence. Raises ValueError for a header whose `session` is not 1 to 128 printable characters, or whose `boot` or
    `journal` is no UUID; StationRevokedError.
    """
    session, journal = _session(header), header["journal"]
    if not is_identifier(journal) or not is_identifier(header["boot"]):
        raise ValueError("a birth whose journal or boot is no UUID")
    home = lock_admitted(connection, station)
    earlier = connection.execute(_EARLIER, {"of": station, "in_session": session}).scalars().all()
    if session == home.session and journal == home.journal:
        return "accepted", home
    verdict: BirthVerdict = "accepted"
    row = find_journal(connection, station, journal)
    if row is not None and row.last_common is not None:
        verdict = "closed"
        write_alarm(connection, station, "closed_journal", journal, at_ms=received_ms)
    elif earlier and session != home.session:
        verdict = "replaced"
        write_alarm(connection, station, "replaced_session", plain(session, 64), at_ms=received_ms)
    again = connection.execute(_BORN_WITH, {"of": station, "of_journal": journal}).first() is not None
    if verdict == "accepted" and again and journal != home.journal:
        # Nobody goes back to a journal: two that are both open are two kiosks under one name.
        write_alarm(connection, station, "takeover", journal, at_ms=received_ms)
    _record(connection, station, header, verdict, received_ms)
    if verdict == "accepted":
        connection.execute(
            _BEGIN,
            {
                "of": station,
                "to_session": session,
                "to_boot": header["boot"],
                "to_journal": journal,
                "to_oldest": header["oldest"],
                "to_head": header["head"],
                "to_generation": header["generation"],
                "to_agent": plain(header["agent"], 64),
                "to_born_ms": received_ms,
                "to_seen_ms": received_ms,
            },
        )
        home = lock_station(connection, station)
    return verdict, home


def record_farewell(connection: Connection, station: str, header: dict[str, Any], *, received_ms: int) -> bool:
    """Record the farewell of a session; False, and nothing, if that is not the current one.

    Raises ValueError for a header whose `session` is not 1 to 128 printable characters.
    """
    values = {"of": station, "in_session": _session(header), "at": received_ms}
    return connection.execute(_FAREWELL, values).rowcount == 1


def read_latest(connection: Connection, station: str) -> Birth | None:
    """Return the latest accepted birth; None before the first, and of a station that is revoked."""
    row = connection.execute(_LATEST, {"of": station}).one_or_none()
    if row is None:
        return None
    return Birth(
        session=row.session,
        boot=row.boot,
        journal=row.journal,
        oldest=row.oldest,
        head=row.head,
        generation=row.generation,
        agent=row.agent,
        received_ms=row.born_ms,
        order_key=row.order_key,
    )


def _session(header: dict[str, Any]) -> str:
    session: str = header["session"]
    if not session or plain(session, _LONGEST_SESSION) != session:
        raise ValueError(f"a session that is not 1 to {_LONGEST_SESSION} printable characters")
    return session


def _record(
    connection: Connection, station: str, header: dict[str, Any], verdict: BirthVerdict, received_ms: int
) -> None:
    values = {
        "of": station,
        "in_session": header["session"],
        "of_journal": header["journal"],
        "to_verdict": verdict,
    }
    if connection.execute(_RECORD_AGAIN, values).rowcount == 0:
        connection.execute(
            _RECORD,
            {
                "station": station,
                "session": header["session"],
                "journal": header["journal"],
                "verdict": verdict,
                "header": msgspec.json.encode(header).decode(),
                "received_ms": received_ms,
            },
        )
