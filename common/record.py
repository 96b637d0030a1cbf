"""A walk-in record: what its events add up to, at the station and at headquarters alike. Pure."""

from typing import Any, Final, TypeAlias

import msgspec

from common.events import Channel, Priority, RecordAmended, RecordOpened, RecordStepped
from common.personal import OnFile
from common.workflow import Outcome, State, step_called

RecordEvent: TypeAlias = RecordOpened | RecordAmended | RecordStepped
"""What changes a record; that somebody was shown it (`record.revealed`) does not."""

_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "opened": ("number", "opened_time", "clock_unsure", "channel", "team"),
    "state": (
        "state",
        "outcome",
        "missing",
        "until",
        "target",
        "due",
        "consent",
        "result",
        "duplicate_of",
        "reason",
    ),
    "service": ("service",),
    "catalogue": ("catalogue",),
    "priority": ("priority",),
    "grid": ("grid",),
    "reference": ("reference",),
    "on_file": ("on_file",),
    "staff": ("staff",),
}
"""Fields that change together."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record as it stands; `number` is "" while its record.opened has not come.

    `opened_time` is what the station's clock said, and the day in `number` with it: doubtful if `clock_unsure`.
    `staff`: whoever changed it last. `marks`: for each group of fields, which event it is from.
    """

    id: str
    number: str = ""
    opened_time: str = ""
    clock_unsure: bool = False
    channel: Channel | None = None
    team: str | None = None
    service: str = ""
    catalogue: str = ""
    state: State = "draft"
    outcome: Outcome | None = None
    priority: Priority = "normal"
    staff: str | None = None
    grid: str | None = None
    reference: str | None = None
    on_file: tuple[OnFile, ...] = ()
    missing: tuple[str, ...] = ()
    until: str | None = None
    target: str | None = None
    due: str | None = None
    consent: bool = False
    result: str | None = None
    duplicate_of: str | None = None
    reason: str | None = None
    change: int = 0
    marks: dict[str, tuple[int, str]] = {}

    @property
    def waits_for(self) -> str | None:
        """The day (`YYYY-MM-DD`) on which it comes back to the desk by itself: suspended until, or referral due."""
        if self.state == "suspended":
            return self.until
        return self.due if self.state in ("referred", "received") else None


def fold(record: Record, payload: RecordEvent, event_id: str, *, time: str, unsure: bool) -> Record:
    """Return the record with one more of its events; `time` and `unsure` are what the event says of its clock.

    Any order, and any event twice, gives the same: each group of fields is from the event with the highest `change`,
    or of two with the same one (a journal was restored from a copy) from the one with the higher id.
    """
    change = 1 if isinstance(payload, RecordOpened) else payload.change
    mark = (change, event_id)
    news = _said(payload) | ({"opened_time": time, "clock_unsure": unsure} if isinstance(payload, RecordOpened) else {})
    marks = dict(record.marks)
    taken: dict[str, Any] = {}
    for group, fields in _GROUPS.items():
        said = {name: news[name] for name in fields if name in news}
        if said and mark > marks.get(group, (0, "")):
            marks[group] = mark
            taken |= said
    return msgspec.structs.replace(record, **taken, marks=marks, change=max(record.change, change))


def _said(payload: RecordEvent) -> dict[str, Any]:
    """Return the record's fields that an event tells: all of a group or none of it."""
    if isinstance(payload, RecordStepped):
        told = {name: getattr(payload, name) for name in _GROUPS["state"] if name != "outcome"}
        told["outcome"] = step_called(payload.step).outcome
        names: tuple[str, ...] = ("reference", "staff")
    else:
        told = {}
        names = ("service", "catalogue", "priority", "grid", "reference", "on_file", "staff")
    if isinstance(payload, RecordOpened):
        told = {"number": payload.number, "channel": payload.channel, "team": payload.team, "state": payload.state}
    return told | {name: value for name in names if (value := getattr(payload, name)) is not None}
