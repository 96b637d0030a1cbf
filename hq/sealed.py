"""Opening what a station sealed: one event at a time, or one record, for a reason, and never before the audit has it.

Everything here is for one person at headquarters' own machine, with the private sealing key; nothing that serves pages
or takes batches opens a box.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, select

from common.events.terms import Sealed
from hq import audit, tables
from hq.audit import Act, Audited
from hq.journals import each_line, journal_row
from hq.records import records_called
from hq.shift_keys import FindKey, NoShiftKeyError, unwrap_shift_key
from hq.store import Store
from hq.usable import unwrap
from sync.receiver import check_line
from sync.sealing import BrokenSealError

_NO_REASON: Final = "no reason was given; say which case this is for"
_journals = tables.journals
_beside = tables.record_lines
_BESIDE = select(_beside.c.line).where(_beside.c.station == bindparam("of"), _beside.c.event == bindparam("id_"))
_OF_STATION = select(_journals).where(_journals.c.station == bindparam("of")).order_by(_journals.c.id.desc())


class NotUnsealedError(Exception):
    """Sealed fields that cannot be shown; the message says why and what to do, and nothing of what is inside."""


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What was inside, and the line of the audit that says so."""

    fields: dict[str, Any]
    audited: Audited


class _Head(msgspec.Struct):
    id: str
    type: str


class _Data(msgspec.Struct):
    sealed: Sealed


def unseal(store: Store, find: FindKey, act: Act, *, now_ms: int) -> Unsealed:
    """Return the sealed fields of an event. The act is committed to the audit first, whatever comes of it.

    `now_ms`: headquarters' wall clock. Raises NotUnsealedError; without a reason nothing is audited or opened.
    """
    if not act.reason.strip():
        raise NotUnsealedError(_NO_REASON)
    with store.database.write() as connection:
        audited = audit.record(connection, act, at_ms=now_ms)
    with store.database.read() as connection:
        event = _find(connection, act.station, act.event)
        if event is None:
            raise NotUnsealedError(f"no event {act.event} of {act.station} is held; look at both ids again")
        try:
            sealed = msgspec.convert(event.get("data"), _Data).sealed
        except msgspec.ValidationError:
            sealed = None
        if sealed is None:
            raise NotUnsealedError(f"event {act.event} carries no sealed fields")
        try:
            shift_key = unwrap_shift_key(connection, act.station, sealed.key, find)
        except NoShiftKeyError as error:
            raise NotUnsealedError(f"event {act.event} cannot be opened: {error}") from None
    try:
        return Unsealed(shift_key.open(act.event, msgspec.to_builtins(sealed)), audited)
    except BrokenSealError as error:
        raise NotUnsealedError(f"event {act.event} does not open: {error}") from None
    finally:
        shift_key.wipe()


def unseal_record(store: Store, find: FindKey, asked: Act, *, now_ms: int) -> Unsealed:
    """Return all that is sealed of the record whose number stands in `asked.event`, later fields over earlier ones.

    `asked.station` may be "": it is needed only where two stations have the number. Each event that is opened is in the
    audit by itself; so is the number, when no event was opened. Raises NotUnsealedError.
    """
    if not asked.reason.strip():
        raise NotUnsealedError(_NO_REASON)
    with store.database.read() as connection:
        found = [one for one in records_called(connection, asked.event) if asked.station in ("", one.station)]
    boxes = found[0].boxes if len(found) == 1 else ()
    if not boxes:
        with store.database.write() as connection:
            audit.record(connection, asked, at_ms=now_ms)
    if not found:
        raise NotUnsealedError(f"no record {asked.event} is held; look at the number again")
    if len(found) > 1:
        stations = ", ".join(one.station for one in found)
        raise NotUnsealedError(f"several have the number {asked.event}: say --station, one of {stations}")
    if not boxes:
        raise NotUnsealedError(f"record {asked.event} carries no sealed fields")
    fields: dict[str, Any] = {}
    for event in boxes:
        act = msgspec.structs.replace(asked, station=found[0].station, event=event)
        unsealed = unseal(store, find, act, now_ms=now_ms)
        fields |= unsealed.fields
    return Unsealed({name: text for name, text in fields.items() if text}, unsealed.audited)


def _find(connection: Connection, station: str, event_id: str) -> dict[str, Any] | None:
    """Return a station's event, or the one of that id that a rescued event copies.

    Reads the lines one by one, newest journal first: they have no index by id, and somebody waits for this rarely.
    """
    kept = connection.execute(_BESIDE, {"of": station, "id_": event_id}).scalar()
    if kept is not None:
        return unwrap(check_line(kept))
    for found in connection.execute(_OF_STATION, {"of": station}).all():
        row = journal_row(found)
        for line in each_line(connection, row, 0, row.standing.held[-1][1] if row.standing.held else 0):
            head = msgspec.json.decode(line.line, type=_Head)
            if head.id != event_id and head.type != "rescued":
                continue
            event = unwrap(check_line(line.line))
            if event is not None and event["id"] == event_id:
                return event
    return None
