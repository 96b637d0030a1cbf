"""What headquarters' page shows: plain values, read from the projections."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

SELF_TEST_OVERDUE_S: Final = 36 * 3600
"""A passed self-test older than this (seconds) is shown: a whole night has been missed."""

SignIn: TypeAlias = Literal["right", "wrong", "slowed"]
"""What came of an attempt to sign in: `slowed`, it was not looked at because too many had been wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRow:
    """One station: `seen_s` seconds since anything signed in its current session came (None: never).

    `self_test_age_s`: since the panel that passed its self-test longest ago did (None: none ever has).
    `self_test_failed`: a panel that failed its last one, and why; or "". `unattended_s`: since everybody left its desk,
    None while somebody is there.
    """

    station: str
    presence: Literal["online", "silent", "offline", "never"]
    seen_s: int | None
    open_calls: int
    held: int
    missing: int
    unrecorded_since: str | None
    alarms: tuple[str, ...]
    revoked: bool = False
    self_test_age_s: int | None = None
    self_test_failed: str = ""
    unattended_s: int | None = None


def is_self_test_wrong(row: StationRow) -> bool:
    """Tell whether a station's self-tests have to be looked at: one failed, or none was passed for too long."""
    return bool(row.self_test_failed) or (row.self_test_age_s or 0) > SELF_TEST_OVERDUE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """One open help call: `id` is that of its help.raised event; `age_s` seconds since headquarters stored it.

    `unattended`: nobody is at the station's desk.
    """

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
    unattended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """A certificate that headquarters lives by and that ends soon, in so many whole days; 0 also when it has ended."""

    certificate: Literal["authority", "broker", "headquarters", "pages"]
    days_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The whole city at one moment, worst first; `version` grows with every change."""

    version: int
    stations: tuple[StationRow, ...]
    calls: tuple[CallRow, ...]
    broker_connected: bool
    expiring: tuple[Expiring, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Headquarters as a program that watches over it sees it: it answers, and hears the broker or does not."""

    broker_connected: bool
