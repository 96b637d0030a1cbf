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
    """One line of a journal: its number (from 1), its exact bytes, and the chain's value at it (32 bytes).

    A receiver that has forgotten a line may still know the chain there: then `line` is empty, which no event is.
    """

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
        """Return the held lines numbered `first` to `last` (both included) that are still kept, ascending."""

    def keep(self, lines: Sequence[Line], standing: Standing) -> None:
        """Write new lines and the journal's new standing."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a batch: `fork` stored nothing; `fresh` are the numbers that were not held before.

    `forgotten` are numbers that were held and whose lines are not kept any more: what came under them was not compared.
    """

    verdict: Literal["stored", "held", "fork"]
    standing: Standing
    fresh: tuple[int, ...] = ()
    newly_gone: Ranges = ()
    forgotten: tuple[int, ...] = ()


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

    What is held but forgotten is not stored again. It is compared by the chain, where that is known at or behind it in
    the batch; if nowhere, the ack shows the sender a chain that only its own history can end in.
    """
    before = ledger.standing()
    kept = {line.number: line for line in ledger.held(batch.first - 1, batch.last + 1)}
    if _is_fork(batch, kept):
        return Settled("fork", before)
    missing = difference(((batch.first, batch.last),), before.held)
    numbers = tuple(number for first, last in missing for number in range(first, last + 1))
    fresh = tuple(batch.lines[number - batch.first] for number in numbers)
    forgotten = _uncompared(batch, kept, frozenset(numbers))
    now_held = union(before.held, missing)
    oldest = max(before.oldest, batch.oldest)
    withheld = tuple((n, n) for n in _withheld(batch) if not contains(now_held, n))
    gone = difference(union(before.gone, ((1, oldest - 1),) if oldest > 1 else (), withheld), now_held)
    if not fresh and gone == before.gone and oldest == before.oldest:
        return Settled("held", before, forgotten=forgotten)
    after = Standing(rev=before.rev + 1, held=now_held, gone=gone, oldest=oldest)
    ledger.keep(fresh, after)
    return Settled("stored" if fresh else "held", after, numbers, difference(gone, before.gone), forgotten)


def _is_fork(batch: Batch, kept: dict[int, Line]) -> bool:
    known_prev = chain_start(batch.journal) if batch.first == 1 else None
    if batch.first - 1 in kept:
        known_prev = kept[batch.first - 1].chain
    if known_prev is not None and known_prev != batch.prev:
        return True
    for line in batch.lines:
        own = kept.get(line.number)
        if own is not None and (own.chain != line.chain or (own.line and own.line != line.line)):
            return True
    behind = kept.get(batch.last + 1)
    if behind is None or not behind.line:
        return False
    return chain_next(batch.lines[-1].chain, behind.line) != behind.chain


def _uncompared(batch: Batch, kept: dict[int, Line], fresh: frozenset[int]) -> tuple[int, ...]:
    """Return the held numbers of a batch that neither a kept line nor a known chain behind them speaks for."""
    known = max((number for number in kept if number <= batch.last), default=0)
    return tuple(line.number for line in batch.lines if line.number > known and line.number not in fresh)


def _withheld(batch: Batch) -> Iterable[int]:
    """Numbers that `event.withheld` lines of the batch name: they can never come, and count as gone."""
    for line, event in zip(batch.lines, batch.events, strict=True):
        data = event.get("data")
        if event["type"] != "event.withheld" or not isinstance(data, dict):
            continue
        number = data.get("number")
        if isinstance(number, int) and not isinstance(number, bool) and 1 <= number < line.number:
            yield number
