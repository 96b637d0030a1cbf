"""Cards of invented people, for the simulated reader: a TOML file, a table for each card, named after the card.

Fields are as they stand on a card, before any of it is read: dates `YYYYMMDD` or 长期, sex after GB/T 2261.1, and the
nation (GB/T 3304), which a real card has and no driver may bring home.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drivers import card_frames
from drivers.card_text import LAYOUTS, LETTER_AT

PEOPLE = Path(__file__).with_name("people.toml")
"""Cards that come with the simulator."""

_NATION = (32, 4)
_RESIDENT: Mapping[str, tuple[int, int]] = dict(LAYOUTS["resident"].items()) | {"nation": _NATION}


class CardsError(Exception):
    """A file of cards cannot be used; the words say where and what to do."""


def load(path: Path) -> dict[str, bytes]:
    """Return the text of each card by the card's name. Raises CardsError, OSError."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardsError(f"{path}: no TOML: {error}") from None
    return {card: _encode(f"{path}, card {card}", fields) for card, fields in tables.items()}


def encode(fields: Mapping[str, str], *, letter: str = " ") -> bytes:
    """Return 256 bytes of card text; `letter` tells its layout, a space being a resident's.

    Raises ValueError for a field that is too long, KeyError for one that a resident's card has not.
    """
    text = bytearray(" ".encode("utf-16-le") * (card_frames.TEXT_BYTES // 2))
    for name, value in fields.items():
        at, length = _RESIDENT[name]
        data = value.encode("utf-16-le")
        if len(data) > length:
            raise ValueError(f"{name} takes over {length // 2} characters: shorten it")
        text[at : at + len(data)] = data
    text[LETTER_AT : LETTER_AT + 2] = letter.encode("utf-16-le")
    return bytes(text)


def _encode(where: str, table: Any) -> bytes:
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise CardsError(f"{where}: must be a table of texts")
    letter = table.pop("letter", " ")
    unknown = sorted(table.keys() - _RESIDENT.keys())
    if unknown:
        raise CardsError(f"{where}: unknown {', '.join(unknown)}; there are: letter, {', '.join(_RESIDENT)}")
    if len(letter) != 1:
        raise CardsError(f"{where}: letter must be one character")
    try:
        return encode(table, letter=letter)
    except ValueError as error:
        raise CardsError(f"{where}: {error}") from None
