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
