"""How often a password may be guessed: in a bounded memory, by a monotonic clock, without locking anybody out.

Strangers who guess at an account slow down one another, not its owner: an address from which the account was signed in
to before is counted for itself. Nobody is refused for longer than a minute.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeAlias

from common import slowing

MOST_S: Final = 60.0
"""The longest wait between two guesses."""

FORGOTTEN_S: Final = 900.0
"""After so long without a guess the count begins again."""

_Key: TypeAlias = tuple[str, str]


class Throttle:
    """Counts guesses at accounts, from addresses, and from an address known for an account; not for several threads."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._slowing = slowing.Slowing(monotonic, longest_s=MOST_S, forgotten_s=FORGOTTEN_S)
        self._known: OrderedDict[_Key, None] = OrderedDict()

    def wait_s(self, account: str, address: str) -> float:
        """Return how long this guess must wait; when it need not, 0, and it counts as wrong until `right` is told."""
        keys = self._keys(account, address)
        wait = max(self._slowing.wait_s(key) for key in keys)
        if not wait:
            for key in keys:
                self._slowing.wrong(key)
        return wait

    def right(self, account: str, address: str) -> None:
        """Take back the last guess: it was right; the account's owner sits at this address."""
        for key in self._keys(account, address):
            self._slowing.take_back(key)
        pair = (account, address)
        self._slowing.forget(pair)
        self._known[pair] = None
        self._known.move_to_end(pair)
        while len(self._known) > slowing.REMEMBERED:
            self._known.popitem(last=False)

    def _keys(self, account: str, address: str) -> tuple[_Key, ...]:
        if (account, address) in self._known:
            return ((account, address),)
        return (("account", account), ("address", address))
