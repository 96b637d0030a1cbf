"""Who is on duty, what one shift leaves to the next, and a desk that nobody attends."""

from typing import Annotated, Literal, TypeAlias

import msgspec

from common.events.terms import Count, Identifier, Instant, Name, Number, Payload, StaffNumber, Text
from common.rota import Rota

HandoverKind: TypeAlias = Literal[
    "call", "dispatch", "notice", "patrol", "loan", "found", "record", "device", "alarm", "note"
]


class ShiftBegun(Payload, frozen=True, kw_only=True):
    """A shift begins: the shift key of the one before is forgotten. `by`: the rota, at its start, or an officer.

    `team`, `shift`: who is on duty by the rota, and the shift's sign there; absent without a rota, or a sure clock.
    """

    by: Literal["rota", "hand"]
    team: Name | None = None
    shift: Name | None = None


class HandoverNoted(Payload, frozen=True, kw_only=True):
    """A note for whoever comes next. `note`: this event's id; in plain, so without anybody's name or number."""

    note: Identifier
    text: Text


class HandoverBegun(Payload, frozen=True, kw_only=True):
    """Two shifts begin to go through the sheet. `handover`: this event's id; `giving`, `receiving`: teams by the rota.

    One that was begun before and not signed stays unsigned.
    """

    handover: Identifier
    giving: Name | None = None
    receiving: Name | None = None


class HandoverChecked(Payload, frozen=True, kw_only=True):
    """The receiving side has gone through an item; the last word on it counts.

    `item`: the id of the record, call, dispatch, notice, patrol or note, or the name of the device; `label`: what
    people call it. Refused, with a `reason`, it stays with the giving side, and open.
    """

    handover: Identifier
    kind: HandoverKind
    item: Name
    accepted: bool
    label: Text = ""
    reason: Text = ""


class HandoverSigned(Payload, frozen=True, kw_only=True):
    """Both sides have signed, every item of the sheet gone through; nothing of it is closed by that.

    `by`: each proved their number with its PIN; or, at a station without a staff list, typed it and was believed.
    """

    handover: Identifier
    giving_staff: Name
    receiving_staff: Name
    by: Literal["typed", "pin"] = "typed"
    accepted: Count
    refused: Count


class DeskUnattended(Payload, frozen=True, kw_only=True):
    """Everybody has left the duty desk: until somebody is back, calls for help climb sooner.

    `age_ms`: how long before this event that was.
    """

    staff: Name | None = None
    age_ms: Count = 0


class DeskAttended(Payload, frozen=True, kw_only=True):
    """Somebody is at the duty desk again. `by`: they said so, or did something at the desk. `age_ms` as above."""

    by: Literal["key", "work"]
    staff: Name | None = None
    age_ms: Count = 0


class StaffSignedIn(Payload, frozen=True, kw_only=True):
    """Somebody has signed in at the duty desk with their staff number and PIN."""

    staff: StaffNumber


class StaffSignedOut(Payload, frozen=True, kw_only=True):
    """Their sign-in has ended: they asked, nobody touched the desk, the shift ended, another came, the PIN went."""

    staff: StaffNumber
    reason: Literal["asked", "idle", "shift", "replaced", "withdrawn"]


class StaffRefused(Payload, frozen=True, kw_only=True):
    """Wrong PINs in a row, so many that each further one has to wait; no number: of nobody on the list."""

    times: Number
    staff: StaffNumber | None = None


class RotaSet(Payload, frozen=True, kw_only=True):
    """Who is on duty when, from now on: the whole rota, in place of the one before. `order` as elsewhere."""

    rota: Rota
    order: Identifier | None = None
    expires: Instant | None = None


class StaffMember(msgspec.Struct, frozen=True, kw_only=True):
    """Who may sign in at the station: a staff number, and what is kept of their PIN (`common.pins`)."""

    number: StaffNumber
    pin: Annotated[str, msgspec.Meta(max_length=128)]


class StaffSet(Payload, frozen=True, kw_only=True):
    """Who may sign in at the station from now on, and nobody else. `order` as elsewhere."""

    staff: Annotated[tuple[StaffMember, ...], msgspec.Meta(max_length=200)]
    order: Identifier | None = None
    expires: Instant | None = None
