"""From a verified message to a batch to store, and the ack that answers it (`docs/link.md`, "Batch", "Ack")."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sync import base64url
from sync.batch import MAX_EVENTS, Batch, Standing, chain_lines
from sync.ranges import Ranges
from sync.signed import Message, Refusal
from sync.strict_json import parse_object
from sync.topics import Lane

MAX_LINE: Final = 32 * 1024
"""Longest event line, in bytes."""
MAX_RESCUED_LINE: Final = 48 * 1024
"""Longest line of a `rescued` event, in bytes: another line in base64url."""
MAX_RANGES: Final = 32
"""Most ranges an ack names: the first, and the highest others."""
_MAX_NUMBER = 2**53

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rejected:
    """What an ack says of a message that was refused."""

    reason: str
    first: int = 0
    count: int = 0
    sha256: bytes | None = None
    signer: bytes | None = None


@dataclass(frozen=True, slots=True)
class Ack:
    """An ack whose signature and fields were found right. `chain` is None only where no journal is held."""

    journal: str | None
    session: str
    rev: int
    stored: Ranges
    gone: Ranges
    chain: bytes | None
    rejected: Rejected | None = None

    @property
    def cursor(self) -> int:
        """End of the first range if that begins at 1, else 0."""
        return self.stored[0][1] if self.stored and self.stored[0][0] == 1 else 0

    @property
    def end(self) -> int:
        """End of the first range, where `chain` was taken; 0 when nothing is stored."""
        return self.stored[0][1] if self.stored else 0


def check_line(line: bytes) -> dict[str, Any]:
    """Return the parsed event of one line. Raises ValueError, saying what is wrong, if it is malformed.

    The very same check serves the sender at append and the receiver, so no sender journals what is refused later.
    """
    if len(line) > MAX_RESCUED_LINE:
        raise ValueError(f"a line of {len(line)} bytes")
    event = parse_object(line)
    for attribute in ("id", "source", "type"):
        value = event.get(attribute)
        if not isinstance(value, str) or not value:
            raise ValueError(f"an event without {attribute}")
    if event.get("specversion") != "1.0":
        raise ValueError("not CloudEvents 1.0")
    if len(line) > MAX_LINE and event["type"] != "rescued":
        raise ValueError(f"a line of {len(line)} bytes")
    return event


def read_batch(message: Message, *, lane: Lane = "log") -> Batch:
    """Return the batch in a verified message that came on `lane`, where an urgent one brings a single event.

    Raises Refusal: `malformed` fields or lines, or a wrong `chain`.
    """
    header, lines = message.header, message.lines

    def field(name: str, value: T, *, right: bool) -> T:
        if not right:
            raise Refusal("malformed", f"field {name}", header=header)
        return value

    first = field("first", header.get("first"), right=_is_number(header.get("first"), 1))
    count = field("count", header.get("count"), right=_is_number(header.get("count"), 1))
    oldest = field("oldest", header.get("oldest"), right=_is_number(header.get("oldest"), 1))
    generation = field("generation", header.get("generation"), right=_is_number(header.get("generation", 1), 1))
    journal = field("journal", header.get("journal"), right=_is_uuid(header.get("journal")))
    assert isinstance(first, int)
    assert isinstance(count, int)
    assert isinstance(oldest, int)
    assert isinstance(journal, str)
    if count > MAX_EVENTS or oldest > first or first + count > _MAX_NUMBER:
        raise Refusal("malformed", "fields that cannot be", header=header)
    try:
        prev = base64url.decode(header.get("prev"), size=32)
        chain = base64url.decode(header.get("chain"), size=32)
    except ValueError as error:
        raise Refusal("malformed", f"field prev or chain: {error}", header=header) from None
    if len(lines) != count:
        raise Refusal("malformed", f"{len(lines)} lines where {count} are counted", header=header)
    if lane == "urgent" and count != 1:
        raise Refusal("malformed", f"{count} events on the urgent lane", header=header)
    events = []
    for line in lines:
        try:
            events.append(check_line(line))
        except ValueError as error:
            lone = hashlib.sha256(line).digest() if count == 1 else None
            raise Refusal("malformed", f"event: {error}", header=header, sha256=lone) from None
    chained = chain_lines(prev, first, lines)
    if chained[-1].chain != chain:
        raise Refusal("chain", "the lines do not hash from prev to chain", header=header)
    return Batch(
        station=header["station"],
        signer=message.signer,
        journal=journal,
        first=first,
        oldest=oldest,
        prev=prev,
        lines=chained,
        events=tuple(events),
        generation=generation,
    )


def ack_header(
    *,
    station: str,
    session: str,
    time: str,
    journal: str | None,
    standing: Standing,
    chain: bytes | None,
    refusal: Refusal | None = None,
) -> dict[str, Any]:
    """Return the header of an ack; `chain` is the value at the end of the first stored range."""
    header: dict[str, Any] = {
        "kind": "ack",
        "station": station,
        "journal": journal,
        "session": session,
        "rev": standing.rev,
        "stored": _cut(standing.stored),
        "gone": _cut(standing.gone),
        "chain": None if chain is None else base64url.encode(chain),
        "time": time,
    }
    if refusal is not None:
        rejected: dict[str, Any] = {"first": refusal.first, "count": refusal.count, "reason": refusal.reason}
        if refusal.sha256 is not None:
            rejected["sha256"] = base64url.encode(refusal.sha256)
        if refusal.signer is not None:
            rejected["signer"] = base64url.encode(refusal.signer)
        header["rejected"] = rejected
    return header


def read_ack(message: Message) -> Ack:
    """Return the ack in a verified message. Raises Refusal (`malformed`) for fields that cannot be."""
    header = message.header
    journal, rev, session, chain = (header.get(key) for key in ("journal", "rev", "session", "chain"))
    try:
        if not (journal is None or _is_uuid(journal)) or not _is_number(rev, 0) or not isinstance(session, str):
            raise ValueError("journal, rev or session")  # noqa: TRY301 - one way out for every wrong field
        assert isinstance(rev, int)
        return Ack(
            journal=journal,
            session=session,
            rev=rev,
            stored=_read_ranges(header.get("stored")),
            gone=_read_ranges(header.get("gone", [])),
            chain=None if journal is None else base64url.decode(chain, size=32),
            rejected=_read_rejected(header.get("rejected")),
        )
    except ValueError as error:
        raise Refusal("malformed", f"ack: {error}", header=header) from None


def _read_ranges(value: object) -> Ranges:
    if not isinstance(value, list) or len(value) > MAX_RANGES:
        raise ValueError("ranges")
    before, ranges = -1, []
    for span in value:
        if not isinstance(span, list) or len(span) != 2 or not all(_is_number(end, 1) for end in span):  # noqa: PLR2004
            raise ValueError("a range")
        first, last = span
        if not before + 1 < first <= last:
            raise ValueError("ranges that overlap, touch or fall")
        ranges.append((first, last))
        before = last
    return tuple(ranges)


def _read_rejected(value: object) -> Rejected | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("reason"), str):
        raise ValueError("rejected")  # noqa: TRY004 - one error for everything a peer may have sent
    first, count = value.get("first", 0), value.get("count", 0)
    if not _is_number(first, 0) or not _is_number(count, 0):
        raise ValueError("rejected: first or count")
    sha256, signer = value.get("sha256"), value.get("signer")
    return Rejected(
        reason=value["reason"],
        first=first,
        count=count,
        sha256=None if sha256 is None else base64url.decode(sha256, size=32),
        signer=None if signer is None else base64url.decode(signer, size=16),
    )


def _cut(ranges: Sequence[tuple[int, int]]) -> list[list[int]]:
    kept = ranges if len(ranges) <= MAX_RANGES else (ranges[0], *ranges[-(MAX_RANGES - 1) :])
    return [[first, last] for first, last in kept]


def _is_number(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < _MAX_NUMBER


def _is_uuid(value: object) -> bool:
    if not isinstance(value, str) or len(value) != 36 or value != value.lower():  # noqa: PLR2004
        return False
    parts = value.split("-")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and all(
        character in "0123456789abcdef" for part in parts for character in part
    )
