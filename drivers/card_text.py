"""The text of a card: 256 bytes of UTF-16LE -> the fields of an identity.

The character at byte 248 tells the layout. Each layout is a table in `LAYOUTS`; one that is not there is refused. What
a layout has beside the fields of `identity.Identity` (nation, photo) is never taken out of the text.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from drivers import identity_numbers
from drivers.identity import Field, Identity, Kind

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
        "birth": (36, 16),
        "address": (52, 70),
        "number": (122, 36),
        "issuer": (158, 30),
        "valid_from": (188, 16),
        "valid_to": (204, 16),
    },
}
"""Where each field stands: first byte, number of bytes."""

_SEXES: Mapping[str, str] = {"1": "m", "2": "f", "0": "unknown", "9": "not_stated"}  # GB/T 2261.1
_DATES: Final[tuple[Field, ...]] = ("birth", "valid_from", "valid_to")
_WITHOUT_END = "长期"
_EIGHT_DIGITS = re.compile(r"[0-9]{8}", re.ASCII)


class UnreadableError(Exception):
    """A card's text was read well and cannot be used: of a layout not known here, or with an impossible number."""


def decode(text: bytes) -> Identity:
    """Return the identity that 256 bytes of card text spell.

    Characters that are none (unpaired surrogates occur) come as U+FFFD. Raises UnreadableError, which tells nothing of
    the card's text.
    """
    kind = _KINDS.get(_decode(text[LETTER_AT : LETTER_AT + 2]), "resident")
    layout = LAYOUTS.get(kind)
    if layout is None:
        raise UnreadableError(f"the layout of a {kind} is not known here: let an officer type the fields")
    written = {name: _decode(text[at : at + length]).rstrip(" ") for name, (at, length) in layout.items()}
    # No clock here is worth refusing a card for: whether a birth lies in the future is asked by who knows the day.
    mistake = identity_numbers.mistake(written["number"], today=None)
    if mistake is not None:
        raise UnreadableError(f"the card's number is wrong ({mistake}): let an officer type the fields")
    fields: dict[Field, str | None] = {**written}
    fields["sex"] = _SEXES.get(written["sex"], "unknown")
    fields |= {name: _date(written[name], endless=name == "valid_to") for name in _DATES}
    doubts: set[str] = {name for name in _DATES if fields[name] == written[name]}
    if written["sex"] not in _SEXES:
        doubts.add("sex")
    doubts |= {*identity_numbers.contradictions(written["number"], birth=written["birth"], sex=written["sex"])}
    return Identity(kind, fields, tuple(name for name in layout if name in doubts))


def _date(written: str, *, endless: bool) -> str | None:
    """Return a date after ISO 8601, None for one that never comes, and the text itself when it is no date."""
    if endless and written == _WITHOUT_END:
        return None
    if not _EIGHT_DIGITS.fullmatch(written):
        return written
    try:
        return date(int(written[:4]), int(written[4:6]), int(written[6:])).isoformat()
    except ValueError:
        return written


def _decode(data: bytes) -> str:
    return data.decode("utf-16-le", errors="replace")
