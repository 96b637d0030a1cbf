"""The personal fields of a record: the only ones there are, and they travel and are kept only sealed.

What is said of them here are names and lengths; no text of a field goes into an exception.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

PersonalField: TypeAlias = Literal["name", "sex", "document", "number", "phone", "address", "represents", "need"]
"""`document`: which kind of document `number` is of; `represents`: for whom the citizen came; `need`: what they want.

`sex`: m, f, unknown or not_stated. No nation, no photo, no fingerprint.
"""

OnFile: TypeAlias = Literal["name", "number", "phone"]
"""Fields of which screens without the key say "on file"; that one exists is no secret, so it stands outside the box."""

PERSONAL: Final[tuple[PersonalField, ...]] = get_args(PersonalField)
ON_FILE: Final[tuple[OnFile, ...]] = get_args(OnFile)
MOST_CHARACTERS: Final = 200
"""Longest text of one field."""


def unfit(fields: Mapping[str, str]) -> list[str]:
    """Return what cannot be sealed: names that are no personal field (shown as `?`), and fields that are too long."""
    return [name if name in PERSONAL else "?" for name, text in fields.items() if not _fits(name, text)]


def on_file(fields: Mapping[str, str]) -> tuple[OnFile, ...]:
    """Return which of the fields that may be told to exist do exist."""
    return tuple(name for name in ON_FILE if fields.get(name))


def _fits(name: str, text: object) -> bool:
    return name in PERSONAL and isinstance(text, str) and len(text) <= MOST_CHARACTERS
