"""One-time codes (`docs/enrolment.md`, "The code"): for one station, good once, for 24 hours; only hashes are kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from hq import tables

GOOD_MS: Final = 24 * 3600 * 1000
"""How long a code is good, in milliseconds."""

_REMEMBERED_MS: Final = 30 * 24 * 3600 * 1000

Trouble: TypeAlias = Literal["wrong-code", "wrong-station", "used-code", "expired-code"]

_invitations = tables.invitations
_END_OTHERS = (
    update(_invitations)
    .where(_invitations.c.station == bindparam("of"), _invitations.c.until_ms > bindparam("now"))
    .values(until_ms=bindparam("now"))
)
_FORGET = delete(_invitations).where(_invitations.c.until_ms < bindparam("before"))
_NEW = insert(_invitations)
_FIND = select(_invitations).where(_invitations.c.hash == bindparam("of_hash")).with_for_update()
_USE = (
    update(_invitations)
    .where(_invitations.c.hash == bindparam("of_hash"))
    .values(key=bindparam("by_key"), tls=bindparam("by_tls"))
)


class NotInvited(Exception):
    """A code is not good; `station` is whose code it is, where it is one at all."""

    def __init__(self, trouble: Trouble, station: str | None) -> None:
        super().__init__(trouble)
        self.trouble: Trouble = trouble
        self.station = station


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Who comes with a code: SHA-256 of its secret as kept, the station it says it is, and its two public keys.

    `tls` is SHA-256 of the SPKI.
    """

    hash: bytes
    station: str
    key: bytes
    tls: bytes


def invite(
    connection: Connection, station: str, secret_hash: bytes, settings: Mapping[str, str], *, now_ms: int
) -> int:
    """Keep a new code of a station, and return when it ends (milliseconds since 1970); earlier ones end now."""
    connection.execute(_FORGET, {"before": now_ms - _REMEMBERED_MS})
    connection.execute(_END_OTHERS, {"of": station, "now": now_ms})
    row = {
        "hash": secret_hash,
        "station": station,
        "settings": json.dumps(dict(settings), ensure_ascii=False),
        "until_ms": now_ms + GOOD_MS,
    }
    connection.execute(_NEW, row)
    return now_ms + GOOD_MS


def redeem(connection: Connection, guest: Guest, *, now_ms: int, revoked_ms: int | None = None) -> dict[str, str]:
    """Use a code, for these keys and no others, and return the station's first settings.

    A code made before the station was revoked, at `revoked_ms`, has ended then. Raises NotInvited. The row is locked:
    of two that come at a time with one code, one gets it.
    """
    row = connection.execute(_FIND, {"of_hash": guest.hash}).one_or_none()
    if row is None:
        raise NotInvited("wrong-code", None)
    if row.station != guest.station:
        raise NotInvited("wrong-station", row.station)
    if row.key is not None and (bytes(row.key), bytes(row.tls)) != (guest.key, guest.tls):
        raise NotInvited("used-code", row.station)
    if row.until_ms <= now_ms or row.until_ms - GOOD_MS < (revoked_ms or 0):
        raise NotInvited("expired-code", row.station)
    connection.execute(_USE, {"of_hash": guest.hash, "by_key": guest.key, "by_tls": guest.tls})
    settings: dict[str, str] = json.loads(row.settings)
    return settings
