"""What the journal may forget: whole prefixes that headquarters has stored, and has had for long enough.

A station keeps what is stored for `rewind_days` more, because a headquarters restored from a backup asks for it again.
So the days count from the ack, not from the event: what waited through a long outage is kept as long as the rest.
What is here are units of work: each is one short transaction of the writer's, and a press waits for one at most.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from agent.pen import Pen

SCHEMA: Final = """
-- Since `at` at the latest (wall ms, of a trusted clock) headquarters' acks have covered all up to `cursor`.
CREATE TABLE IF NOT EXISTS acked(journal TEXT NOT NULL, at INTEGER NOT NULL, cursor INTEGER NOT NULL);
-- When (wall ms, of a trusted clock) something was first seen that goes by its own age.
CREATE TABLE IF NOT EXISTS seen(what TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
"""

SLICE: Final = 200
"""Most events that one transaction drops."""
PAGES: Final = 128
"""Most pages that one transaction gives back to the disk."""
FREE_PAGES: Final = 256
"""Free pages that stay in the file: what comes next is written there; cutting and growing would wear the disk."""
_MARK_EVERY_MS: Final = 3_600_000

Forget: TypeAlias = Callable[[sqlite3.Connection, Sequence[bytes]], None]
"""`(connection, urgent lines)`: forgets what projections keep only for these events, which are dropped with them."""


class Mark(NamedTuple):
    """Since `at_ms` at the latest (wall clock, trusted) headquarters' acks have covered all up to `cursor`."""

    at_ms: int
    cursor: int


def marked(marks: Iterable[Mark], *, now_ms: int, cursor: int) -> tuple[Mark, ...]:
    """Return the marks at `now_ms`, a trusted time, when headquarters has acknowledged up to `cursor`.

    A cursor that fell takes the older marks with it. A mark from the future, made by a clock that has been set back,
    begins its time now. At most one mark an hour is made.
    """
    kept = [Mark(min(mark.at_ms, now_ms), min(mark.cursor, cursor)) for mark in marks]
    newest = max((mark.at_ms for mark in kept), default=None)
    highest = max((mark.cursor for mark in kept), default=0)
    if cursor > highest and (newest is None or now_ms - newest >= _MARK_EVERY_MS):
        kept.append(Mark(now_ms, cursor))
    return tuple(sorted(set(kept)))


def due(marks: Iterable[Mark], *, now_ms: int, rewind_ms: int) -> int:
    """Return the number up to which everything may go; 0 for nothing."""
    return max((mark.cursor for mark in marks if mark.at_ms <= now_ms - rewind_ms), default=0)


def fell(connection: sqlite3.Connection, cursor: int) -> None:
    """Note that headquarters' acks cover only up to `cursor` any more: above it the days begin anew."""
    connection.execute("UPDATE acked SET cursor = ?1 WHERE cursor > ?1", (cursor,))


def mark(pen: Pen, *, now_ms: int, rewind_ms: int) -> int:
    """Note how far headquarters' acks reach at `now_ms`, a trusted time; return up to which number all may go."""
    connection = pen.connection
    (cursor,) = connection.execute("SELECT cursor FROM journal").fetchone()
    connection.execute("DELETE FROM acked WHERE journal <> ?", (pen.journal,))
    before = tuple(Mark(*row) for row in connection.execute("SELECT at, cursor FROM acked ORDER BY at, cursor"))
    after = marked(before, now_ms=now_ms, cursor=min(cursor, pen.head))
    last = due(after, now_ms=now_ms, rewind_ms=rewind_ms)
    # The highest that is due says all that the older ones say.
    after = tuple(each for each in after if each.at_ms > now_ms - rewind_ms or each.cursor == last)
    if after != before:
        connection.execute("DELETE FROM acked")
        connection.executemany("INSERT INTO acked VALUES (?, ?, ?)", ((pen.journal, *each) for each in after))
    return last


def drop(pen: Pen, last: int, forget: Forget) -> int | None:
    """Drop the oldest events, SLICE at most, none above `last` or headquarters' acks; return the new oldest number.

    None when there is nothing to drop. The chain at the last dropped one is kept, with `oldest`.
    """
    connection = pen.connection
    oldest, cursor = connection.execute("SELECT oldest, cursor FROM journal").fetchone()
    last = min(last, cursor, pen.head, oldest + SLICE - 1)
    if last < oldest:
        return None
    lines = "SELECT line FROM urgent JOIN events USING (number) WHERE number <= ? ORDER BY number"
    forget(connection, [line for (line,) in connection.execute(lines, (last,))])
    (chain,) = connection.execute("SELECT chain FROM events WHERE number = ?", (last,)).fetchone()
    for table in ("events", "urgent", "withheld"):
        connection.execute(f"DELETE FROM {table} WHERE number <= ?", (last,))  # noqa: S608 - three names, above
    connection.execute("UPDATE journal SET oldest = ?, base = ?", (last + 1, chain))
    return int(last) + 1


def drop_closed(pen: Pen, forget: Forget, *, now_ms: int, rewind_ms: int) -> bool:
    """Drop some of what is left of closed journals, SLICE events at most; False when nothing was to be dropped.

    Headquarters had acknowledged them before their journal was closed; the days count from when the closed journal
    was first seen by a trusted clock.
    """
    connection = pen.connection
    for journal in _closed(connection):
        if not aged(connection, f"journal {journal}", now_ms=now_ms, age_ms=rewind_ms):
            continue
        rows = "SELECT number, line, urgent FROM closed_events WHERE journal = ? ORDER BY number LIMIT ?"
        dropped = connection.execute(rows, (journal, SLICE)).fetchall()
        forget(connection, [line for _, line, urgent in dropped if urgent])
        last = dropped[-1][0]
        connection.execute("DELETE FROM closed_events WHERE journal = ? AND number <= ?", (journal, last))
        if len(dropped) < SLICE:
            connection.execute("DELETE FROM seen WHERE what = ?", (f"journal {journal}",))
        return True
    return False


def aged(connection: sqlite3.Connection, what: str, *, now_ms: int, age_ms: int) -> bool:
    """Tell whether `what` was first seen so long ago; `now_ms` is a trusted time. One seen in the future begins now."""
    connection.execute(
        "INSERT INTO seen VALUES (?1, ?2) ON CONFLICT DO UPDATE SET at = excluded.at WHERE at > excluded.at",
        (what, now_ms),
    )
    (at,) = connection.execute("SELECT at FROM seen WHERE what = ?", (what,)).fetchone()
    return bool(at <= now_ms - age_ms)


def give_back(pen: Pen) -> bool:
    """Cut free pages off the file, PAGES at most and all but FREE_PAGES; False when there were no more of them.

    The file itself becomes shorter with the next checkpoint (https://sqlite.org/pragma.html#pragma_incremental_vacuum).
    """
    (free,) = pen.connection.execute("PRAGMA freelist_count").fetchone()
    more = min(PAGES, free - FREE_PAGES)
    if more <= 0:
        return False
    pen.connection.execute(f"PRAGMA incremental_vacuum({more})").fetchall()
    return True


def _closed(connection: sqlite3.Connection) -> list[str]:
    """Return the closed journals of which something is kept: a step of the index each, whatever their length."""
    found: list[str] = []
    next_one = "SELECT min(journal) FROM closed_events WHERE journal > ?"
    while (journal := connection.execute(next_one, (found[-1] if found else "",)).fetchone()[0]) is not None:
        found.append(journal)
    return found
