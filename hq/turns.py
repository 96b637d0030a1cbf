"""Whose turn it is when the connection has room again: pure, but for the two calls it is given."""

from collections.abc import Callable
from typing import Final

from sync.sender import Publish
from sync.topics import Lane

_LANES: Final[tuple[Lane, ...]] = ("urgent", "log")


class Turns:
    """Stations for whose orders there was no room, first come first, each lane for itself.

    `wake(station)` lets one of them try again. One is woken at a time, and lets in the next when it was given room: a
    thousand who look for themselves whenever the broker has taken a message are a million looks.
    """

    def __init__(self, publish: Publish, wake: Callable[[str], None]) -> None:
        self._publish = publish
        self._wake = wake
        self._waiting: dict[Lane, dict[str, None]] = {lane: {} for lane in _LANES}
        self._asked: dict[Lane, str] = {}

    def publish(self, station: str, topic: str, payload: bytes, *, lane: Lane) -> bool:
        """Give a station's batch to the connection; False when there is no room, and the station will be woken."""
        if self._asked.get(lane) == station:
            del self._asked[lane]
        if not self._publish(topic, payload, lane=lane):
            self._waiting[lane].setdefault(station)  # whoever was there before keeps the place
            return False
        self._waiting[lane].pop(station, None)
        self._next(lane)
        return True

    def room(self) -> None:
        """Hear that there is room again, if only for one."""
        for lane in _LANES:
            self._next(lane)

    def everybody(self) -> None:
        """Wake all that wait: whoever was woken last may have had nothing to send any more."""
        self._asked.clear()
        for lane in _LANES:
            waiting, self._waiting[lane] = self._waiting[lane], {}
            for station in waiting:
                self._wake(station)

    def _next(self, lane: Lane) -> None:
        waiting = self._waiting[lane]
        waiting.pop(self._asked.pop(lane, ""), None)  # it was woken before, and had nothing to send any more
        first = next(iter(waiting), None)
        if first is not None:
            self._asked[lane] = first
            self._wake(first)
