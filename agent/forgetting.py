"""What goes with an old event, or by its own age: rows that only serve to know an event, a press or an order again."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from agent import record_rows
from agent.orders import REMEMBERED_MS, id_that_counts
from agent.pen import Pen
from common.events import EVENTS, read_payload
from common.events.calls import HelpClosed, HelpPressedAgain, HelpRaised
from common.events.journal import Rescued
from sync import base64url
from sync.receiver import check_line

SLICE: Final = 200


def forget_help(connection: sqlite3.Connection, lines: Sequence[bytes]) -> None:
    """Forget what is kept of help events that are dropped: their ids, their presses, and the calls they closed.

    So a press is known again for as long as its event is kept. A panel that could not bring its repeated press for
    longer than that raises a new call; a lost call would be worse. A call that is not closed stays.
    """
    for line in lines:
        event = _unwrapped(line)
        if event is None:
            continue
        event_id, payload = str(event.get("id")), read_payload(EVENTS, event)
        connection.execute("DELETE FROM help_events WHERE id = ?", (event_id,))
        match payload:
            case HelpRaised(press=None) | HelpPressedAgain(press=None):
                connection.execute("DELETE FROM screen_presses WHERE id = ?", (event_id,))
            case HelpRaised(press=press) | HelpPressedAgain(press=press):
                assert press is not None
                key = (press.panel, press.epoch, press.number)
                connection.execute("DELETE FROM presses WHERE panel = ? AND epoch = ? AND number = ?", key)
            case HelpClosed(call=call):
                connection.execute("DELETE FROM calls WHERE id = ? AND state = 'closed'", (call,))
            case _:
                pass


def forget_orders(pen: Pen, *, now_ms: int) -> bool:
    """Forget the ids of orders after REMEMBERED_MS, and their lines with them, SLICE at most; False: no more to do.

    `now_ms` is a trusted time. What was not acted on stays, and the line at the end of the first range held, whose
    chain an ack shows.
    """
    connection = pen.connection
    connection.execute("DELETE FROM orders_done WHERE at < ?", (now_ms - REMEMBERED_MS,))
    row = connection.execute("SELECT applied FROM orders_journal").fetchone()
    if row is None:
        return False
    rows = "SELECT number, line FROM orders WHERE number < ? ORDER BY number LIMIT ?"
    found = connection.execute(rows, (row[0], SLICE)).fetchall()
    last = 0
    for number, line in found:
        order = msgspec.json.decode(line)
        known = connection.execute("SELECT 1 FROM orders_done WHERE id = ?", (id_that_counts(order),)).fetchone()
        if known:
            break
        last = number
    connection.execute("DELETE FROM orders WHERE number <= ?", (last,))
    return len(found) == SLICE and last == found[-1][0]


def forget_records(pen: Pen, *, now_ms: int, age_ms: int) -> bool:
    """Forget the records that have been closed for `age_ms`, SLICE at most; False: no more to do.

    `now_ms` is a trusted time.
    """
    return record_rows.forget_closed(pen.connection, now_ms=now_ms, age_ms=age_ms, most=SLICE)


def _unwrapped(line: bytes) -> dict[str, Any] | None:
    """Return the event of a line, or the one a rescued line carries; None for what the disk has garbled."""
    try:
        event = check_line(line)
        payload = read_payload(EVENTS, event)
        return check_line(base64url.decode(payload.line)) if isinstance(payload, Rescued) else event
    except ValueError:
        return None
