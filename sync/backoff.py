"""When to connect again: exponential back-off with full jitter, reset only by a connection that has lasted.

Full jitter (a uniform draw from zero to the cap) spreads a thousand stations that lost one broker together; see
M. Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015).
"""

import random
from typing import Final

BASE_S: Final = 1.0
CEILING_S: Final = 60.0
LASTED_S: Final = 30.0
"""A session that lived this long counts as a good one; accept-then-kick does not."""
URGENT_S: Final = (1.0, 5.0)
"""While an urgent event is unsent, attempts come this often whatever the back-off says."""
SUSPECTED_S: Final = (120.0, 300.0)
"""While somebody else seems to use our name and nothing is urgent."""
KICKS: Final = 3
"""So many closes by the broker, each within LASTED_S of CONNACK, and a takeover is suspected."""


class Backoff:
    """How long to wait before the next attempt; `suspected` tells of a takeover."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._failures = 0
        self._kicks = 0
        self.suspected = False

    def failed(self) -> None:
        """Note an attempt that did not reach CONNACK."""
        self._failures += 1

    def ended(self, *, lasted: float, by_broker: bool, taken_over: bool) -> None:
        """Note the end of a session that lived for `lasted` seconds after CONNACK."""
        if lasted >= LASTED_S:
            self._failures = self._kicks = 0
            self.suspected = taken_over
            return
        self._failures += 1
        self._kicks = self._kicks + 1 if by_broker else 0
        self.suspected = self.suspected or taken_over or self._kicks >= KICKS

    def delay(self, *, urgent: bool) -> float:
        """Return the seconds to wait before the next attempt."""
        if urgent and (self.suspected or self._failures > 1):
            return self._rng.uniform(*URGENT_S)
        if self.suspected:
            return self._rng.uniform(*SUSPECTED_S)
        return self._rng.uniform(0.0, min(CEILING_S, BASE_S * 2.0 ** min(self._failures, 10)))
