"""Handovers as rows, written in the transaction of each event; and the sheet, drafted from what is open."""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from agent.handover import Check, Item, Key, Sheet, Stay
from agent.pen import Projector
from common.events.desk import HandoverBegun, HandoverChecked, HandoverKind, HandoverNoted, HandoverSigned
from common.record import Record

KEPT: Final = 100
"""How many handovers are kept to be looked at and printed."""

_NOTES_KNOWN: Final = 1000

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS handovers(
    place INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,            -- that of its handover.begun event
    giving TEXT NOT NULL,
    receiving TEXT NOT NULL,
    begun TEXT NOT NULL,                -- as the station's clock said,
    signed TEXT NOT NULL DEFAULT '',    -- likewise; '' until it is signed
    giving_staff TEXT NOT NULL DEFAULT '',
    receiving_staff TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS handover_checks(
    handover TEXT NOT NULL, kind TEXT NOT NULL, item TEXT NOT NULL,
    label TEXT NOT NULL, accepted INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (handover, kind, item)
) WITHOUT ROWID;
-- Those that both sides signed with their PINs; of the others the numbers were typed and believed.
CREATE TABLE IF NOT EXISTS handover_proofs(handover TEXT PRIMARY KEY) WITHOUT ROWID;
-- What was refused when a handover was signed: with which team it stays.
CREATE TABLE IF NOT EXISTS handover_stays(
    kind TEXT NOT NULL, item TEXT NOT NULL, team TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (kind, item)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS handover_notes(place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL);
-- Calls that went unanswered and that somebody who came next has heard of.
CREATE TABLE IF NOT EXISTS handover_told(call TEXT PRIMARY KEY) WITHOUT ROWID;
-- Every handover event by its id: a form submitted again changes nothing.
CREATE TABLE IF NOT EXISTS handover_events(
    place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, handover TEXT
);
"""
"""Tables for `Journal.open(schema=...)`; needs those of whatever may be open."""

_CALLS: Final = (
    "SELECT id, state, (SELECT line FROM events, journal WHERE events.number = calls.number"
    " AND journal.id = calls.journal) FROM calls"
    " WHERE state <> 'closed' OR (escalated AND id NOT IN (SELECT call FROM handover_told)) ORDER BY rowid"
)
_DISPATCHES: Final = "SELECT id, reference, state FROM dispatches ORDER BY place"
_NOTICES: Final = (
    "SELECT id, CASE zh WHEN '' THEN en ELSE zh END FROM notices"
    " WHERE must_read AND NOT EXISTS(SELECT 1 FROM notice_reads WHERE notice = id) ORDER BY place"
)
_PATROLS: Final = "SELECT id, spot FROM patrols WHERE state = 'out' ORDER BY place"
_LOANS: Final = "SELECT id FROM loans WHERE state = 'out' ORDER BY place"
_FOUND: Final = "SELECT id FROM found_things WHERE state = 'kept' ORDER BY place"
_RECORDS: Final = "SELECT id, number, record FROM records WHERE is_open ORDER BY place"
_NOTES: Final = "SELECT id, text FROM handover_notes ORDER BY place"
_LAST: Final = "SELECT id, giving, receiving, begun, signed FROM handovers ORDER BY place DESC LIMIT 1"
_PAST: Final = (
    "SELECT id, giving, receiving, begun, signed, giving_staff, receiving_staff,"
    " id IN (SELECT handover FROM handover_proofs),"
    " (SELECT count(*) FROM handover_checks WHERE handover = id AND accepted),"
    " (SELECT count(*) FROM handover_checks WHERE handover = id AND NOT accepted)"
    " FROM handovers WHERE signed <> ''"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A handover that was signed; times as the station's clock said (RFC 3339). `proven`: by PINs."""

    id: str
    giving: str
    receiving: str
    begun: str
    signed: str
    giving_staff: str
    receiving_staff: str
    proven: bool
    accepted: int
    refused: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a signed sheet."""

    kind: str
    label: str
    accepted: bool
    reason: str


class _Stamped(msgspec.Struct):
    time: str


def projectors() -> dict[str, Projector]:
    """Return what to hand to `Journal.open(projectors=...)`, by event type."""
    return {
        "handover.noted": _noted,
        "handover.begun": _begun,
        "handover.checked": _checked,
        "handover.signed": _signed,
    }


def is_known(connection: sqlite3.Connection, event_id: str) -> bool:
    """Tell whether a handover event of that id was journaled."""
    return connection.execute("SELECT 1 FROM handover_events WHERE id = ?", (event_id,)).fetchone() is not None


def draft(connection: sqlite3.Connection, others: Iterable[Item], *, read: bool = True) -> Sheet:
    """Return the sheet of now: all that is open in the journal, and `others`, which only the memory knows.

    Without `read` the items do not say how the records among them stand, and it is quick with thousands of them.
    """
    items: list[Item] = []
    for call, state, line in connection.execute(_CALLS):
        raised = "" if line is None else msgspec.json.decode(line, type=_Stamped).time
        items.append(Item(kind="call", id=call, label=raised, state="unanswered" if state == "closed" else state))
    for order, reference, state in connection.execute(_DISPATCHES):
        items.append(Item(kind="dispatch", id=order, label=reference, state=state))
    items += [Item(kind="notice", id=one, label=words) for one, words in connection.execute(_NOTICES)]
    items += [Item(kind="patrol", id=one, label=spot) for one, spot in connection.execute(_PATROLS)]
    items += _counted(connection)
    for record, number, text in connection.execute(_RECORDS):
        read_one = msgspec.json.decode(text, type=Record) if read else None
        items.append(Item(kind="record", id=record, label=number, record=read_one))
    items += others
    items += [Item(kind="note", id=note, label=text) for note, text in connection.execute(_NOTES)]
    stays: dict[Key, Stay] = {
        (kind, item): Stay(team, reason)
        for kind, item, team, reason in connection.execute("SELECT kind, item, team, reason FROM handover_stays")
    }
    row = connection.execute(_LAST).fetchone()
    if row is None or row[4]:
        return Sheet(items=tuple(items), stays=stays)
    handover, giving, receiving, begun, _ = row
    rows = "SELECT kind, item, accepted, reason FROM handover_checks WHERE handover = ?"
    checks: dict[Key, Check] = {
        (kind, item): Check(bool(accepted), reason)
        for kind, item, accepted, reason in connection.execute(rows, (handover,))
    }
    return Sheet(
        items=tuple(items),
        id=handover,
        giving=giving,
        receiving=receiving,
        begun=begun,
        checks=checks,
        stays=stays,
    )


def _counted(connection: sqlite3.Connection) -> list[Item]:
    """Return one item for all that is lent, and one for all that is kept: there are many, and they stay for days.

    Its id says which those are, so that it is asked again when they are others.
    """
    items = []
    kinds: tuple[tuple[HandoverKind, str], ...] = (("loan", _LOANS), ("found", _FOUND))
    for kind, rows in kinds:
        ids = [row[0] for row in connection.execute(rows)]
        if ids:
            digest = hashlib.blake2s("".join(ids).encode(), digest_size=8).hexdigest()
            items.append(Item(kind=kind, id=digest, label=str(len(ids))))
    return items


def past(connection: sqlite3.Connection, *, most: int) -> tuple[Signed, ...]:
    """Return the handovers that were signed, the newest first."""
    return tuple(_past(row) for row in connection.execute(f"{_PAST} ORDER BY place DESC LIMIT ?", (most,)))


def find(connection: sqlite3.Connection, handover: str) -> tuple[Signed, tuple[Line, ...]] | None:
    """Return a signed handover and its lines, what was refused on top."""
    row = connection.execute(f"{_PAST} AND id = ?", (handover,)).fetchone()
    if row is None:
        return None
    rows = (
        "SELECT kind, label, accepted, reason FROM handover_checks WHERE handover = ?"
        " ORDER BY accepted, kind, label, item"
    )
    lines = (Line(kind, label, bool(ok), why) for kind, label, ok, why in connection.execute(rows, (handover,)))
    return _past(row), tuple(lines)


def _past(row: tuple[Any, ...]) -> Signed:
    handover, giving, receiving, begun, signed, giving_staff, receiving_staff, proven, accepted, refused = row
    return Signed(
        id=handover,
        giving=giving,
        receiving=receiving,
        begun=begun,
        signed=signed,
        giving_staff=giving_staff,
        receiving_staff=receiving_staff,
        proven=bool(proven),
        accepted=accepted,
        refused=refused,
    )


def _note(connection: sqlite3.Connection, event_id: str, handover: str | None) -> None:
    connection.execute("INSERT OR IGNORE INTO handover_events(id, handover) VALUES (?, ?)", (event_id, handover))


def _noted(
    connection: sqlite3.Connection, _: int, event_id: str, payload: HandoverNoted, _event: Mapping[str, Any]
) -> None:
    connection.execute("INSERT OR IGNORE INTO handover_notes(id, text) VALUES (?, ?)", (payload.note, payload.text))
    _note(connection, event_id, None)


def _begun(
    connection: sqlite3.Connection, _: int, event_id: str, payload: HandoverBegun, event: Mapping[str, Any]
) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO handovers(id, giving, receiving, begun) VALUES (?, ?, ?, ?)",
        (payload.handover, payload.giving or "", payload.receiving or "", event["time"]),
    )
    _note(connection, event_id, payload.handover)


def _checked(
    connection: sqlite3.Connection, _: int, event_id: str, payload: HandoverChecked, _event: Mapping[str, Any]
) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO handover_checks VALUES (?, ?, ?, ?, ?, ?)",
        (payload.handover, payload.kind, payload.item, payload.label, payload.accepted, payload.reason),
    )
    _note(connection, event_id, payload.handover)


def _signed(
    connection: sqlite3.Connection, _: int, event_id: str, payload: HandoverSigned, event: Mapping[str, Any]
) -> None:
    """Sign; of what was gone through, only what there was to be told is over: notes, and calls that are closed."""
    handover = payload.handover
    connection.execute(
        "UPDATE handovers SET signed = ?, giving_staff = ?, receiving_staff = ? WHERE id = ?",
        (event["time"], payload.giving_staff, payload.receiving_staff, handover),
    )
    if payload.by == "pin":
        connection.execute("INSERT OR IGNORE INTO handover_proofs VALUES (?)", (handover,))
    connection.execute(
        "DELETE FROM handover_notes WHERE id IN"
        " (SELECT item FROM handover_checks WHERE handover = ? AND accepted AND kind = 'note')",
        (handover,),
    )
    connection.execute(
        "INSERT OR IGNORE INTO handover_told SELECT id FROM calls WHERE escalated AND id IN"
        " (SELECT item FROM handover_checks WHERE handover = ? AND accepted AND kind = 'call')",
        (handover,),
    )
    connection.execute("DELETE FROM handover_told WHERE call NOT IN (SELECT id FROM calls)")
    connection.execute(
        "DELETE FROM handover_stays WHERE (kind, item) IN"
        " (SELECT kind, item FROM handover_checks WHERE handover = ? AND accepted)",
        (handover,),
    )
    connection.execute(
        "INSERT OR REPLACE INTO handover_stays SELECT kind, item, giving, reason"
        " FROM handover_checks JOIN handovers ON id = handover WHERE handover = ? AND NOT accepted",
        (handover,),
    )
    connection.execute(
        "DELETE FROM handover_stays WHERE kind = 'record' AND item NOT IN (SELECT id FROM records WHERE is_open)"
    )
    connection.execute(
        "DELETE FROM handover_stays WHERE kind = 'patrol' AND item NOT IN (SELECT id FROM patrols WHERE state = 'out')"
    )
    connection.execute("DELETE FROM handover_stays WHERE kind = 'notice' AND item NOT IN (SELECT id FROM notices)")
    for kind in ("loan", "found"):
        now = next((item.id for item in _counted(connection) if item.kind == kind), "")
        connection.execute("DELETE FROM handover_stays WHERE kind = ? AND item <> ?", (kind, now))
    _note(connection, event_id, handover)
    _forget(connection)


def _forget(connection: sqlite3.Connection) -> None:
    """Keep the newest KEPT handovers, with their lines and the ids of their events; and the ids of the newest notes."""
    (oldest,) = connection.execute("SELECT coalesce(max(place), 0) FROM handovers").fetchone()
    connection.execute("DELETE FROM handovers WHERE place <= ?", (oldest - KEPT,))
    connection.execute("DELETE FROM handover_checks WHERE handover NOT IN (SELECT id FROM handovers)")
    connection.execute("DELETE FROM handover_proofs WHERE handover NOT IN (SELECT id FROM handovers)")
    connection.execute(
        "DELETE FROM handover_events WHERE handover IS NOT NULL AND handover NOT IN (SELECT id FROM handovers)"
    )
    connection.execute(
        "DELETE FROM handover_events WHERE handover IS NULL AND place <= (SELECT max(place) FROM handover_events) - ?",
        (_NOTES_KNOWN,),
    )
