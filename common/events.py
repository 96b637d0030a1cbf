"""The vocabulary: every event a station journals and every order headquarters sends, each field typed.

An event on the wire is a CloudEvents 1.0 JSON object (CloudEvents 1.0.2, section 3; JSON format 1.0.2, section 2);
the structs here are its `data`. `docs/link.md` is generated from this list. A type or payload that is not in it is
stored and acknowledged all the same, and only not projected: store first, interpret later.
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from common import workflow
from common.dispatch import Result as DispatchResult
from common.dispatch import Step as DispatchStep
from common.found import Step as FoundStep
from common.loan import Step as LoanStep
from common.ordered_settings import OrderedSettings
from common.patrol import Purpose as PatrolPurpose
from common.patrol import Step as PatrolStep
from common.patrol import Where as PatrolWhere
from common.personal import OnFile, PersonalField
from common.rota import Rota

Identifier: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
]
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=200)]
Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Number: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
Nanoseconds: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^(0|[1-9][0-9]{0,19})\Z")]
Instant: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")]
Day: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Hour: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=23)]
Digest: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
RecordNumber: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{2,8}-[0-9]{8}-[0-9]{4,8}\Z")]
StaffNumber: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z._/-]{1,32}\Z")]
Channel: TypeAlias = Literal["window", "button", "kiosk", "phone", "patrol", "dispatch"]
Priority: TypeAlias = Literal["normal", "urgent"]
DeviceKind: TypeAlias = Literal["panel", "gpio_button", "card_reader", "passport_reader", "code_scanner"]
Rating: TypeAlias = Literal["very_satisfied", "satisfied", "fairly_satisfied", "dissatisfied", "very_dissatisfied"]
RATINGS: tuple[Rating, ...] = ("very_satisfied", "satisfied", "fairly_satisfied", "dissatisfied", "very_dissatisfied")
"""非常满意, 满意, 基本满意, 不满意, 非常不满意 (GB/T 39735-2020, the five levels of 好差评)."""
HandoverKind: TypeAlias = Literal[
    "call", "dispatch", "notice", "patrol", "loan", "found", "record", "device", "alarm", "note"
]
RemovedBecause: TypeAlias = Literal["withdrawn", "ended", "replaced", "no_room", "damaged"]
EquipmentAlarm: TypeAlias = Literal[
    "device_down",
    "self_test_failed",
    "self_test_old",
    "disk",
    "disk_low",
    "journal_full",
    "clock",
    "headquarters",
    "certificate",
    "undervoltage",
]
RolledBackBecause: TypeAlias = Literal["no_link", "no_answer", "restarts", "replaced"]
CloseReason: TypeAlias = Literal["helped", "handed_over", "false_alarm", "test"]
CLOSE_REASONS: tuple[CloseReason, ...] = ("helped", "handed_over", "false_alarm", "test")


class Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The `data` of one event; unknown keys are ignored, as the link's contract asks."""


