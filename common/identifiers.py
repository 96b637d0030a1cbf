"""Identifiers of events, calls and journals."""

import os
import re
import uuid
from typing import Final

_IDENTIFIER: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def uuid7(*, wall_ms: int) -> str:
    """Return a new UUID version 7 (RFC 9562, section 5.7) as lower-case hyphenated text.

    `wall_ms` is the wall clock in milliseconds since 1970; the other 74 bits are random. Two ids of one
    millisecond are not ordered: a journal's order is its numbers, never its ids.
    """
    random = int.from_bytes(os.urandom(10), "big")
    value = (wall_ms & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & (2**62 - 1)
    return str(uuid.UUID(int=value))


def is_identifier(text: object) -> bool:
    """Tell whether `text` is a UUID in its only accepted spelling: lower case, hyphenated."""
    return isinstance(text, str) and _IDENTIFIER.fullmatch(text) is not None
