"""The audit: who looked at what is sealed, and why; one line an act, each chained to those before it.

The chain is a journal's: SHA-256 of the last value and the line (`docs/link.md`, "Batch"). It shows a line that was
changed, left out or put in between. It cannot show that the newest lines were cut off, nor a chain made anew by
somebody who may write the whole table: against these note its latest value elsewhere.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
from sqlalchemy import Connection, insert, select

from common.clock import rfc3339
from hq import tables
from hq.alarms import plain
from sync.batch import chain_next

START: Final = hashlib.sha256(b"jingting audit 1").digest()
"""What the first line follows; it stands at number 0, in the row that every writer locks."""

_LONGEST: Final = 500

_audit = tables.audit
_LOCK = select(_audit.c.number).where(_audit.c.number == 0).with_for_update()
_LAST = select(_audit.c.number, _audit.c.chain).order_by(_audit.c.number.desc()).limit(1)
_ADD = insert(_audit)
_ALL = (
    select(_audit.c.number, _audit.c.line, _audit.c.chain)
    .where(_audit.c.number > 0)
    .order_by(_audit.c.number)
    .execution_options(yield_per=1000)
)


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is about to do. `reason` is kept for years: a case number, no names.

    `station` is "" of what concerns several or all of them; `event` of all but `unseal`, of `account`, where it is the
    name, and of `order`, where it is the type.
    """

    who: str
    what: Literal[
        "unseal", "restore", "revoke", "readmit", "rotate-order", "rotate-sealing", "account", "invite", "order"
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


def record(connection: Connection, act: Act, *, at_ms: int) -> Audited:
    """Add an act; it stands once the caller's transaction is committed. `at_ms`: headquarters' wall clock."""
    words = {name: plain(text, _LONGEST) for name, text in msgspec.structs.asdict(act).items()}
    line = msgspec.json.encode({"time": rfc3339(at_ms), **words})
    connection.execute(_LOCK)
    number, before = connection.execute(_LAST).one()
    added = Audited(number + 1, line, chain_next(before, line), sound=True)
    connection.execute(_ADD, {"number": added.number, "line": line, "chain": added.chain})
    return added


def read(connection: Connection) -> Iterator[Audited]:
    """Yield every line, oldest first, each held against the one before it."""
    before, chain = 0, START
    for number, line, found in connection.execute(_ALL):
        yield Audited(number, line, found, sound=number == before + 1 and found == chain_next(chain, line))
        before, chain = number, found
