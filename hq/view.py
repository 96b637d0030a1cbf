"""What headquarters' page shows: plain values, read from the projections."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRow:
    """One station: `seen_s` seconds since anything signed in its current session came (None: never)."""

    station: str
    presence: Literal["online", "silent", "offline", "never"]
    seen_s: int | None
    open_calls: int
    held: int
    missing: int
    unrecorded_since: str | None
    alarms: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """One open help call: `id` is that of its help.raised event; `age_s` seconds since headquarters stored it."""

    station: str
    id: str
    state: Literal["raised", "acknowledged", "attending", "closed"]
    origin: str
    raised_time: str
    clock_unsure: bool
    age_s: int
    presses: int
    escalated: bool
    breached: bool
    answered_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The whole city at one moment, worst first; `version` grows with every change."""

    version: int
    stations: tuple[StationRow, ...]
    calls: tuple[CallRow, ...]
    broker_connected: bool
