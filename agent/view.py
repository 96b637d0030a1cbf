"""What the station's pages and its `status` show: plain values, made anew whenever something changed."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Need: TypeAlias = Literal["certificate", "enrolment"]
DiskState: TypeAlias = Literal["well", "low", "full", "read_only", "silent"]
WaitsFor: TypeAlias = Literal["clock", "certificate", "enrolment", "broker", "headquarters"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """One help call as it truthfully stands.

    `recorded` is None while the disk has not answered yet, False once it failed or took over a second. `at_hq` and
    `hq_answered` are True only when headquarters' signed word says so. `age_s`: whole seconds since the first press.
    """

    id: str
    state: Literal["raised", "acknowledged", "attending", "closed"]
    origin: Literal["panel", "screen"]
    age_s: int
    presses: int
    recorded: bool | None
    at_hq: bool
    hq_answered: bool
    escalated: bool
    breached: bool
    closed_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestView:
    """How a panel's last self-test went; `passed_s`: whole seconds since one was passed, None when none ever was."""

    state: Literal["never", "running", "passed", "failed"]
    reason: str
    passed_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """One device: its name in the settings and its state; `self_test` is None for what has none."""

    name: str
    kind: str
    state: Literal["absent", "starting", "ready", "faulty"]
    reason: str
    self_test: SelfTestView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """One table of the city's (`places`, `grid`): how many entries are shown, and what is wrong with its files now.

    `problem` is "" while they are right; `first`: where the first of `mistakes` is, or why a file cannot be read.
    """

    name: str
    entries: int
    problem: Literal["", "unreadable", "wrong"]
    mistakes: int
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskView:
    """The disk of the station's data: `silent` when it does not answer, `low` when the journal may want more.

    `free_bytes`, `free_inodes`: rounded down to two digits; None where nobody can tell.
    """

    state: DiskState
    free_bytes: int | None
    free_inodes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftView:
    """Who is on duty by the rota. `until`: local time; `left_s`: how long still, in the steps in which it is shown.

    All else is empty while it is not `known`, because the clock is not to be trusted.
    """

    known: bool
    team: str
    name_zh: str
    name_en: str
    until: str
    left_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsView:
    """What headquarters ordered of the settings. `ordered`: some are in force beside the station's own file.

    `trial`: an order's settings wait for calm, or are tried now. `rolled_back`: why the last ones were, "" if not.
    """

    ordered: bool
    trial: Literal["none", "waits", "tried"]
    rolled_back: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationView:
    """The whole station at one moment; `version` grows with every change.

    `link` is the MQTT session, `hq_online` headquarters itself; `waiting` counts events headquarters has not
    acknowledged, `oldest_waiting_s` the age of the oldest (None when there is none). `wire_bytes`: payloads published
    upwards since the start, repeats included, for the `wire_events` acknowledged since. `journal_full`: nothing but
    calls for help is taken. `waits_for`: what keeps the station from headquarters or from the right time, the cause
    before its effects; empty when nothing does. `shift` is None without a rota, `disk` before it was looked at.
    `unattended_s`: for how many whole seconds nobody has been at the duty desk, None while somebody is.
    """

    version: int
    station: str
    name_zh: str
    name_en: str
    calls: tuple[CallView, ...]
    recently_closed: CallView | None
    devices: tuple[DeviceView, ...]
    link: Literal["up", "down"]
    hq_online: bool
    waiting: int
    oldest_waiting_s: int | None
    wire_bytes: int = 0
    wire_events: int = 0
    journal_ok: bool
    journal_full: bool = False
    clock_trusted: bool
    waits_for: tuple[WaitsFor, ...] = ()
    shift: ShiftView | None = None
    disk: DiskView | None = None
    unattended_s: int | None = None
    finding: tuple[FindingView, ...] = ()
    settings: SettingsView = SettingsView(ordered=False, trial="none", rolled_back="")
