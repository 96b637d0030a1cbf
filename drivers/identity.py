"""What a document says of its holder, whatever reader it came from: the one thing every identity reader returns.

Dates are ISO 8601 (`1949-12-31`); a text that is no date stands as it is on the document. `valid_to` is None for
长期, without end. `sex` is m, f, unknown or not_stated (GB/T 2261.1: 1, 2, 0, 9; ICAO Doc 9303: M, F, <).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

Field: TypeAlias = Literal[
    "name",
    "name_en",
    "sex",
    "birth",
    "address",
    "number",
    "issuer",
    "valid_from",
    "valid_to",
    "pass_number",
    "issue_count",
    "nationality",
    "renewals",
    "association",
]
FIELDS: Final[tuple[Field, ...]] = get_args(Field)
"""Every field there is, in the order in which they are shown; no layout has all of them."""

Kind: TypeAlias = Literal[
    "resident",
    "residence_permit",
    "permanent_resident_2017",
    "permanent_resident_2023",
    "passport",
    "visa",
    "travel_permit",
    "travel_document",
]
"""What kind of document; a residence permit is that of residents of Hong Kong, Macau and Taiwan."""

Doubt: TypeAlias = str
"""What a document contradicts itself in (`birth`, `sex`), a field that is no date, or one that was repaired."""


NotReadReason: TypeAlias = Literal["no_document", "lift", "unreadable", "reader", "busy"]

Advice: TypeAlias = NotReadReason | Literal["other_card", "not_verified"]
"""What a citizen is told after no identity was read: the reason, or what the reader's own word says beyond it.

other_card: what lies there is no card that can be read here, or there are several. not_verified: card and reader did
not accept one another; once more, and then the officer looks at it.
"""


class NotRead(Exception):
    """No identity was read; `reason` says what to do about it, and nothing of the document.

    no_document: nobody put one there in time (one read before counts as none until it is lifted): ask again.
    lift: one is there and was not read for sure: ask to lift it and put it back, alone, or to swipe it again.
    unreadable: it was read, and its layout is not known here or its number is impossible: let an officer type.
    reader: the reader is away, faulty, or went away in the middle: let an officer type.
    busy: another read is under way: wait for it.

    `status`: the reader's own word (SW3) for a card it could not read, 0 when it said none.
    """

    def __init__(self, reason: NotReadReason, status: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """What a document says, or those fields of it that were asked for.

    `doubts` are flagged and refuse nothing. Shown with the names of its fields and without their text, so that no log
    and no traceback tells who it is.
    """

    kind: Kind
    fields: Mapping[Field, str | None]
    doubts: tuple[Doubt, ...] = ()

    def __repr__(self) -> str:
        return f"<Identity of a {self.kind}: {', '.join(self.fields)}>"

    def only(self, fields: Collection[Field]) -> "Identity":
        """Return this identity with no more than `fields`; those its document has not are left out."""
        return Identity(self.kind, {name: text for name, text in self.fields.items() if name in fields}, self.doubts)
