"""The audit: who looked at what is sealed, and why; one line an act, each chained to those before it.

The chain is a journal's: SHA-256 of the last value and the line (`docs/link.md`, "Batch"). It shows a line that was
changed, left out or put in between. It cannot show that the newest lines were cut off, nor a chain made anew by
somebody who may write the whole table: against these note its latest value elsewhere.

The oldest lines are forgotten by age. The row at number 0 then says up to which, and the chain there; and so does the
last line of the chain that says `forget`, so that nobody can take away more by changing that row.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from common.clock import rfc3339
from hq import tables
from hq.alarms import plain
from sync import base64url
from sync.batch import chain_next

START: Final = hashlib.sha256(b"jingting audit 1").digest()
"""What line 1 follows. It stands at number 0, in the row that every writer locks, until lines are forgotten."""
SLICE: Final = 2000
"""Most lines that are forgotten at once."""

LONGEST: Final = 500
"""Most characters of each word of an act; what is longer is cut."""

_FORGET: Final = "forget"

_audit = tables.audit
_LOCK = select(_audit.c.line, _audit.c.chain).where(_audit.c.number == 0).with_for_update()
_LAST = select(_audit.c.number, _audit.c.chain).order_by(_audit.c.number.desc()).limit(1)
_ADD = insert(_audit)
_ALL = (
    select(_audit.c.number, _audit.c.line, _audit.c.chain)
    .where(_audit.c.number > 0)
    .order_by(_audit.c.number)
    .execution_options(yield_per=1000)
)
_BELOW = (
    select(_audit.c.number, _audit.c.line)
    .where(_audit.c.number > 0, _audit.c.number < bindparam("above"))
    .order_by(_audit.c.number.desc())
    .limit(200)
)
_OLDEST = (
    select(_audit.c.number, _audit.c.line, _audit.c.chain).where(_audit.c.number > 0).order_by(_audit.c.number)
).limit(SLICE)
_BEGINNING = select(_audit.c.line, _audit.c.chain).where(_audit.c.number == 0)
_BEGIN = update(_audit).where(_audit.c.number == 0)
_DROP = delete(_audit).where(_audit.c.number > 0, _audit.c.number <= bindparam("last"))


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is about to do. `reason` is kept for years: a case number, no names.

    `station` is "" of what concerns several or all of them; `event` of all but `unseal`, of `account`, where it is the
    name, of `order`, where it is the type, of `content-*`, where it is the pack, of `forget`, where it is the number of
    the last line forgotten, of `follow-up`, where it is the record, of `staff-*`, where it is the staff number, and of
    `export*`, where it is how many records of which days.
    """

    who: str
    what: Literal[
        "unseal",
        "restore",
        "revoke",
        "readmit",
        "rotate-order",
        "rotate-sealing",
        "account",
        "invite",
        "order",
        "content-send",
        "content-withdraw",
        "forget",
        "follow-up",
        "staff-issue",
        "staff-withdraw",
        "staff-reset",
        "export",
        "export-unsealed",
    ]
    station: str
    event: str
    reason: str


@dataclass(frozen=True, slots=True)
class Audited:
    """One line: its number, from 1, its exact bytes, the chain there, and whether that follows from the one before."""

    number: int
    line: bytes
    chain: bytes
    sound: bool


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the first line follows: line `number`, forgotten like all before it, and the chain there; 0 and START.

    `sound`: the chain's own last word about it is the same.
    """

    number: int
    chain: bytes
    sound: bool


class _Line(msgspec.Struct):
    time: str
    what: str
    event: str = ""
    reason: str = ""


def record(connection: Connection, act: Act, *, at_ms: int) -> Audited:
    """Add an act; it stands once the caller's transaction is committed. `at_ms`: headquarters' wall clock."""
    words = {name: plain(text, LONGEST) for name, text in msgspec.structs.asdict(act).items()}
    line = msgspec.json.encode({"time": rfc3339(at_ms), **words})
    connection.execute(_LOCK)
    number, before = connection.execute(_LAST).one()
    added = Audited(number + 1, line, chain_next(before, line), sound=True)
    connection.execute(_ADD, {"number": added.number, "line": line, "chain": added.chain})
    return added


def read(connection: Connection) -> Iterator[Audited]:
    """Yield every line that is kept, oldest first, each held against the one before it."""
    first = beginning(connection)
    before, chain = first.number, first.chain
    for number, line, found in connection.execute(_ALL):
        yield Audited(number, line, found, sound=number == before + 1 and found == chain_next(chain, line))
        before, chain = number, found


def beginning(connection: Connection) -> Beginning:
    """Return where the audit begins."""
    number, chain = begins_after(*connection.execute(_BEGINNING).one())
    said = next((line for line in _newest_first(connection) if line.what == _FORGET), None)
    if said is None:
        return Beginning(number, chain, sound=(number, chain) == (0, START))
    return Beginning(number, chain, sound=said.event == str(number) and said.reason.endswith(base64url.encode(chain)))


def begins_after(line: bytes, chain: bytes) -> tuple[int, bytes]:
    """Return which line was forgotten last, and the chain there, from the row at number 0."""
    return int(line) if line.isdigit() else 0, chain


def forget(connection: Connection, *, before_ms: int, who: str, at_ms: int) -> int:
    """Forget the oldest lines that are from before then, SLICE at most, and add one that says so; return how many.

    Nothing goes for the sake of earlier such lines alone, and nothing from where the chain is broken.
    """
    connection.execute(_LOCK)
    first, before = beginning(connection), rfc3339(before_ms)
    last, chain, forgets = first.number, first.chain, 0
    for number, line, found in connection.execute(_OLDEST):
        said = _read_line(line)
        whole = first.sound and number == last + 1 and found == chain_next(chain, line)
        if not whole or said is None or said.time > before:
            break
        last, chain, forgets = number, found, forgets + (said.what == _FORGET)
    count = last - first.number
    if count == forgets:
        return 0
    reason = f"older than {before}; the chain there is {base64url.encode(chain)}"
    record(connection, Act(who=who, what="forget", station="", event=str(last), reason=reason), at_ms=at_ms)
    connection.execute(_DROP, {"last": last})
    connection.execute(_BEGIN.values(line=str(last).encode(), chain=chain))
    return count


def _newest_first(connection: Connection) -> Iterator[_Line]:
    """Yield what the lines say, some of them in memory at a time; one that says nothing is left out."""
    number: int = connection.execute(_LAST).one().number + 1
    while found := connection.execute(_BELOW, {"above": number}).all():
        for number, line in found:  # noqa: B007 - the next ones stand below the last
            said = _read_line(line)
            if said is not None:
                yield said


def _read_line(line: bytes) -> _Line | None:
    """Return a line's words; None for what somebody made of it that is no line."""
    try:
        return msgspec.json.decode(line, type=_Line)
    except msgspec.MsgspecError:
        return None
