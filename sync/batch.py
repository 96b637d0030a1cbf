"""Batches: consecutive lines of one journal, their numbers, their chain, and what a receiver makes of them.

`docs/link.md`, "Batch". Nothing here reads a clock or a socket; a receiver's database comes in as a `Ledger`.
"""

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec

from sync.ranges import Ranges, contains, difference, ending_at_held, union

MAX_EVENTS = 1024
"""Most event lines a batch may carry."""


class Line(msgspec.Struct, frozen=True):
    """One line of a journal: its number (from 1), its exact bytes, and the chain's value at it (32 bytes)."""

    number: int
    line: bytes
    chain: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch whose signature, fields and chain were found right; `events` are the parsed lines, in order."""

    station: str
    signer: bytes
    journal: str
    first: int
    oldest: int
    prev: bytes
    lines: tuple[Line, ...]
    events: tuple[dict[str, Any], ...]
    generation: int | None = None

    @property
    def last(self) -> int:
        """Number of the last line."""
        return self.first + len(self.lines) - 1


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a receiver holds one journal: `rev` counts the commits that changed it; `oldest` never falls."""

    rev: int = 0
    held: Ranges = ()
    gone: Ranges = ()
    oldest: int = 1

    @property
    def stored(self) -> Ranges:
        """What an ack names: held or gone, each range ending at a held number (all of them, not yet cut to 32)."""
        return ending_at_held(self.held, self.gone)

    @property
    def cursor(self) -> int:
        """End of the first range if it begins at 1, else 0: up to here nothing is missing."""
        stored = self.stored
        return stored[0][1] if stored and stored[0][0] == 1 else 0


class Ledger(Protocol):
    """One journal as its receiver holds it, its row locked for the length of one transaction."""

    def standing(self) -> Standing:
        """Return how the journal stands; `Standing()` for one never seen."""

    def held(self, first: int, last: int) -> Sequence[Line]:
        """Return the held lines numbered `first` to `last` (both included), ascending."""

    def keep(self, lines: Sequence[Line], standing: Standing) -> None:
        """Write new lines and the journal's new standing."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a batch: `fork` stored nothing; `fresh` are the numbers that were not held before."""

    verdict: Literal["stored", "held", "fork"]
    standing: Standing
    fresh: tuple[int, ...] = ()
    newly_gone: Ranges = ()


def chain_start(journal: str) -> bytes:
    """Return chain(0) of a journal: SHA-256 of `jingting/1` and the journal id's 16 bytes."""
    return hashlib.sha256(b"jingting/1" + uuid.UUID(journal).bytes).digest()


def chain_next(previous: bytes, line: bytes) -> bytes:
    """Return chain(n) from chain(n-1) and line n."""
    return hashlib.sha256(previous + line).digest()


def chain_lines(previous: bytes, first: int, lines: Iterable[bytes]) -> tuple[Line, ...]:
    """Return `lines` numbered and chained, the first of them `first`, after the chain value `previous`."""
    chained: list[Line] = []
    for number, line in enumerate(lines, first):
        previous = chain_next(previous, line)
        chained.append(Line(number, line, previous))
    return tuple(chained)


def settle(ledger: Ledger, batch: Batch) -> Settled:
    """Store a batch whole or not at all, inside the caller's transaction, and say what came of it.

    A held event with the same line is skipped. A fork is: a held number with another line or another chain, a known
    chain before the batch that is not its `prev`, or a held line behind it that does not follow.
    """
    before = ledger.standing()
    held = {kept.number: kept for kept in ledger.held(batch.first - 1, batch.last + 1)}
    if _is_fork(batch, held):
        return Settled("fork", before)
    fresh = tuple(line for line in batch.lines if line.number not in held)
    numbers = tuple(line.number for line in fresh)
    now_held = union(before.held, ((n, n) for n in numbers))
    oldest = max(before.oldest, batch.oldest)
    withheld = tuple((n, n) for n in _withheld(batch) if not contains(now_held, n))
    gone = difference(union(before.gone, ((1, oldest - 1),) if oldest > 1 else (), withheld), now_held)
    if not fresh and gone == before.gone and oldest == before.oldest:
        return Settled("held", before)
    after = Standing(rev=before.rev + 1, held=now_held, gone=gone, oldest=oldest)
    ledger.keep(fresh, after)
    return Settled("stored" if fresh else "held", after, numbers, difference(gone, before.gone))


def _is_fork(batch: Batch, held: dict[int, Line]) -> bool:
    known_prev = chain_start(batch.journal) if batch.first == 1 else None
    if batch.first - 1 in held:
        known_prev = held[batch.first - 1].chain
    if known_prev is not None and known_prev != batch.prev:
        return True
    for line in batch.lines:
        kept = held.get(line.number)
        if kept is not None and (kept.line != line.line or kept.chain != line.chain):
            return True
    behind = held.get(batch.last + 1)
    return behind is not None and chain_next(batch.lines[-1].chain, behind.line) != behind.chain


def _withheld(batch: Batch) -> Iterable[int]:
    """Numbers that `event.withheld` lines of the batch name: they can never come, and count as gone."""
    for line, event in zip(batch.lines, batch.events, strict=True):
        data = event.get("data")
        if event["type"] != "event.withheld" or not isinstance(data, dict):
            continue
        number = data.get("number")
        if isinstance(number, int) and not isinstance(number, bool) and 1 <= number < line.number:
            yield number
