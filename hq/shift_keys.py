"""The shift keys that stations issued, wrapped as they came; only the private sealing key opens one."""

from collections.abc import Callable
from typing import Final, TypeAlias

from sqlalchemy import Connection, bindparam, insert, select

from common.events.records import KeyIssued
from hq import tables
from sync import base64url
from sync.sealing import KEM_BYTES, SUITE, BrokenSealError, SealingKey, ShiftKey

_ID_BYTES: Final = 16

_keys = tables.shift_keys
_FIND = select(_keys.c.sealing_key, _keys.c.kem).where(
    _keys.c.station == bindparam("of"), _keys.c.kid == bindparam("kid_")
)
_KEEP = insert(_keys)


FindKey: TypeAlias = Callable[[bytes], SealingKey | None]
"""Returns headquarters' private sealing key of an id, if it has it."""


class NoShiftKeyError(Exception):
    """A shift key that cannot be had: it has not come, or is wrapped for another sealing key, or is damaged."""


def is_readable(issued: KeyIssued) -> bool:
    """Tell whether this headquarters understands how the key is wrapped."""
    try:
        base64url.decode(issued.to, size=_ID_BYTES)
        base64url.decode(issued.kem, size=KEM_BYTES)
    except ValueError:
        return False
    return issued.suite == SUITE


def keep_shift_key(connection: Connection, station: str, issued: KeyIssued, *, received_ms: int) -> None:
    """Keep a readable key; the first one of a name counts. The caller holds the station's lock."""
    if connection.execute(_FIND, {"of": station, "kid_": issued.kid}).first() is None:
        row = {
            "station": station,
            "kid": issued.kid,
            "sealing_key": base64url.decode(issued.to),
            "kem": base64url.decode(issued.kem),
            "received_ms": received_ms,
        }
        connection.execute(_KEEP, row)


def unwrap_shift_key(connection: Connection, station: str, kid: str, find: FindKey) -> ShiftKey:
    """Return a station's shift key, opened with whichever sealing key it was wrapped to; raises NoShiftKeyError."""
    found = connection.execute(_FIND, {"of": station, "kid_": kid}).one_or_none()
    if found is None:
        raise NoShiftKeyError(
            f"its shift key {kid} has not come yet; try again once {station} has sent everything up to this event"
        )
    key = find(found.sealing_key)
    if key is None:
        raise NoShiftKeyError(
            f"its shift key is wrapped for sealing key {base64url.encode(found.sealing_key)}, "
            f"which is not among ours; put that file beside keys.sealing, as …-{found.sealing_key.hex()}.key"
        )
    try:
        return key.unwrap(station, kid, found.kem)
    except BrokenSealError as error:
        raise NoShiftKeyError(f"its shift key {kid} does not open: {error}") from None
