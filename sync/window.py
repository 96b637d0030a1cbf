"""How many wire bytes of the log lane may stand unacknowledged, so that an urgent event never waits long behind them.

`docs/link.md`, "Sending": rate × 1 s, so whatever stands in front of an urgent event drains in about a second.
"""

from typing import Final

START: Final = 4 * 1024
LEAST: Final = 1024
MOST: Final = 1024 * 1024
"""Upper bound in bytes: enough for every link a kiosk has, and all that the MQTT client may ever be handed."""
_SHORTEST_S: Final = 0.05


class Window:
    """A window in bytes, learnt from acks; times are monotonic seconds."""

    def __init__(self) -> None:
        self.size = START
        self._round_trip = float("inf")

    def acked(self, *, size: int, oldest_sent: float, newest_sent: float, now: float) -> None:
        """Learn from `size` bytes newly acknowledged together, sent between `oldest_sent` and `newest_sent`."""
        self._round_trip = min(self._round_trip, now - newest_sent)
        took = max(_SHORTEST_S, now - oldest_sent - self._round_trip)
        self.size = _clamp((self.size + size / took) / 2)

    def timed_out(self) -> None:
        """Halve the window: what it allowed was not answered in time."""
        self.size = _clamp(self.size / 2)


def _clamp(size: float) -> int:
    return int(min(MOST, max(LEAST, size)))
