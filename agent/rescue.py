"""No journal can wedge: a journal headquarters cannot go on with is closed, and nothing in it is lost by that.

`docs/link.md`, "No journal can wedge". These are units of work: each is one transaction of the writer's.
"""

import hashlib
import uuid

import msgspec

from agent.entry import LINE_LIMIT
from agent.pen import Pen
from common.events.journal import EventWithheld, JournalOpened, Rescued
from sync import base64url
from sync.source import CloseCause


class _Typed(msgspec.Struct):
    type: str


def close_journal(pen: Pen, cause: CloseCause, last_common: int) -> None:
    """Go on in a new journal: `journal.opened`, then everything kept above `last_common` as `rescued`.

    What is kept up to there moves to `closed_events`: headquarters had acknowledged it, but may be restored.
    """
    previous, connection = pen.journal, pen.connection
    connection.execute(
        "INSERT INTO closed_events SELECT ?, number, line, number IN (SELECT number FROM urgent) FROM events",
        (previous,),
    )
    connection.execute("DELETE FROM events")
    connection.execute("DELETE FROM urgent")
    connection.execute("DELETE FROM withheld")
    pen.begin_journal(str(uuid.uuid4()))
    pen.append(JournalOpened(previous=previous, reason=cause, last_common=last_common))
    rescue_closed(pen, previous, last_common)


def rescue_closed(pen: Pen, journal: str, last_common: int) -> None:
    """Append, as `rescued`, what is still kept of a closed journal above `last_common`.

    Once for each number: a line that was rescued lives on in the open journal, and only there.
    """
    connection, above = pen.connection, (journal, last_common)
    rows = connection.execute(
        "SELECT line, urgent FROM closed_events WHERE journal = ? AND number > ? ORDER BY number", above
    )
    for line, urgent in rows:
        rescue(pen, line, urgent=bool(urgent))
    connection.execute("DELETE FROM closed_events WHERE journal = ? AND number > ?", above)


def rescue(pen: Pen, line: bytes, *, urgent: bool) -> int:
    """Append a copy of a line, wrapped in a `rescued` event unless it is one already, and return its number."""
    copy = line if _is_rescued(line) else pen.envelope.entry(Rescued(line=base64url.encode(line))).line
    return pen.copy(copy, "rescued", urgent=urgent)


def withhold(pen: Pen, number: int) -> None:
    """Append `event.withheld`, once, for a number that can never be sent; one no longer kept needs none."""
    row = pen.connection.execute("SELECT line FROM events WHERE number = ?", (number,)).fetchone()
    new = row and pen.connection.execute("INSERT OR IGNORE INTO withheld VALUES (?)", (number,)).rowcount
    if new:
        pen.append(EventWithheld(number=number, sha256=base64url.encode(hashlib.sha256(row[0]).digest())))


def _is_rescued(line: bytes) -> bool:
    """Tell whether a line was wrapped before; one that is damaged and too long to be wrapped passes for it."""
    try:
        return msgspec.json.decode(line, type=_Typed).type == "rescued"
    except (msgspec.DecodeError, UnicodeDecodeError):
        return len(line) > LINE_LIMIT
