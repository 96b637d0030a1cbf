"""When a station ends a session of its own accord to begin a new one. Pure; times are monotonic seconds."""

import random
from typing import Final

EPOCH_JITTER_S: Final = 60.0
"""Over how long stations spread that are all asked at once, and how often one may be (`docs/link.md`)."""


class Renewal:
    """Because headquarters' epoch changed, since it was restored, or because somebody here asked for it."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._epoch: str | None = None
        self._due_at = float("inf")
        self._last_at = -EPOCH_JITTER_S

    def ask(self, now: float) -> None:
        """Want a new session at once."""
        self._due_at = now

    def saw(self, epoch: str, now: float, *, retained: bool) -> None:
        """Hear a worker of headquarters name its epoch; a change that comes retained, and the first, is only noted."""
        if self._epoch is not None and epoch != self._epoch and not retained:
            soonest = max(now, self._last_at + EPOCH_JITTER_S)
            self._due_at = min(self._due_at, soonest + self._rng.uniform(0.0, EPOCH_JITTER_S))
        self._epoch = epoch

    def due(self, now: float) -> bool:
        """Return whether the session is to end now; once for each reason."""
        if now < self._due_at:
            return False
        self._due_at, self._last_at = float("inf"), now
        return True
