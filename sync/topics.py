"""Every topic of the link, once (`docs/link.md`, "Topics")."""

import re
from typing import Literal, TypeAlias

Lane: TypeAlias = Literal["urgent", "log"]
Direction: TypeAlias = Literal["up", "down"]

STATION_ID = re.compile(r"[a-z0-9][a-z0-9-]{1,31}")
HQ_STATE = "jt/1/hq/+/state"
_STATION_TOPIC = re.compile(
    r"jt/1/([a-z0-9][a-z0-9-]{1,31})/(up/urgent|up/log|up/ack|down/urgent|down/log|down/ack|state|health)"
)
_HQ_STATE_TOPIC = re.compile(r"jt/1/hq/([a-z0-9-]{1,32})/state")


def is_station(name: str) -> bool:
    """Tell whether that may be a station's id, and is none of headquarters' own names."""
    return STATION_ID.fullmatch(name) is not None and name != "hq" and not name.startswith("hq-")


def lane(station: str, direction: Direction, name: Lane) -> str:
    """Topic of batches: `up` from the station, `down` from headquarters."""
    return f"jt/1/{station}/{direction}/{name}"


def ack(station: str, direction: Direction) -> str:
    """Topic of the acks that answer what goes `up` (sent by headquarters) or `down` (sent by the station)."""
    return f"jt/1/{station}/{direction}/ack"


def state(station: str) -> str:
    """Topic of a station's birth and farewell, retained."""
    return f"jt/1/{station}/state"


def health(station: str) -> str:
    """Topic of a station's latest health sample."""
    return f"jt/1/{station}/health"


def hq_state(worker: str) -> str:
    """Topic of one headquarters worker's presence, retained."""
    return f"jt/1/hq/{worker}/state"


def parse(topic: str) -> tuple[str, str] | None:
    """Return (station, rest) of a station's topic, such as ("sjz-001", "up/urgent"); None for a foreign topic."""
    match = _STATION_TOPIC.fullmatch(topic)
    if match is None or match[1] == "hq":
        return None
    return match[1], match[2]


def parse_hq_state(topic: str) -> str | None:
    """Return the worker whose presence this topic is; None for another topic."""
    match = _HQ_STATE_TOPIC.fullmatch(topic)
    return match[1] if match else None
