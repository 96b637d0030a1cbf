"""The text of a card: 256 bytes of UTF-16LE -> the fields of an identity.

The character at byte 248 tells the layout. Each layout is a table in `LAYOUTS`; one that is not there is refused.
Fields are given as they stand on the card, with the padding at their end taken off: dates `YYYYMMDD` or 长期, sex after
GB/T 2261.1 (1 male, 2 female, 0 unknown, 9 not stated), nation after GB/T 3304.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from drivers import identity_numbers

Field: TypeAlias = Literal["name", "sex", "nation", "birth", "address", "number", "issuer", "valid_from", "valid_until"]
Kind: TypeAlias = Literal["resident", "permanent_resident_2017", "permanent_resident_2023", "residence_permit"]

LETTER_AT = 248
"""Where the character stands that tells the layout."""

_KINDS: Mapping[str, Kind] = {
    "I": "permanent_resident_2017",
    "Y": "permanent_resident_2023",
    "J": "residence_permit",
}

LAYOUTS: Mapping[Kind, Mapping[Field, tuple[int, int]]] = {
    "resident": {
        "name": (0, 30),
        "sex": (30, 2),
        "nation": (32, 4),
        "birth": (36, 16),
        "address": (52, 70),
        "number": (122, 36),
        "issuer": (158, 30),
        "valid_from": (188, 16),
        "valid_until": (204, 16),
    },
}
"""Where each field stands: first byte, number of bytes."""


class UnreadableError(Exception):
    """A card's text was read well and cannot be used: of a layout not known here, or with an impossible number."""


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """What a card says, or those fields of it that were asked for.

    `contradictions`: in what the card contradicts its own number, see `identity_numbers`. Shown with the names of its
    fields and without their text, so that no log and no traceback tells who it is.
    """

    kind: Kind
    fields: Mapping[Field, str]
    contradictions: tuple[identity_numbers.Contradiction, ...] = ()

    def __repr__(self) -> str:
        return f"<Identity of a {self.kind}: {', '.join(self.fields)}>"

    def only(self, fields: Collection[Field]) -> "Identity":
        """Return this identity with no more than `fields`; those its layout has not are left out."""
        kept = {name: text for name, text in self.fields.items() if name in fields}
        return Identity(self.kind, kept, self.contradictions)


def decode(text: bytes) -> Identity:
    """Return the identity that 256 bytes of card text spell.

    Characters that are none (unpaired surrogates occur) come as U+FFFD. Raises UnreadableError, which tells nothing of
    the card's text.
    """
    kind = _KINDS.get(_decode(text[LETTER_AT : LETTER_AT + 2]), "resident")
    layout = LAYOUTS.get(kind)
    if layout is None:
        raise UnreadableError(f"the layout of a {kind} is not known here: let an officer type the fields")
    fields = {name: _decode(text[at : at + length]).rstrip(" ") for name, (at, length) in layout.items()}
    # No clock here is worth refusing a card for: whether a birth lies in the future is asked by who knows the day.
    mistake = identity_numbers.mistake(fields["number"], today=None)
    if mistake is not None:
        raise UnreadableError(f"the card's number is wrong ({mistake}): let an officer type the fields")
    contradictions = identity_numbers.contradictions(fields["number"], birth=fields["birth"], sex=fields["sex"])
    return Identity(kind, fields, contradictions)


def _decode(data: bytes) -> str:
    return data.decode("utf-16-le", errors="replace")
