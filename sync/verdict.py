"""What the lanes decide: what to send next, and what an ack came to."""

from dataclasses import dataclass
from typing import TypeAlias

from sync.source import CloseCause
from sync.topics import Lane


@dataclass(frozen=True, slots=True)
class Plan:
    """Send lines of one lane from `first`: at most `count`, and at most `wire` bytes as a message (one line always)."""

    lane: Lane
    first: int
    count: int
    wire: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """An ack of another session or journal, or one overtaken by a later."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An ack that set the cursor, forward or back."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Close:
    """The journal must be closed: headquarters holds something else under its numbers."""

    cause: CloseCause
    last_common: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """The receiver calls this lone line malformed; withhold it only if that is so (see `sha256`)."""

    number: int
    sha256: bytes | None


@dataclass(frozen=True, slots=True)
class Rehash:
    """The receiver found a wrong chain; hash again what is kept to learn whose fault it is."""

    cursor: int


Verdict: TypeAlias = Ignored | Accepted | Close | Suspect | Rehash
