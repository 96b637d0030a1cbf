"""The text of a card: 256 bytes of UTF-16LE -> the fields of an identity.

The character at byte 248 tells the layout: that of residents (GA/T 490), of residence permits for residents of Hong
Kong, Macau and Taiwan (J), and of permanent residents' cards of 2017 (I) and 2023 (Y). What a layout has beside the
fields of `identity.Identity` (nation, version) is never taken out of the text.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Final, TypeAlias

from drivers import identity_numbers
from drivers.card_frames import ADDRESS_BYTES
from drivers.identity import Field, Identity, Kind

Place: TypeAlias = tuple[int, int]
"""First byte, number of bytes."""

LETTER: Final[Place] = (248, 2)
"""Where the character stands that tells the layout."""

LETTERS: Final[Mapping[str, Kind]] = {
    "J": "residence_permit",
    "I": "permanent_resident_2017",
    "Y": "permanent_resident_2023",
}
"""Which layout each character tells; any other one, a resident's."""

_DATES_OF_VALIDITY: Final[Mapping[Field, tuple[Place, ...]]] = {
    "valid_from": ((188, 16),),
    "valid_to": ((204, 16),),
}
_RESIDENT: Final[Mapping[Field, tuple[Place, ...]]] = {
    "name": ((0, 30),),
    "sex": ((30, 2),),
    "birth": ((36, 16),),
    "address": ((52, 70),),
    "number": ((122, 36),),
    "issuer": ((158, 30),),
    **_DATES_OF_VALIDITY,
}
LAYOUTS: Final[Mapping[Kind, Mapping[Field, tuple[Place, ...]]]] = {
    "resident": _RESIDENT,
    "residence_permit": {**_RESIDENT, "pass_number": ((220, 18),), "issue_count": ((238, 4),)},
    "permanent_resident_2017": {
        "name": ((158, 30),),
        "name_en": ((0, 120),),
        "sex": ((120, 2),),
        "birth": ((220, 16),),
        "number": ((122, 30),),
        "issuer": ((240, 8),),
        **_DATES_OF_VALIDITY,
        "nationality": ((152, 6),),
    },
    "permanent_resident_2023": {
        "name": ((0, 30),),
        "name_en": ((52, 70), (220, 22)),
        "sex": ((30, 2),),
        "birth": ((36, 16),),
        "number": ((122, 36),),
        **_DATES_OF_VALIDITY,
        "nationality": ((242, 6),),
        "renewals": ((32, 4),),
        "association": ((250, 6),),
    },
}
"""Where each field stands; one with two places goes on in the second, without a separator, when the first is full.

The `issuer` of a card of 2017 is the code of the authority that took the application.
"""

_SEXES: Final[Mapping[str, str]] = {"1": "m", "2": "f", "0": "unknown", "9": "not_stated"}  # GB/T 2261.1
_DATES: Final[tuple[Field, ...]] = ("birth", "valid_from", "valid_to")
_WITHOUT_END = "长期"
_PADDING: Final = " ".encode("utf-16-le")
_EIGHT_DIGITS = re.compile(r"[0-9]{8}", re.ASCII)


class UnreadableError(Exception):
    """A card's text was read well and cannot be used: its number is impossible."""


def decode(text: bytes, *, newest_address: bytes = b"") -> Identity:
    """Return the identity that 256 bytes of card text spell, with the newest address in place of the printed one.

    `newest_address`: one to four addresses of 70 bytes as they were appended (GA/T 490), b"" for none. Readers send
    the newest alone; of several, the last that is not empty is taken for it. Raises UnreadableError, which tells
    nothing of the card's text, when its number is impossible.
    """
    identity = spelled(text)
    if "number" in identity.doubts:
        raise UnreadableError("the card's number is impossible: let an officer type the fields")
    address = appended(newest_address)
    return replace(identity, fields={**identity.fields, "address": address}) if address else identity


def spelled(text: bytes) -> Identity:
    """Return what 256 bytes of card text spell, whatever that is; an impossible number is one doubt more.

    Characters that are none (unpaired surrogates occur) come as U+FFFD.
    """
    kind = _kind(text)
    written = {name: _written(text, places) for name, places in LAYOUTS[kind].items()}
    fields: dict[Field, str | None] = {**written}
    fields["sex"] = _SEXES.get(written["sex"], "unknown")
    fields |= {name: _date(written[name], endless=name == "valid_to") for name in _DATES}
    doubts: set[str] = {name for name in _DATES if fields[name] == written[name]}
    if written["sex"] not in _SEXES:
        doubts.add("sex")
    if _is_impossible(written["number"], kind):
        doubts.add("number")
    else:
        doubts |= {*identity_numbers.contradictions(written["number"], birth=written["birth"], sex=written["sex"])}
    return Identity(kind, fields, tuple(name for name in written if name in doubts))


def has_address(text: bytes) -> bool:
    """Tell whether a card of this text has an address at all."""
    return "address" in LAYOUTS[_kind(text)]


def appended(data: bytes) -> str:
    """Return the newest of the appended addresses, see `decode`; "" when there is none."""
    addresses = [_written(data, ((at, ADDRESS_BYTES),)) for at in range(0, len(data), ADDRESS_BYTES)]
    return next((address for address in reversed(addresses) if address), "")


def _kind(text: bytes) -> Kind:
    return LETTERS.get(_written(text, (LETTER,)), "resident")


def _written(text: bytes, places: tuple[Place, ...]) -> str:
    at, length = places[0]
    data = text[at : at + length]
    for at, length in places[1:]:
        # The last character of a full place may be the space between two names.
        if not data.endswith(_PADDING * 2):
            data += text[at : at + length]
    return data.decode("utf-16-le", errors="replace").rstrip(" ")


def _is_impossible(number: str, kind: Kind) -> bool:
    # No clock here is worth refusing a card for: whether a birth lies in the future is asked by who knows the day.
    if kind == "permanent_resident_2017":
        return identity_numbers.mistake_2017(number) is not None
    return identity_numbers.mistake(number, today=None) is not None


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
