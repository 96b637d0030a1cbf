"""What of the content packs the resting screen shows, and how often each was begun. Pure; times: monotonic seconds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_GAP_S: Final = 15.0
"""The screen asks at every heartbeat; after a longer silence something else stood there, or it was dark."""


@dataclass(frozen=True, slots=True)
class Due:
    """A pack whose time it is: its name, how many pages it has, and how long each stays (seconds)."""

    pack: str
    pages: int
    seconds: int


class IdleShow:
    """One screen's show: pack after pack, page after page, each turned by the first look after its time."""

    def __init__(self) -> None:
        self._looked = float("-inf")
        self._now: tuple[str, int] | None = None
        self._turned = 0.0
        self._plays: Counter[str] = Counter()

    def look(self, now: float, due: Sequence[Due]) -> tuple[str, int] | None:
        """Return the pack and the page, from 0, to be shown; None when nothing is due.

        Whoever comes back after a while is shown the next pack, from its beginning.
        """
        was, self._now = self._now, None
        gap, self._looked = now - self._looked > _GAP_S, now
        if not due:
            return None
        names = [one.pack for one in due]
        at = names.index(was[0]) if was is not None and was[0] in names else -1
        if was is None or at < 0 or gap:
            return self._begin(now, due[(at + 1) % len(due)])
        if now - self._turned < due[at].seconds:
            self._now = was
        elif was[1] + 1 < due[at].pages:
            self._now, self._turned = (was[0], was[1] + 1), now
        else:
            return self._begin(now, due[(at + 1) % len(due)])
        return self._now

    def take_plays(self) -> dict[str, int]:
        """Return how often each pack was begun since the last time this was asked."""
        plays, self._plays = dict(self._plays), Counter()
        return plays

    def _begin(self, now: float, due: Due) -> tuple[str, int]:
        self._now, self._turned = (due.pack, 0), now
        self._plays[due.pack] += 1
        return self._now
