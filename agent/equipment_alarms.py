"""Alarms of equipment, apart from calls for help: which stand now, and how long one stays on the shelf. Pure.

After ISA-18.2 (ANSI/ISA-18.2-2016, clause 11): an alarm is shelved by somebody, with a reason, for a limited time, and
comes back by itself. None of them sounds. A call for help is no alarm of equipment, and nothing here knows of one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from agent.view import DeviceView, StationView
from common.events.equipment import EquipmentAlarm

AWAY_S: Final = 60.0
"""Headquarters has to be away for so long to be an alarm: a session that is renewed is none."""

SELF_TEST_OLD_S: Final = 36 * 3600
"""A passed self-test older than this (seconds) is an alarm: a whole night has been missed."""

SHELF_S: Final = 8 * 3600.0
"""How long an alarm stays shelved at most where no rota says when the shift ends, in seconds."""

_NS: Final = 1_000_000_000
_DELAYS_S: Final[dict[EquipmentAlarm, float]] = {"headquarters": AWAY_S}

Key: TypeAlias = tuple[EquipmentAlarm, str]
"""What an alarm is: its kind, and of a device's its name, else ""."""

Because: TypeAlias = Literal["shift", "limit", "asked"]
"""Why an alarm is back from the shelf: another shift began; its time was over; somebody took it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One that stands; `detail`: what the driver says of its device."""

    kind: EquipmentAlarm
    device: str = ""
    detail: str = ""

    @property
    def key(self) -> Key:
        """What it is."""
        return self.kind, self.device


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """One on the shelf: who put it there (None: nobody was signed in), why, and when.

    `since_ns` is CLOCK_BOOTTIME of `boot`, `since_ms` the wall clock, None where that was not to be trusted.
    `shift_begun`: another shift has begun since.
    """

    id: str
    kind: EquipmentAlarm
    device: str
    reason: str
    staff: str | None
    boot: str
    since_ns: int
    since_ms: int | None
    shift_begun: bool

    @property
    def key(self) -> Key:
        """Which alarm it is."""
        return self.kind, self.device


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """This moment; `turn_ms`: when the turn on duty began (ms since 1970), None while no rota, or no clock, says."""

    boot: str
    mono_ns: int
    wall_ms: int
    trusted: bool
    turn_ms: int | None


def standing(view: StationView) -> Iterator[Alarm]:
    """Yield what is wrong with the station's equipment at this moment."""
    for device in view.devices:
        yield from _of_device(device)
    disk = "well" if view.disk is None else view.disk.state
    if not view.journal_ok or disk in ("full", "read_only", "silent"):
        yield Alarm(kind="disk")
    elif disk == "low":
        yield Alarm(kind="disk_low")
    if view.journal_full:
        yield Alarm(kind="journal_full")
    if not view.clock_trusted:
        yield Alarm(kind="clock")
    if view.link == "down" or not view.hq_online:
        yield Alarm(kind="headquarters")
    if "certificate" in view.waits_for or "enrolment" in view.waits_for:
        yield Alarm(kind="certificate")


def is_settled(alarm: Alarm, *, since_ns: int, now_ns: int) -> bool:
    """Tell whether it has stood for long enough to be shown."""
    return now_ns - since_ns >= _DELAYS_S.get(alarm.kind, 0.0) * _NS


def why_back(shelved: Shelved, now: Now) -> Literal["shift", "limit"] | None:
    """Return why an alarm comes back from the shelf now; None while it stays.

    By the rota it is back once a turn has begun since; without one after SHELF_S. Where nobody can tell how long it has
    been there (another boot, and a clock that is or was not to be trusted) it is back: too soon costs a look.
    """
    if shelved.shift_begun:
        return "shift"
    age_ms = None
    if shelved.boot == now.boot:
        age_ms = (now.mono_ns - shelved.since_ns) // 1_000_000
    elif now.trusted and shelved.since_ms is not None:
        age_ms = now.wall_ms - shelved.since_ms
    if age_ms is None or age_ms < 0:
        return "limit"
    if now.turn_ms is not None:
        return "shift" if now.wall_ms - age_ms < now.turn_ms else None
    return "limit" if age_ms >= SHELF_S * 1000 else None


def _of_device(device: DeviceView) -> Iterator[Alarm]:
    if device.state in ("absent", "faulty"):
        yield Alarm(kind="device_down", device=device.name, detail=device.reason)
    test = device.self_test
    if test is None:
        return
    if test.state == "failed":
        yield Alarm(kind="self_test_failed", device=device.name, detail=test.reason)
    elif test.state != "running" and test.passed_s is not None and test.passed_s > SELF_TEST_OLD_S:
        yield Alarm(kind="self_test_old", device=device.name)
