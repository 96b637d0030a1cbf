"""Content packs, from the offer to the screen."""

from typing import Literal, TypeAlias

from common.events.terms import Day, Digest, Hour, Identifier, Instant, Name, Number, Payload, Text

RemovedBecause: TypeAlias = Literal["withdrawn", "ended", "replaced", "no_room", "damaged"]


class ContentWanted(Payload, frozen=True, kw_only=True):
    """What the station lacks of a pack it was offered. `missing`: a bit for each chunk, base64url; 1: it is missing.

    The first chunk's bit is the highest of the first byte; those behind the last chunk are 0.
    """

    pack: Digest
    missing: str


class ContentStored(Payload, frozen=True, kw_only=True):
    """A content pack is whole, its signature right: it is shown when its time has come.

    `id`, `version`: as the pack calls itself; `way`: by orders, or from a folder on a USB medium.
    """

    pack: Digest
    id: Name
    version: Number
    way: Literal["order", "usb"]


class ContentRefused(Payload, frozen=True, kw_only=True):
    """A content pack is not taken, and why; `pack`: SHA-256 of its file."""

    pack: Digest
    way: Literal["order", "usb"]
    reason: Text


class ContentRemoved(Payload, frozen=True, kw_only=True):
    """A content pack is no longer at the station, and why."""

    pack: Digest
    reason: RemovedBecause


class ContentPlayed(Payload, frozen=True, kw_only=True):
    """How often a content pack was begun on the idle screen in one hour of the station's own day; of nobody.

    `hour`: the one that begins so many hours after midnight.
    """

    pack: Digest
    day: Day
    hour: Hour
    plays: Number


class ContentOffered(Payload, frozen=True, kw_only=True):
    """A content pack of `size` bytes whose SHA-256 is `pack`; the station answers by content.wanted, and fetches it.

    `chunks`: SHA-256 of each 16 KiB of it in order, the last one shorter, 32 bytes each, together in base64url.
    """

    pack: Digest
    size: Number
    chunks: str
    expires: Instant | None = None


class ContentChunk(Payload, frozen=True, kw_only=True):
    """Up to 16 KiB, `data` in base64url, for every pack that lacks them; `sha256` is theirs.

    Its outcome is told by content.stored, or by order.failed.
    """

    sha256: Digest
    data: str
    expires: Instant | None = None


class ContentWithdrawn(Payload, frozen=True, kw_only=True):
    """A content pack is shown no more, and not taken again from anywhere. `order` as in help.answered."""

    pack: Digest
    order: Identifier | None = None
    expires: Instant | None = None
