"""When a nightly work is due at a station (pure): at a time of its own day, spread over half an hour."""

import hashlib
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

SPREAD_S: Final = 1800
"""Over how many seconds the stations of a city are spread, so that headquarters does not hear them all at once."""

_DAY: Final = timedelta(days=1)


def shift_s(station: str) -> int:
    """Return how many seconds after the hour of the settings it is this station's turn: always the same."""
    digest = hashlib.sha256(f"nightly {station}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % SPREAD_S


def last_due_ms(now_ms: int, at: time, zone: ZoneInfo, shift_s: int) -> int:
    """Return the last instant, `now_ms` or before, at which it was due (milliseconds since 1970).

    It is due once each local day. A time that the clocks skip or show twice that day (summer time) is taken as before
    the change, as PEP 495 has it for `fold=0`.
    """
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    for day in (today + _DAY, today, today - _DAY, today - 2 * _DAY):
        local = datetime.combine(day, at, zone).astimezone(UTC) + timedelta(seconds=shift_s)
        due_ms = int(local.timestamp()) * 1000
        if due_ms <= now_ms:
            return due_ms
    raise AssertionError("of four days in a row one has passed")
