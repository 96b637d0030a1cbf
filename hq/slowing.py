"""Whoever guesses waits: after some refusals each further attempt from an address is taken only later and later."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FREE: Final = 5
"""Refusals from an address that cost nothing: people mistype."""
_LONGEST_S: Final = 300.0
_FORGOTTEN_S: Final = 3600.0
_ADDRESSES: Final = 10_000


@dataclass(slots=True)
class _Refused:
    times: int
    last: float
    until: float


class Slowing:
    """Refusals by address, for one loop; `monotonic` in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._refused: OrderedDict[str, _Refused] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Return in how many seconds an attempt from there is taken, 0 for now."""
        found = self._refused.get(_place(address))
        return 0.0 if found is None else max(0.0, found.until - self._monotonic())

    def refused(self, address: str) -> None:
        """Hear of a refused attempt."""
        now, place = self._monotonic(), _place(address)
        found = self._refused.pop(place, None)
        if found is None or now - found.last >= _FORGOTTEN_S:
            found = _Refused(0, now, now)
        found.times, found.last = found.times + 1, now
        if found.times >= FREE:
            found.until = now + min(_LONGEST_S, 2.0 ** min(found.times - FREE, 16))
        self._refused[place] = found  # behind all others: the oldest are forgotten first
        if len(self._refused) > _ADDRESSES:
            self._refused.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Hear of one that was right."""
        self._refused.pop(_place(address), None)


def _place(address: str) -> str:
    """Return what counts as one sender: an IPv4 address, or the /64 of an IPv6 one (RFC 4291, section 2.5.4)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
    return address
