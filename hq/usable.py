"""What an event must be to be acted on: sound, of the vocabulary, its ids and names such as can be kept. Pure."""

import hashlib
from typing import Any

from common.events import (
    EVENTS,
    ContentPlayed,
    ContentRefused,
    ContentRemoved,
    ContentStored,
    ContentWanted,
    DeskAttended,
    DeskUnattended,
    DeviceTested,
    DispatchExpired,
    DispatchStepped,
    JournalOpened,
    NoticeRead,
    OrderApplied,
    OrderFailed,
    Payload,
    Rescued,
    SettingsChanged,
    SettingsRolledBack,
    read_payload,
)
from common.identifiers import is_identifier
from hq.alarms import plain
from hq.content_rows import is_readable_content
from sync import base64url
from sync.receiver import check_line


def unwrap(event: dict[str, Any]) -> dict[str, Any] | None:
    """Return the event itself, or the one a `rescued` event copies; None where that is not a sound event."""
    if event["type"] != "rescued":
        return event
    payload = read_payload(EVENTS, event)
    if not isinstance(payload, Rescued):
        return None
    try:
        inner = check_line(base64url.decode(payload.line))
    except ValueError:
        return None
    return None if inner["type"] == "rescued" else inner  # a copy is copied, never wrapped again


def is_usable(payload: Payload, journal: str) -> bool | None:
    """Tell whether what an event says can be acted on; None for one on which nothing hangs that is shown today."""
    usable: bool | None = None
    match payload:
        case JournalOpened():
            usable = is_identifier(payload.previous) and payload.previous != journal
        case OrderApplied() | OrderFailed() | SettingsChanged() | SettingsRolledBack():
            usable = is_identifier(payload.order)
        case DispatchStepped() | DispatchExpired():
            usable = is_identifier(payload.dispatch)
        case NoticeRead():
            usable = is_identifier(payload.notice) and is_name(payload.staff or "")
        case DeskUnattended() | DeskAttended():
            usable = True
        case DeviceTested():
            usable = is_name(payload.device)
        case ContentWanted() | ContentStored() | ContentRefused() | ContentRemoved() | ContentPlayed():
            usable = is_readable_content(payload)
    return usable


def is_name(text: str) -> bool:
    """Tell whether a name can be kept and shown as it is."""
    return plain(text, len(text)) == text


def event_key(event_id: str) -> str:
    """Return the id an event is remembered under: its own, or where that is no UUID, SHA-256 of it."""
    return event_id if is_identifier(event_id) else hashlib.sha256(event_id.encode()).hexdigest()
