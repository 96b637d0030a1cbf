"""How often a password may be guessed: in a bounded memory, by a monotonic clock, without locking anybody out.

Strangers who guess at an account slow down one another, not its owner: an address from which the account was signed in
to before is counted for itself. Nobody is refused for longer than a minute.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

FREE: Final = 5
"""So many wrong guesses in a row cost nothing but their own time."""

MOST_S: Final = 60.0
"""The longest wait between two guesses; each wrong one doubles it."""

FORGOTTEN_S: Final = 900.0
"""After so long without a guess the count begins again."""

REMEMBERED: Final = 4096
"""Most accounts, addresses and pairs of both that are remembered; those longest quiet are forgotten first."""

_Key: TypeAlias = tuple[str, str]


@dataclass(slots=True)
class _Count:
    wrong: int
    last_s: float


class Throttle:
    """Counts guesses; not for several threads."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._counts: OrderedDict[_Key, _Count] = OrderedDict()
        self._known: OrderedDict[_Key, None] = OrderedDict()

    def wait_s(self, account: str, address: str) -> float:
        """Return how long this guess must wait; when it need not, 0, and it counts as wrong until `right` is told."""
        now = self._monotonic()
        keys = self._keys(account, address)
        wait = max(self._left_s(key, now) for key in keys)
        if wait <= 0:
            for key in keys:
                self._guess(key, now)
        return max(0.0, wait)

    def right(self, account: str, address: str) -> None:
        """Take back the last guess: it was right; the account's owner sits at this address."""
        for key in self._keys(account, address):
            if key in self._counts:
                self._counts[key].wrong -= 1
        pair = (account, address)
        self._counts.pop(pair, None)
        self._known[pair] = None
        self._known.move_to_end(pair)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _keys(self, account: str, address: str) -> tuple[_Key, ...]:
        if (account, address) in self._known:
            return ((account, address),)
        return (("account", account), ("address", address))

    def _left_s(self, key: _Key, now: float) -> float:
        count = self._counts.get(key)
        if count is None or count.wrong < FREE:
            return 0.0
        return count.last_s + min(2.0 ** (count.wrong - FREE), MOST_S) - now

    def _guess(self, key: _Key, now: float) -> None:
        count = self._counts.setdefault(key, _Count(0, now))
        if now - count.last_s > FORGOTTEN_S:
            count.wrong = 0
        count.wrong += 1
        count.last_s = now
        self._counts.move_to_end(key)
        while len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)
