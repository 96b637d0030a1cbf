"""A walk-in record: what its events add up to, at the station and at headquarters alike. Pure."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, Final, TypeAlias

import msgspec

from common.events.records import Channel, Priority, Rating, RecordAmended, RecordOpened, RecordRated, RecordStepped
from common.personal import OnFile
from common.workflow import Outcome, State, step_called

RecordEvent: TypeAlias = RecordOpened | RecordAmended | RecordStepped | RecordRated
"""What changes a record; that somebody was shown it (`record.revealed`) does not."""

_NUMBER_PARTS: Final = 3  # code, day, number
_ALONE: Final[tuple[str, ...]] = ("service", "catalogue", "priority", "grid", "reference", "on_file", "staff")
_ALONE_IN_A_STEP: Final[tuple[str, ...]] = ("reference", "staff")
"""Fields that each change by themselves."""
_NEVER: Final = (0, "")


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record as it stands; `number` is "" while its record.opened has not come.

    `opened_time` is what the station's clock said, and the day in `number` with it: doubtful if `clock_unsure`.
    `staff`: whoever changed it last. `rating`: of the service as it is done now, None once it is opened again: what was
    rated then was something else. `marks`: for each group of fields, which event it is from.
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
    rating: Rating | None = None
    change: int = 0
    marks: dict[str, tuple[int, str]] = {}

    @property
    def opened_day(self) -> date | None:
        """The local day in its number; None while it has none, or none that a calendar has."""
        parts = self.number.rsplit("-", 2)
        try:
            return date.fromisoformat(parts[-2]) if len(parts) == _NUMBER_PARTS else None
        except ValueError:
            return None

    @property
    def waits_for(self) -> str | None:
        """The day (`YYYY-MM-DD`) on which it comes back to the desk by itself: suspended until, or referral due."""
        if self.state == "suspended":
            return self.until
        return self.due if self.state in ("referred", "received") else None


class Told(msgspec.Struct, frozen=True):
    """One event of a record: what it says, its id, and `time` and `unsure` as it says of its clock."""

    payload: RecordEvent
    id: str
    time: str
    unsure: bool


def fold(record: Record, told: Iterable[Told]) -> Record:
    """Return the record with more of its events.

    Any order, and any event twice, gives the same: each group of fields is from the event with the highest `change`,
    or of two with the same one (a journal was restored from a copy) from the one with the higher id.
    """
    highest, marks = record.change, dict(record.marks)
    taken: dict[str, Any] = {}
    for each in told:
        change = 1 if isinstance(each.payload, RecordOpened) else each.payload.change
        mark = (change, each.id)
        highest = max(highest, change)
        for group, said in _said(each):
            if mark > marks.get(group, _NEVER):
                marks[group] = mark
                taken |= said
    return msgspec.structs.replace(record, **taken, marks=marks, change=highest)


def _said(told: Told) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the groups of fields that an event tells: those of a group change together."""
    payload, names = told.payload, _ALONE
    match payload:
        case RecordOpened():
            yield (
                "opened",
                {
                    "number": payload.number,
                    "opened_time": told.time,
                    "clock_unsure": told.unsure,
                    "channel": payload.channel,
                    "team": payload.team,
                },
            )
            yield "state", {"state": payload.state}
        case RecordStepped():
            yield (
                "state",
                {
                    "state": payload.state,
                    "outcome": step_called(payload.step).outcome,
                    "missing": payload.missing,
                    "until": payload.until,
                    "target": payload.target,
                    "due": payload.due,
                    "consent": payload.consent,
                    "result": payload.result,
                    "duplicate_of": payload.duplicate_of,
                    "reason": payload.reason,
                },
            )
            yield "rating", {"rating": None}
            names = _ALONE_IN_A_STEP
        case RecordRated():
            yield "rating", {"rating": payload.rating}
            names = ()
    for name in names:
        value = getattr(payload, name)
        if value is not None:
            yield name, {name: value}
