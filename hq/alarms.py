"""Alarms of a station: one row a kind, with how often and when last, so that one cause is one line."""

from typing import Literal, TypeAlias

from sqlalchemy import Connection, bindparam, insert, update

from hq import tables

AlarmKind: TypeAlias = Literal[
    "fork",  # two histories under one number: a copied or an older journal
    "gone",  # the station no longer keeps what headquarters never got
    "refused_help",  # a help event came in a refused batch; it was acted on all the same
    "aside_full",  # no room to keep more refused lines
    "unreadable",  # an event that this headquarters does not understand
    "unreadable_help",  # likewise, and it is about help: call the station
    "order_failed",
    "settings_rolled_back",  # what was ordered last did not hold there; the station has gone back by itself
    "replaced_session",  # a birth of a session already replaced: a copied station, or a replay
    "closed_journal",  # a birth that names a closed journal
    "takeover",  # sessions of one station alternate
    "enrolment",  # somebody came with a code of this station's that was used, or had expired
    "refused",  # messages of this station are refused
]

_alarms = tables.alarms
_AGAIN = (
    update(_alarms)
    .where(_alarms.c.station == bindparam("of"), _alarms.c.kind == bindparam("what"))
    .values(detail=bindparam("to_detail"), at=bindparam("to_at"), count=_alarms.c.count + bindparam("more"))
)
_NEW = insert(_alarms)


def plain(text: str, most: int) -> str:
    """Return at most `most` printable characters of a text somebody else wrote (a database may refuse the others)."""
    return "".join(character for character in text[:most] if character.isprintable())


def write_alarm(
    connection: Connection, station: str, kind: AlarmKind, detail: str, *, at_ms: int, count: int = 1
) -> None:
    """Raise an alarm, `count` times over; the caller holds the station's lock. `detail` carries nothing personal."""
    values = {"of": station, "what": kind, "to_detail": detail, "to_at": at_ms, "more": count}
    if connection.execute(_AGAIN, values).rowcount == 0:
        new = {"station": station, "kind": kind, "detail": detail, "at": at_ms, "count": count}
        connection.execute(_NEW, new)


def is_name(text: str) -> bool:
    """Tell whether a name can be kept and shown as it is."""
    return plain(text, len(text)) == text
