"""The vocabulary: every event a station journals and every order headquarters sends, each field typed.

An event on the wire is a CloudEvents 1.0 JSON object (CloudEvents 1.0.2, section 3; JSON format 1.0.2, section 2);
the structs here are its `data`. `docs/link.md` is generated from this list. A type or payload that is not in it is
stored and acknowledged all the same, and only not projected: store first, interpret later.
"""

from typing import Any

import msgspec

from common.events import calls, content, desk, equipment, errands, journal, lent_and_found, records
from common.events.terms import Payload

EVENTS: dict[str, type[Payload]] = {
    "journal.opened": journal.JournalOpened,
    "rescued": journal.Rescued,
    "event.withheld": journal.EventWithheld,
    "clock.set": journal.ClockSet,
    "clock.stepped": journal.ClockStepped,
    "help.raised": calls.HelpRaised,
    "help.pressed_again": calls.HelpPressedAgain,
    "help.acknowledged": calls.HelpAcknowledged,
    "help.attending": calls.HelpAttending,
    "help.escalated": calls.HelpEscalated,
    "help.breached": calls.HelpBreached,
    "help.closed": calls.HelpClosed,
    "help.tested": calls.HelpTested,
    "device.changed": equipment.DeviceChanged,
    "device.tested": equipment.DeviceTested,
    "station.started": journal.StationStarted,
    "station.stopped": journal.StationStopped,
    "shift.begun": desk.ShiftBegun,
    "alarm.shelved": equipment.AlarmShelved,
    "alarm.returned": equipment.AlarmReturned,
    "handover.noted": desk.HandoverNoted,
    "handover.begun": desk.HandoverBegun,
    "handover.checked": desk.HandoverChecked,
    "handover.signed": desk.HandoverSigned,
    "desk.unattended": desk.DeskUnattended,
    "desk.attended": desk.DeskAttended,
    "order.applied": journal.OrderApplied,
    "order.failed": journal.OrderFailed,
    "record.opened": records.RecordOpened,
    "record.amended": records.RecordAmended,
    "record.stepped": records.RecordStepped,
    "record.called": records.RecordCalled,
    "record.rated": records.RecordRated,
    "record.revealed": records.RecordRevealed,
    "dispatch.stepped": errands.DispatchStepped,
    "dispatch.expired": errands.DispatchExpired,
    "notice.read": errands.NoticeRead,
    "patrol.begun": errands.PatrolBegun,
    "patrol.ended": errands.PatrolEnded,
    "loan.begun": lent_and_found.LoanBegun,
    "loan.ended": lent_and_found.LoanEnded,
    "found.kept": lent_and_found.FoundKept,
    "found.ended": lent_and_found.FoundEnded,
    "staff.signed_in": desk.StaffSignedIn,
    "staff.signed_out": desk.StaffSignedOut,
    "staff.refused": desk.StaffRefused,
    "settings.changed": journal.SettingsChanged,
    "settings.rolled_back": journal.SettingsRolledBack,
    "key.issued": records.KeyIssued,
    "reveal.requested": records.RevealRequested,
    "content.wanted": content.ContentWanted,
    "content.stored": content.ContentStored,
    "content.refused": content.ContentRefused,
    "content.removed": content.ContentRemoved,
    "content.played": content.ContentPlayed,
}
"""What a station journals, by CloudEvents `type`."""
ORDERS: dict[str, type[Payload]] = {
    "orders.opened": journal.OrdersOpened,
    "help.answered": calls.HelpAnswered,
    "help.test_answered": calls.HelpTestAnswered,
    "key.rotated": records.KeyRotated,
    "rota.set": desk.RotaSet,
    "staff.set": desk.StaffSet,
    "settings.set": journal.SettingsSet,
    "content.offered": content.ContentOffered,
    "content.chunk": content.ContentChunk,
    "content.withdrawn": content.ContentWithdrawn,
    "dispatch.sent": errands.DispatchSent,
    "notice.sent": errands.NoticeSent,
    "referral.signed": records.ReferralSigned,
    "event.withheld": journal.EventWithheld,
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
