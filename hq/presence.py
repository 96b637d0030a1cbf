"""Whether a station is there (pure)."""

from typing import Literal, TypeAlias

Presence: TypeAlias = Literal["online", "silent", "offline", "never"]

SILENT_AFTER_MS = 90_000
"""A station of which nothing signed came for so long is silent."""


def presence(now_ms: int, *, born: bool, seen_ms: int | None, farewell_ms: int | None) -> Presence:
    """Decide from what was signed, and from nothing else.

    `seen_ms`: the last signed message of the current session; `farewell_ms`: that session's farewell, which anything
    signed that comes later refutes (a broker can replay a will: every lie ends with the next signed message).
    """
    if not born or seen_ms is None:
        return "never"
    if farewell_ms is not None and farewell_ms >= seen_ms:
        return "offline"
    # A message from the future: the wall clock was set back, and proves nothing for long.
    return "online" if abs(now_ms - seen_ms) < SILENT_AFTER_MS else "silent"
