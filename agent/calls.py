"""Help calls as rows: what the journal's help events come to, written in the transaction of each event."""

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from agent.ladder import RUNGS, Rung, State
from agent.orders import OrderRefused
from agent.pen import Pen, Projector
from common.events.calls import HelpAnswered, HelpPressedAgain, HelpRaised
from common.events.journal import Rescued
from sync import base64url
from sync.ranges import Ranges

SCHEMA = """
CREATE TABLE IF NOT EXISTS calls(
    id TEXT PRIMARY KEY,             -- that of its help.raised event
    number INTEGER NOT NULL,         -- of help.raised, in `journal`
    journal TEXT NOT NULL,
    origin TEXT NOT NULL,
    state TEXT NOT NULL,
    presses INTEGER NOT NULL,
    boot TEXT NOT NULL,              -- of the first press
    raised_ns INTEGER NOT NULL,      -- CLOCK_BOOTTIME of the first press in that boot
    unanswered_boot TEXT NOT NULL,   -- the same of the oldest press nobody has answered,
    unanswered_ns INTEGER NOT NULL,  -- left as it was once it is answered
    escalated INTEGER NOT NULL DEFAULT 0,
    breached INTEGER NOT NULL DEFAULT 0,
    hq_answered INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS calls_open ON calls(id) WHERE state <> 'closed';
-- Every help event by its id: one that was journaled is never journaled again.
CREATE TABLE IF NOT EXISTS help_events(id TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
-- Every numbered press of a panel: repeated until acknowledged, it is one event, also after a restart.
CREATE TABLE IF NOT EXISTS presses(
    panel TEXT NOT NULL, epoch INTEGER NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (panel, epoch, number)
) WITHOUT ROWID;
-- The presses of the citizen's screen, by the id its form carried.
CREATE TABLE IF NOT EXISTS screen_presses(id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
"""Tables for `Journal.open(schema=...)`."""

PressKey: TypeAlias = tuple[str, int, int]
"""Panel, epoch, number: a numbered press, as the panel repeats it until it is acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCall:
    """An open call as the journal knows it; times are CLOCK_BOOTTIME of the boot beside them.

    `number` is that of its help.raised in the open journal: None when only a closed one has it.
    """

    id: str
    number: int | None
    origin: Literal["panel", "screen"]
    state: State
    presses: int
    boot: str
    raised_ns: int
    unanswered_boot: str
    unanswered_ns: int
    rungs: frozenset[Rung]
    hq_answered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What a desk has to know at its start: open calls, oldest first, and every press that was ever journaled."""

    calls: tuple[StoredCall, ...]
    presses: Mapping[tuple[str, int], Ranges]
    screen_presses: frozenset[str]


def projectors() -> dict[str, Projector]:
    """Return what to hand to `Journal.open(projectors=...)`, by event type."""
    return {
        "help.raised": _raised,
        "help.pressed_again": _pressed_again,
        "help.acknowledged": _moves("state = 'acknowledged'"),
        "help.attending": _moves("state = 'attending'"),
        "help.closed": _moves("state = 'closed'"),
        "help.escalated": _moves("escalated = 1"),
        "help.breached": _moves("breached = 1"),
    }


def number_of(connection: sqlite3.Connection, event_id: str) -> int | None:
    """Return the number a help event was journaled under; None when it was not."""
    row = connection.execute("SELECT number FROM help_events WHERE id = ?", (event_id,)).fetchone()
    return row and int(row[0])


def load(connection: sqlite3.Connection) -> Stored:
    """Read what a desk begins with."""
    rows = connection.execute(
        "SELECT id, origin, state, presses, boot, raised_ns, unanswered_boot, unanswered_ns,"
        " escalated, breached, hq_answered FROM calls WHERE state <> 'closed' ORDER BY rowid"
    ).fetchall()
    numbers = raised_numbers(connection, [row[0] for row in rows])
    calls = tuple(
        StoredCall(
            id=row[0],
            number=numbers.get(row[0]),
            origin=row[1],
            state=row[2],
            presses=row[3],
            boot=row[4],
            raised_ns=row[5],
            unanswered_boot=row[6],
            unanswered_ns=row[7],
            rungs=frozenset(rung for rung, had in zip(RUNGS, row[8:10], strict=True) if had),
            hq_answered=bool(row[10]),
        )
        for row in rows
    )
    return Stored(
        calls=calls,
        presses=_presses(connection),
        screen_presses=frozenset(row[0] for row in connection.execute("SELECT id FROM screen_presses")),
    )


def raised_numbers(connection: sqlite3.Connection, calls: Collection[str]) -> dict[str, int]:
    """Return where the open journal has the help.raised event of each of `calls`, itself or as a rescued copy.

    A call is missing when only a closed journal has it: headquarters had acknowledged it there.
    """
    (journal,) = connection.execute("SELECT id FROM journal").fetchone()
    numbers: dict[str, int] = {}
    elsewhere: set[str] = set()
    for call in calls:
        row = connection.execute("SELECT number, journal FROM calls WHERE id = ?", (call,)).fetchone()
        if row is not None and row[1] == journal:
            numbers[call] = row[0]
        elif row is not None:
            elsewhere.add(call)
    if elsewhere:
        for number, line in connection.execute("SELECT number, line FROM events JOIN urgent USING (number)"):
            inner = _rescued_id(line)
            if inner in elsewhere:
                numbers[inner] = number
    return numbers


def answer(pen: Pen, _: str, payload: HelpAnswered) -> None:
    """Carry out the order `help.answered`, in the transaction that stores it.

    Raises OrderRefused for a call this journal does not know. A call closed meanwhile is answered all the same.
    """
    update = "UPDATE calls SET hq_answered = 1 WHERE id = ?"
    if pen.connection.execute(update, (payload.call,)).rowcount == 0:
        raise OrderRefused("this station's journal knows no such call")


def hq_answered(connection: sqlite3.Connection, calls: Collection[str]) -> set[str]:
    """Return those of `calls` that headquarters has answered."""
    answered = "SELECT 1 FROM calls WHERE id = ? AND hq_answered"
    return {call for call in calls if connection.execute(answered, (call,)).fetchone()}


def _presses(connection: sqlite3.Connection) -> dict[tuple[str, int], Ranges]:
    """Return the journaled presses as ranges: a panel numbers them one after the other, so there are few."""
    islands = (
        "SELECT panel, epoch, min(number), max(number) FROM (SELECT panel, epoch, number,"
        " number - row_number() OVER (PARTITION BY panel, epoch ORDER BY number) AS island FROM presses)"
        " GROUP BY panel, epoch, island ORDER BY panel, epoch, min(number)"
    )
    presses: dict[tuple[str, int], Ranges] = {}
    for panel, epoch, first, last in connection.execute(islands):
        presses[panel, epoch] = (*presses.get((panel, epoch), ()), (first, last))
    return presses


def _rescued_id(line: bytes) -> str | None:
    """Return the id of the event a `rescued` line carries; None for any other line, or a damaged one."""
    try:
        outer = msgspec.json.decode(line, type=_RescuedLine)
        return msgspec.json.decode(base64url.decode(outer.data.line), type=_Identified).id
    except (ValueError, msgspec.DecodeError):
        return None


class _Identified(msgspec.Struct):
    id: str


class _RescuedLine(msgspec.Struct, tag_field="type", tag="rescued"):
    data: Rescued


def _raised(
    connection: sqlite3.Connection, number: int, event_id: str, payload: HelpRaised, event: Mapping[str, Any]
) -> None:
    boot, pressed_ns = _pressed(payload, event)
    connection.execute(
        "INSERT OR IGNORE INTO calls(id, number, journal, origin, state, presses, boot, raised_ns, unanswered_boot,"
        " unanswered_ns) SELECT ?, ?, id, ?, 'raised', 1, ?, ?, ?, ? FROM journal",
        (event_id, number, payload.origin, boot, pressed_ns, boot, pressed_ns),
    )
    _note_press(connection, number, event_id, payload)


def _pressed_again(
    connection: sqlite3.Connection,
    number: int,
    event_id: str,
    payload: HelpPressedAgain,
    event: Mapping[str, Any],
) -> None:
    boot, pressed_ns = _pressed(payload, event)
    connection.execute(
        "UPDATE calls SET unanswered_boot = ?1, unanswered_ns = ?2 WHERE id = ?3"
        " AND (state <> 'raised' OR (unanswered_boot = ?1 AND unanswered_ns > ?2))",
        (boot, pressed_ns, payload.call),
    )
    connection.execute(
        "UPDATE calls SET state = 'raised', presses = presses + 1 WHERE id = ? AND state <> 'closed'",
        (payload.call,),
    )
    _note_press(connection, number, event_id, payload)


def _pressed(payload: HelpRaised | HelpPressedAgain, event: Mapping[str, Any]) -> tuple[str, int]:
    """Return the boot and CLOCK_BOOTTIME (ns) of the press itself."""
    return event["boot"], int(event["mono"]) - payload.age_ms * 1_000_000


def _note_press(
    connection: sqlite3.Connection, number: int, event_id: str, payload: HelpRaised | HelpPressedAgain
) -> None:
    _note(connection, number, event_id)
    press = payload.press
    if press is not None:
        connection.execute("INSERT OR IGNORE INTO presses VALUES (?, ?, ?)", (press.panel, press.epoch, press.number))
    else:
        connection.execute("INSERT OR IGNORE INTO screen_presses VALUES (?)", (event_id,))


def _note(connection: sqlite3.Connection, number: int, event_id: str) -> None:
    connection.execute("INSERT OR IGNORE INTO help_events VALUES (?, ?)", (event_id, number))


def _moves(assignment: str) -> Projector:
    """Return the projector of an event that changes one column of its call's row."""
    update = f"UPDATE calls SET {assignment} WHERE id = ?"  # noqa: S608 - the assignments stand below

    def project(connection: sqlite3.Connection, number: int, event_id: str, payload: Any, _: Mapping[str, Any]) -> None:
        connection.execute(update, (payload.call,))
        _note(connection, number, event_id)

    return project
