"""Identifiers of events, calls and journals."""

import os
import uuid


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
    if not isinstance(text, str):
        return False
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
