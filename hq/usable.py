"""What an event must be to be acted on: sound, of the vocabulary, its ids and names such as can be kept. Pure."""

import hashlib
from typing import Any

from common.events import EVENTS, read_payload
from common.events.content import ContentPlayed, ContentRefused, ContentRemoved, ContentStored, ContentWanted
from common.events.equipment import DeviceTested
from common.events.journal import JournalOpened, OrderApplied, OrderFailed, Rescued, SettingsChanged, SettingsRolledBack
from common.events.terms import Payload
from common.identifiers import is_identifier
from hq import desk_events
from hq.alarms import is_name
from hq.content_rows import is_readable_content
from hq.desk_events import DeskEvent
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
    if isinstance(payload, DeskEvent):
        return desk_events.is_usable(payload)
    usable: bool | None = None
    match payload:
        case JournalOpened():
            usable = is_identifier(payload.previous) and payload.previous != journal
        case OrderApplied() | OrderFailed() | SettingsChanged() | SettingsRolledBack():
            usable = is_identifier(payload.order)
        case DeviceTested():
            usable = is_name(payload.device)
        case ContentWanted() | ContentStored() | ContentRefused() | ContentRemoved() | ContentPlayed():
            usable = is_readable_content(payload)
    return usable


def event_key(event_id: str) -> str:
    """Return the id an event is remembered under: its own, or where that is no UUID, SHA-256 of it."""
    return event_id if is_identifier(event_id) else hashlib.sha256(event_id.encode()).hexdigest()
