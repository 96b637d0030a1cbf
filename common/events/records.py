"""Walk-in records: their life, their rating, and the keys to which their personal fields are sealed."""

from typing import Literal, TypeAlias

from common import workflow
from common.events.terms import Day, Identifier, Instant, Name, Number, Payload, RecordNumber, Sealed
from common.personal import OnFile, PersonalField

Channel: TypeAlias = Literal["window", "button", "kiosk", "phone", "patrol", "dispatch"]
Priority: TypeAlias = Literal["normal", "urgent"]
Rating: TypeAlias = Literal["very_satisfied", "satisfied", "fairly_satisfied", "dissatisfied", "very_dissatisfied"]
RATINGS: tuple[Rating, ...] = ("very_satisfied", "satisfied", "fairly_satisfied", "dissatisfied", "very_dissatisfied")
"""非常满意, 满意, 基本满意, 不满意, 非常不满意 (GB/T 39735-2020, the five levels of 好差评)."""


class RecordOpened(Payload, frozen=True, kw_only=True):
    """A walk-in record begins. `record`: this event's id; `number`: what people call it, of the station's local day.

    The day is doubtful where the event's clock is `unsure`. `service`, `catalogue`: a code, and the version of the
    catalogue that has it. `sealed`: a JSON object with any of the texts name, sex, document, number, phone, address,
    represents, need, and of those `on_file` tells which exist.
    """

    record: Identifier
    number: RecordNumber
    service: Name
    catalogue: Name
    channel: Channel
    state: Literal["draft", "registered"]
    priority: Priority = "normal"
    team: Name | None = None
    staff: Name | None = None
    grid: Name | None = None
    reference: Name | None = None
    on_file: tuple[OnFile, ...] = ()
    sealed: Sealed | None = None


class RecordAmended(Payload, frozen=True, kw_only=True):
    """A record's fields are corrected or completed; what is absent stays, also of the sealed fields.

    `on_file` tells what exists from here on. `change`: this event's place among those of its record, record.opened
    being 1.
    """

    record: Identifier
    change: Number
    staff: Name | None = None
    service: Name | None = None
    catalogue: Name | None = None
    priority: Priority | None = None
    grid: Name | None = None
    reference: Name | None = None
    on_file: tuple[OnFile, ...] | None = None
    sealed: Sealed | None = None


class RecordStepped(Payload, frozen=True, kw_only=True):
    """A step in a record's life; `state` is where it led, `change` as in record.amended.

    `missing`: materials of the catalogue that were not there; `until`: the day a suspended record waits for; `target`,
    `due`, `consent`: to whom it is referred, by when, and that the citizen agreed, repeated in each step until it is
    taken back; `reference`: under which the other side has it; `result`, `reason`: codes of the catalogue;
    `duplicate_of`: the record that stays.
    """

    record: Identifier
    change: Number
    step: workflow.Name
    state: workflow.State
    staff: Name | None = None
    missing: tuple[Name, ...] = ()
    until: Day | None = None
    target: Name | None = None
    due: Day | None = None
    consent: bool = False
    reference: Name | None = None
    result: Name | None = None
    duplicate_of: RecordNumber | None = None
    reason: Name | None = None


class RecordCalled(Payload, frozen=True, kw_only=True):
    """A waiting record's number is called to the desk, for the `times`-th time since it was registered."""

    record: Identifier
    times: Number


class RecordRated(Payload, frozen=True, kw_only=True):
    """The citizen tapped how satisfied they are with a service that is done; `change` as in record.amended.

    Without such an event there is no rating, and none is to be assumed.
    """

    record: Identifier
    change: Number
    rating: Rating


class RecordRevealed(Payload, frozen=True, kw_only=True):
    """Somebody at the station was shown sealed fields of a record in full, for ten seconds."""

    record: Identifier
    fields: tuple[PersonalField, ...]
    staff: Name | None = None


class KeyIssued(Payload, frozen=True, kw_only=True):
    """A shift key, wrapped for headquarters. `to`: id of its sealing key; `kem`: the wrapped key; both in base64url."""

    kid: Identifier
    suite: Name
    to: str
    kem: str


class RevealRequested(Payload, frozen=True, kw_only=True):
    """The station needs the sealed fields of an event again, and no longer has their key."""

    event: Identifier


class KeyRotated(Payload, frozen=True, kw_only=True):
    """Headquarters has another order key, or sealing key; `key`: its public half in base64url. `order` as elsewhere."""

    use: Literal["order", "sealing"]
    key: str
    order: Identifier | None = None
    expires: Instant | None = None


class ReferralSigned(Payload, frozen=True, kw_only=True):
    """Who a record was referred to has signed for it (签收): `by`, the target's code in the catalogue.

    `record` is its number, as the referral's slip has it; `reference`: under which the receiver has it. `order` as
    elsewhere.
    """

    record: RecordNumber
    by: Name
    reference: Name | None = None
    order: Identifier | None = None
    expires: Instant | None = None
