"""Cards of invented people, for the simulated reader: a TOML file, a table for each card, named after the card.

Fields are as they stand on a card, before any of it is read: dates `YYYYMMDD` or 长期, sex after GB/T 2261.1, and the
nation (GB/T 3304), which a real card has and no driver may bring home.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers import card_frames
from drivers.card_text import LAYOUTS, LETTER, LETTERS, Place

PEOPLE = Path(__file__).with_name("people.toml")
"""Cards that come with the simulator."""

_MORE: Mapping[str, Mapping[str, tuple[Place, ...]]] = {
    "resident": {"nation": ((32, 4),)},
    "permanent_resident_2017": {"version": ((236, 4),)},
}
"""What is on a card of a layout beside the fields of an identity."""

_NOT_OF_THE_TEXT = ("letter", "newest_address")
_NEWEST_ADDRESS: tuple[Place, ...] = ((0, card_frames.ADDRESS_BYTES),)


class CardsError(Exception):
    """A file of cards cannot be used; the words say where and what to do."""


@dataclass(frozen=True, slots=True, repr=False)
class PlayedCard:
    """A card's 256 bytes of text, and the newest address that was appended to it, b"" for none."""

    text: bytes
    newest_address: bytes = b""


def load(path: Path) -> dict[str, PlayedCard]:
    """Return each card by its name. Raises CardsError, OSError."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardsError(f"{path}: no TOML: {error}") from None
    return {card: _card(f"{path}, card {card}", fields) for card, fields in tables.items()}


def encode(fields: Mapping[str, str], *, letter: str = " ") -> bytes:
    """Return 256 bytes of card text; `letter` tells its layout, a space being a resident's.

    Raises ValueError for a field that is too long, KeyError for one that a card of that layout has not.
    """
    places = _places(letter)
    text = _blank(card_frames.TEXT_BYTES)
    for name, value in fields.items():
        _write(text, name, value, places[name])
    _write(text, "letter", letter, (LETTER,))
    return bytes(text)


def encode_address(address: str) -> bytes:
    """Return an appended address as a card holds it. Raises ValueError for one that is too long."""
    data = _blank(card_frames.ADDRESS_BYTES)
    _write(data, "newest_address", address, _NEWEST_ADDRESS)
    return bytes(data)


def _card(where: str, table: Any) -> PlayedCard:
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise CardsError(f"{where}: must be a table of texts")
    letter = table.get("letter", " ")
    if len(letter) != 1:
        raise CardsError(f"{where}: letter must be one character")
    known = [*_NOT_OF_THE_TEXT, *_places(letter)]
    if unknown := sorted(table.keys() - known):
        raise CardsError(f"{where}: unknown {', '.join(unknown)}; there are: {', '.join(known)}")
    fields = {name: value for name, value in table.items() if name not in _NOT_OF_THE_TEXT}
    address = table.get("newest_address", "")
    try:
        return PlayedCard(encode(fields, letter=letter), encode_address(address) if address else b"")
    except ValueError as error:
        raise CardsError(f"{where}: {error}") from None


def _places(letter: str) -> dict[str, tuple[Place, ...]]:
    kind = LETTERS.get(letter, "resident")
    return {**dict(LAYOUTS[kind].items()), **_MORE.get(kind, {})}


def _blank(length: int) -> bytearray:
    return bytearray(" ".encode("utf-16-le") * (length // 2))


def _write(text: bytearray, name: str, value: str, places: tuple[Place, ...]) -> None:
    data = value.encode("utf-16-le")
    most = sum(length for _, length in places)
    if len(data) > most:
        raise ValueError(f"{name} takes over {most // 2} characters: shorten it")
    for at, length in places:
        piece, data = data[:length], data[length:]
        text[at : at + len(piece)] = piece
