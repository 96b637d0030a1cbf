"""Whether a station is there (pure)."""

from typing import Literal, TypeAlias

Presence: TypeAlias = Literal["online", "silent", "offline", "never"]

SILENT_AFTER_MS = 180_000
"""A station of which nothing came for so long is silent: three health samples at their usual pace."""


def presence(
    now_ms: int, *, born: bool, seen_ms: int | None, farewell_ms: int | None, hint_ms: int | None = None
) -> Presence:
    """Decide from what was signed; a health sample only hints that a session goes on.

    `hint_ms`: the last health sample; `seen_ms`: the last signed message of the current session; `farewell_ms`: that
    session's farewell, which anything signed that comes later refutes (a broker can replay a will: every lie ends
    with the next signed message).
    """
    if not born or seen_ms is None:
        return "never"
    if farewell_ms is not None and farewell_ms >= seen_ms:
        return "offline"
    # A message from the future: the wall clock was set back, and proves nothing for long.
    heard = (seen_ms, seen_ms if hint_ms is None else hint_ms)
    return "online" if min(abs(now_ms - at) for at in heard) < SILENT_AFTER_MS else "silent"