class Press(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered press of one panel; the three together never come twice for two presses."""

    panel: Name
    epoch: Count
    number: Number


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """Personal fields as they are kept and travel. `key`: the shift key's id; `box`: nonce and ciphertext, base64url.

    What is inside is a JSON object; only `sync.sealing` puts it in or takes it out.
    """

    key: Identifier
    box: str


class JournalOpened(Payload, frozen=True, kw_only=True):
    """A new journal goes on where `previous` was closed; `last_common` is what headquarters surely holds of it."""

    previous: Identifier
    reason: Literal["fork", "chain", "ahead", "disagrees", "damaged"]
    last_common: Count


class Rescued(Payload, frozen=True, kw_only=True):
    """An event copied from a closed journal: its exact bytes in base64url without padding."""

    line: str


class EventWithheld(Payload, frozen=True, kw_only=True):
    """An event that can never be sent (it is malformed): its number, and SHA-256 of its line in base64url."""

    number: Number
    sha256: str


class ClockSet(Payload, frozen=True, kw_only=True):
    """The clock has become synchronised: at `mono` of `boot` it was `time`."""

    boot: Identifier
    mono: Nanoseconds
    time: Instant


class ClockStepped(Payload, frozen=True, kw_only=True):
    """A synchronised clock was stepped by more than 2 s."""

    boot: Identifier
    mono: Nanoseconds
    before: Instant
    after: Instant


class HelpRaised(Payload, frozen=True, kw_only=True):
    """Somebody asks for help: the first press of a call. `age_ms`: how long the press waited in the panel."""

    call: Identifier
    origin: Literal["panel", "screen"]
    press: Press | None = None
    button: Count = 0
    age_ms: Count = 0


class HelpPressedAgain(Payload, frozen=True, kw_only=True):
    """A further press while the call is open."""

    call: Identifier
    origin: Literal["panel", "screen"]
    press: Press | None = None
    button: Count = 0
    age_ms: Count = 0


class HelpAcknowledged(Payload, frozen=True, kw_only=True):
    """Somebody at the duty desk has taken the call; `after_ms` on the monotonic clock since the press."""

    call: Identifier
    after_ms: Count


class HelpAttending(Payload, frozen=True, kw_only=True):
    """An officer is on the way to the citizen."""

    call: Identifier


class HelpEscalated(Payload, frozen=True, kw_only=True):
    """Nobody answered in time: headquarters' desk rings."""

    call: Identifier
    after_ms: Count


class HelpBreached(Payload, frozen=True, kw_only=True):
    """Still nobody: the time promised has passed."""

    call: Identifier
    after_ms: Count


class HelpClosed(Payload, frozen=True, kw_only=True):
    """The call is over."""

    call: Identifier
    reason: CloseReason


class HelpTested(Payload, frozen=True, kw_only=True):
    """A self-test's press came back through the panel's latch: nobody pressed, nothing rings, and it is no call.

    Urgent all the same, for it is the way of a call for help that is tested.
    """

    panel: Name
    press: Press
    button: Count = 0
    age_ms: Count = 0


class DeviceTested(Payload, frozen=True, kw_only=True):
    """A self-test is over: passed when headquarters' answer to its help.tested came back in time.

    `reason`, when it did not: the panel sent no press; it could not be recorded; no answer came. `took_ms`: from
    asking the panel to the end, on the monotonic clock.
    """

    device: Name
    passed: bool
    reason: Literal["", "no_press", "not_recorded", "no_answer"] = ""
    took_ms: Count


class DeviceChanged(Payload, frozen=True, kw_only=True):
    """A device of the station is in another state than before."""

    device: Name
    kind: DeviceKind
    state: Literal["absent", "starting", "ready", "faulty"]
    reason: Text = ""


class StationStarted(Payload, frozen=True, kw_only=True):
    """The daemon began to serve."""

    agent: Name


class StationStopped(Payload, frozen=True, kw_only=True):
    """The daemon was asked to stop, and did."""


class ShiftBegun(Payload, frozen=True, kw_only=True):
    """A shift begins: the shift key of the one before is forgotten. `by`: the rota, at its start, or an officer.

    `team`, `shift`: who is on duty by the rota, and the shift's sign there; absent without a rota, or a sure clock.
    """

    by: Literal["rota", "hand"]
    team: Name | None = None
    shift: Name | None = None


class AlarmShelved(Payload, frozen=True, kw_only=True):
    """Somebody has put an alarm of the station's equipment on the shelf until the shift ends. `shelf`: this event's id.

    `device`: its name, of an alarm of a device; `reason` is in plain, so without anybody's name or number. A call for
    help is none of these.
    """

    shelf: Identifier
    kind: EquipmentAlarm
    device: Text = ""
    reason: Text
    staff: StaffNumber | None = None


class AlarmReturned(Payload, frozen=True, kw_only=True):
    """An alarm is back from the shelf: another shift began, its time was over without a rota, somebody took it back."""

    shelf: Identifier
    because: Literal["shift", "limit", "asked"]


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


class OrderApplied(Payload, frozen=True, kw_only=True):
    """An order was carried out; `order` is its id, or of a snapshot order the id it stands for."""

    order: Identifier


class OrderFailed(Payload, frozen=True, kw_only=True):
    """An order was passed over, and why."""

    order: Name
    reason: Text


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


class ContentWanted(Payload, frozen=True, kw_only=True):
    """What the station lacks of a pack it was offered. `missing`: a bit for each chunk, base64url; 1: it is missing.

    The first chunk's bit is the highest of the first byte; those behind the last chunk are 0.
    """

    pack: Digest
    missing: str


class ContentStored(Payload, frozen=True, kw_only=True):
    """A content pack is whole, its signature right: it is shown when its time has come.

    `id`, `version`: as the pack calls itself; `way`: by orders, or from a folder on a USB medium.
    """

    pack: Digest
    id: Name
    version: Number
    way: Literal["order", "usb"]


class ContentRefused(Payload, frozen=True, kw_only=True):
    """A content pack is not taken, and why; `pack`: SHA-256 of its file."""

    pack: Digest
    way: Literal["order", "usb"]
    reason: Text


class ContentRemoved(Payload, frozen=True, kw_only=True):
    """A content pack is no longer at the station, and why."""

    pack: Digest
    reason: RemovedBecause


class ContentPlayed(Payload, frozen=True, kw_only=True):
    """How often a content pack was begun on the idle screen in one hour of the station's own day; of nobody.

    `hour`: the one that begins so many hours after midnight.
    """

    pack: Digest
    day: Day
    hour: Hour
    plays: Number


class DispatchStepped(Payload, frozen=True, kw_only=True):
    """An officer has taken a step of a dispatch: received it, set out, arrived, reported (then with a `result`)."""

    dispatch: Identifier
    step: DispatchStep
    result: DispatchResult | None = None
    staff: Name | None = None


class DispatchExpired(Payload, frozen=True, kw_only=True):
    """Nobody at the station received a dispatch before its time was over."""

    dispatch: Identifier


class PatrolBegun(Payload, frozen=True, kw_only=True):
    """Somebody is out on patrol, keyed in by hand. `patrol`: this event's id.

    `where`: a code, or of a `place` the name that the city's file has. `at`: since when, where that was keyed in later.
    """

    patrol: Identifier
    kind: PatrolWhere
    where: Name
    purpose: PatrolPurpose
    at: Instant | None = None
    staff: Name | None = None


class PatrolEnded(Payload, frozen=True, kw_only=True):
    """They are back, or it had been keyed in by mistake; `at` as in patrol.begun."""

    patrol: Identifier
    step: PatrolStep
    at: Instant | None = None
    staff: Name | None = None


class NoticeRead(Payload, frozen=True, kw_only=True):
    """Somebody at the duty desk has read a notice; no `staff`: whoever it was had not signed in."""

    notice: Identifier
    staff: Name | None = None


class SettingsChanged(Payload, frozen=True, kw_only=True):
    """Settings that headquarters ordered are in force: where they moved the link, its signed word has come that way."""

    order: Identifier


class SettingsRolledBack(Payload, frozen=True, kw_only=True):
    """Settings that headquarters ordered did not hold; those before them are in force, as if it had not ordered them.

    `reason`: the broker could not be reached, or headquarters did not answer there, in time; the process was started
    again and again meanwhile; another order came before they were known to be good.
    """

    order: Identifier
    reason: RolledBackBecause


class LoanBegun(Payload, frozen=True, kw_only=True):
    """Something is lent. `loan`: this event's id; `thing`: a code of the city's list; `number`: which one of them.

    `hours` until it is overdue, 0: never. `record`: the walk-in record of who has it, which has them sealed.
    """

    loan: Identifier
    thing: Name
    hours: Count = 0
    number: Name | None = None
    record: Name | None = None
    staff: Name | None = None


class LoanEnded(Payload, frozen=True, kw_only=True):
    """It is back, or given up, or had been keyed in by mistake; what was given up may come back."""

    loan: Identifier
    step: LoanStep
    staff: Name | None = None


class FoundKept(Payload, frozen=True, kw_only=True):
    """Something that was found is kept at the station. `found`: this event's id; `category`: of the city's list.

    `shelf`: where it lies; `kind`, `where`: where it was found, as in patrol.begun; `note`: a few words, in plain, of
    nobody; `days`: so long it is kept here.
    """

    found: Identifier
    category: Name
    shelf: Name
    days: Number
    kind: PatrolWhere | None = None
    where: Name | None = None
    note: Text = ""
    staff: Name | None = None


class FoundEnded(Payload, frozen=True, kw_only=True):
    """It was handed back, or on, or had been keyed in by mistake.

    `reference`: back, the number of its owner's walk-in record, if there is one; on, the receipt of who keeps it now.
    """

    found: Identifier
    step: FoundStep
    reference: Name | None = None
    staff: Name | None = None


class OrdersOpened(Payload, frozen=True, kw_only=True):
    """The first line of every orders journal."""

    generation: Number


class HelpAnswered(Payload, frozen=True, kw_only=True):
    """Headquarters answers a help call. `order`: the id of the order this one stands for in a later snapshot."""

    call: Identifier
    by: Name
    order: Identifier | None = None
    expires: Instant | None = None


class HelpTestAnswered(Payload, frozen=True, kw_only=True):
    """Headquarters answers a self-test: it has the help.tested event of that id. `order` as in help.answered."""

    test: Identifier
    order: Identifier | None = None
    expires: Instant | None = None


class KeyRotated(Payload, frozen=True, kw_only=True):
    """Headquarters has another order key, or sealing key; `key`: its public half in base64url. `order` as elsewhere."""

    use: Literal["order", "sealing"]
    key: str
    order: Identifier | None = None
    expires: Instant | None = None


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


class SettingsSet(Payload, frozen=True, kw_only=True):
    """What headquarters wants otherwise than the station's own settings file has it, in place of all it ordered before.

    Where that moves the link, headquarters' signed word has to come over the new broker within `within_s` seconds, or
    the station goes back by itself. `order` as elsewhere.
    """

    settings: OrderedSettings
    within_s: Annotated[int, msgspec.Meta(ge=10, le=3600)] = 180
    order: Identifier | None = None
    expires: Instant | None = None


class ContentOffered(Payload, frozen=True, kw_only=True):
    """A content pack of `size` bytes whose SHA-256 is `pack`; the station answers by content.wanted, and fetches it.

    `chunks`: SHA-256 of each 16 KiB of it in order, the last one shorter, 32 bytes each, together in base64url.
    """

    pack: Digest
    size: Number
    chunks: str
    expires: Instant | None = None


class ContentChunk(Payload, frozen=True, kw_only=True):
    """Up to 16 KiB, `data` in base64url, for every pack that lacks them; `sha256` is theirs.

    Its outcome is told by content.stored, or by order.failed.
    """

    sha256: Digest
    data: str
    expires: Instant | None = None


class ContentWithdrawn(Payload, frozen=True, kw_only=True):
    """A content pack is shown no more, and not taken again from anywhere. `order` as in help.answered."""

    pack: Digest
    order: Identifier | None = None
    expires: Instant | None = None


class DispatchSent(Payload, frozen=True, kw_only=True):
    """Somebody is to go: `reference` is the case's in the 110 system, which has all else; `service` of the catalogue.

    It is to be received before `expires`. `order` as elsewhere.
    """

    service: Name
    reference: Name
    expires: Instant
    grid: Name | None = None
    priority: Priority = "normal"
    order: Identifier | None = None


class NoticeSent(Payload, frozen=True, kw_only=True):
    """A few words to whoever is on duty, shown until `expires`: in `zh`, `en`, or both. Of nobody.

    `notice`: the same at every station that is told. `must_read`: shown above the others until somebody has read it.
    `order` as elsewhere.
    """

    notice: Identifier
    expires: Instant
    zh: Text = ""
    en: Text = ""
    must_read: bool = False
    order: Identifier | None = None


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


EVENTS: dict[str, type[Payload]] = {
    "journal.opened": JournalOpened,
    "rescued": Rescued,
    "event.withheld": EventWithheld,
    "clock.set": ClockSet,
    "clock.stepped": ClockStepped,
    "help.raised": HelpRaised,
    "help.pressed_again": HelpPressedAgain,
    "help.acknowledged": HelpAcknowledged,
    "help.attending": HelpAttending,
    "help.escalated": HelpEscalated,
    "help.breached": HelpBreached,
    "help.closed": HelpClosed,
    "help.tested": HelpTested,
    "device.changed": DeviceChanged,
    "device.tested": DeviceTested,
    "station.started": StationStarted,
    "station.stopped": StationStopped,
    "shift.begun": ShiftBegun,
    "alarm.shelved": AlarmShelved,
    "alarm.returned": AlarmReturned,
    "handover.noted": HandoverNoted,
    "handover.begun": HandoverBegun,
    "handover.checked": HandoverChecked,
    "handover.signed": HandoverSigned,
    "desk.unattended": DeskUnattended,
    "desk.attended": DeskAttended,
    "order.applied": OrderApplied,
    "order.failed": OrderFailed,
    "record.opened": RecordOpened,
    "record.amended": RecordAmended,
    "record.stepped": RecordStepped,
    "record.called": RecordCalled,
    "record.rated": RecordRated,
    "record.revealed": RecordRevealed,
    "dispatch.stepped": DispatchStepped,
    "dispatch.expired": DispatchExpired,
    "notice.read": NoticeRead,
    "patrol.begun": PatrolBegun,
    "patrol.ended": PatrolEnded,
    "loan.begun": LoanBegun,
    "loan.ended": LoanEnded,
    "found.kept": FoundKept,
    "found.ended": FoundEnded,
    "staff.signed_in": StaffSignedIn,
    "staff.signed_out": StaffSignedOut,
    "staff.refused": StaffRefused,
    "settings.changed": SettingsChanged,
    "settings.rolled_back": SettingsRolledBack,
    "key.issued": KeyIssued,
    "reveal.requested": RevealRequested,
    "content.wanted": ContentWanted,
    "content.stored": ContentStored,
    "content.refused": ContentRefused,
    "content.removed": ContentRemoved,
    "content.played": ContentPlayed,
}
"""What a station journals, by CloudEvents `type`."""

ORDERS: dict[str, type[Payload]] = {
    "orders.opened": OrdersOpened,
    "help.answered": HelpAnswered,
    "help.test_answered": HelpTestAnswered,
    "key.rotated": KeyRotated,
    "rota.set": RotaSet,
    "staff.set": StaffSet,
    "settings.set": SettingsSet,
    "content.offered": ContentOffered,
    "content.chunk": ContentChunk,
    "content.withdrawn": ContentWithdrawn,
    "dispatch.sent": DispatchSent,
    "notice.sent": NoticeSent,
    "referral.signed": ReferralSigned,
    "event.withheld": EventWithheld,
}
"""What headquarters journals for one station, by CloudEvents `type`."""

URGENT_ORDERS = frozenset({"orders.opened", "help.answered", "help.test_answered", "key.rotated", "dispatch.sent"})
"""Orders that travel on the urgent lane and are acted on when stored."""

BULK_ORDERS = frozenset({"content.offered", "content.chunk"})
"""Orders that wait for all others, whose lines are forgotten once done, and whose outcome another event tells."""

_TYPES = {payload: name for table in (EVENTS, ORDERS) for name, payload in table.items()}


def is_urgent_event(event_type: str) -> bool:
    """Tell whether a station's event travels on the urgent lane: every help event does.

    A `key.issued` would too if a help event needed it; none carries a sealed field, so it keeps to the log.
    """
    return event_type.startswith("help.")


def type_of(payload: Payload) -> str:
    """Return the CloudEvents `type` under which `payload` is written."""
    return _TYPES[type(payload)]


def encode_event(
    payload: Payload, *, event_id: str, source: str, time: str, boot: str, mono: int, unsure: bool
) -> bytes:
    """Return the one line under which an event is stored, hashed and sent; nobody re-serialises it later."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": type_of(payload),
        "time": time,
        "boot": boot,
        "mono": str(mono),
    }
    if unsure:
        event["clock"] = "unsure"
    event["data"] = payload
    return msgspec.json.encode(event)


def read_payload(table: dict[str, type[Payload]], event: dict[str, Any]) -> Payload | None:
    """Return the typed `data` of a parsed event, or None when its type or payload is not in the vocabulary."""
    payload = table.get(event["type"])
    if payload is None:
        return None
    try:
        return msgspec.convert(event.get("data"), payload)
    except msgspec.ValidationError:
        return None
