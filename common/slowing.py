"""Whoever guesses waits: after some wrong guesses each further one is taken later and later. In a bounded memory."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

FREE: Final = 5
"""So many wrong guesses in a row cost nothing but their own time: people mistype."""

REMEMBERED: Final = 10_000
"""Most guessers that are remembered; those longest quiet are forgotten first."""

_DOUBLINGS: Final = 16
"""More of them than any wait has: a float has no room for 1024, which at one guess a minute takes 17 hours."""


@dataclass(slots=True)
class _Count:
    wrong: int
    last_s: float


class Slowing:
    """Wrong guesses by who made them, whatever names these; not for several threads. `monotonic` in seconds.

    Each wrong guess beyond the free ones doubles the wait, up to `longest_s`; after `forgotten_s` without one the count
    begins again.
    """

    def __init__(self, monotonic: Callable[[], float], *, longest_s: float, forgotten_s: float) -> None:
        self._monotonic = monotonic
        self._longest_s = longest_s
        self._forgotten_s = forgotten_s
        self._counts: OrderedDict[Hashable, _Count] = OrderedDict()

    def wait_s(self, who: Hashable) -> float:
        """Return in how many seconds a guess of theirs is taken, 0 for now."""
        count = self._counts.get(who)
        if count is None or count.wrong < FREE:
            return 0.0
        wait = min(self._longest_s, 2.0 ** min(count.wrong - FREE, _DOUBLINGS))
        return max(0.0, count.last_s + wait - self._monotonic())

    def wrong(self, who: Hashable) -> None:
        """Hear of a wrong guess."""
        now, count = self._monotonic(), self._counts.pop(who, None)
        if count is None or now - count.last_s >= self._forgotten_s:
            count = _Count(0, now)
        count.wrong, count.last_s = count.wrong + 1, now
        self._counts[who] = count  # behind all others
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)

    def count(self, who: Hashable) -> int:
        """Return how many wrong guesses of theirs are counted."""
        count = self._counts.get(who)
        return 0 if count is None else count.wrong

    def take_back(self, who: Hashable) -> None:
        """Hear that the guess told last was right."""
        if who in self._counts:
            self._counts[who].wrong -= 1

    def forget(self, who: Hashable) -> None:
        """Begin their count again."""
        self._counts.pop(who, None)


def place(address: str) -> str:
    """Return what counts as one sender: an IPv4 address, or of IPv6 the /64 that one household or office has.

    RFC 6177, section 2, and RFC 4291, section 2.5.4; an IPv4 address mapped into IPv6 (2.5.5.2) is that address.
    Whatever is no address is `unknown`.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)
