"""Whether the other end is there: its acks and hints tell (`docs/link.md`, "Birth, farewell, presence")."""

from typing import Final

ONLINE_S: Final = 180.0
"""How long an acceptable ack, or a live hint of any worker, proves that the other end is there (monotonic seconds)."""
_WORKERS: Final = 64
"""Workers that are remembered, those heard last: a broker may make up as many as it likes."""


class Peer:
    """The other end's presence; a hint that it is gone ends only that worker's word."""

    def __init__(self) -> None:
        self._answered_until = 0.0
        self.answered_at = float("-inf")
        """When the last acceptable ack came (monotonic seconds)."""
        self._workers: dict[str, float] = {}

    def answered(self, now: float) -> None:
        """Hear an acceptable ack."""
        self.answered_at = now
        self._answered_until = now + ONLINE_S

    def hint(self, worker: str, now: float, *, online: bool) -> None:
        """Hear a worker's own word, which did not come retained."""
        self._workers.pop(worker, None)
        if online:
            self._workers[worker] = now + ONLINE_S  # the last of them now
            if len(self._workers) > _WORKERS:
                del self._workers[next(iter(self._workers))]

    def online(self, now: float) -> bool:
        """Tell whether the other end is taken to be there."""
        return now < self._answered_until or any(now < until for until in self._workers.values())
