"""The latest health sample of a station: plain JSON, unsigned, a hint. Only small known keys are kept of it."""

import math
import re
from typing import Any, Final, get_args

import msgspec
from sqlalchemy import Connection, bindparam, update

from common.events.equipment import DeviceKind
from hq import tables
from hq.journals import lock_admitted

KNOWN: Final[dict[str, tuple[type, ...]]] = {
    "unsent": (int,),  # events headquarters has not acknowledged
    "oldest_unsent_s": (int, float),
    "clock_trusted": (bool,),
    "journal_ok": (bool,),
    "journal_full": (bool,),
    "journal_bytes": (int,),
    "journal_refused": (int,),  # events, since the station started
    "disk_free_bytes": (int,),  # none of these three while its disk does not answer
    "disk_free_inodes": (int,),
    "disk_read_only": (bool,),
    "certificate_s": (int,),  # until it ends, as far as the station knows the time
    "takeover": (bool,),
    "refused": (int,),  # messages, since the station started
    "panel_frames_bad": (int,),  # likewise
    "device_noise_bytes": (int,),  # likewise
    "agent": (str,),
}
KINDS: Final[tuple[str, ...]] = get_args(DeviceKind)
_MOST = 64  # characters of a text
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)

_stations = tables.stations
_KEEP = (
    update(_stations)
    .where(_stations.c.station == bindparam("of"))
    .values(health=bindparam("sample"), health_ms=bindparam("at"), unrecorded_since=bindparam("since"))
)


def known_part(sample: dict[str, Any]) -> dict[str, bool | int | float | str | dict[str, bool]]:
    """Return what is understood of a sample; a value of the wrong type or size is left out.

    `devices`: of each kind of device, whether all of it is ready.
    """
    devices = sample.get("devices")
    up = {kind: devices[kind] for kind in KINDS if type(devices.get(kind)) is bool} if type(devices) is dict else {}
    known: dict[str, bool | int | float | str | dict[str, bool]] = {"devices": up} if up else {}
    return known | {
        key: value
        for key, types in KNOWN.items()
        if (value := sample.get(key)) is not None
        and type(value) in types
        and (not isinstance(value, str) or len(value) <= _MOST)
        and (not isinstance(value, float) or math.isfinite(value))
    }


def unrecorded_since(sample: dict[str, Any]) -> str | None:
    """Return since when a call rings that could not be recorded: `{"ringing": {"since": …, "recorded": false}}`.

    An empty text where the sample says that one rings, but not since when.
    """
    ringing = sample.get("ringing")
    if not isinstance(ringing, dict) or ringing.get("recorded") is not False:
        return None
    since = ringing.get("since")
    return since if isinstance(since, str) and _INSTANT.fullmatch(since) else ""


def keep_health(connection: Connection, station: str, sample: dict[str, Any], *, received_ms: int) -> None:
    """Keep a sample in place of the one before. Raises StationRevokedError."""
    lock_admitted(connection, station)
    text = msgspec.json.encode(known_part(sample)).decode()
    values = {"of": station, "sample": text, "at": received_ms, "since": unrecorded_since(sample)}
    connection.execute(_KEEP, values)
