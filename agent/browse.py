"""Where the citizen's screen stands when there is no visit: the trail of pages, the language, the size of the words.

Pure, and in memory only: no address and no history of a browser tells what somebody looked at. `agent.visits` keeps the
one there is, by the same clock as a visit.
"""

import math
from dataclasses import dataclass, field
from typing import Final

from agent.visit import IDLE_S, WARNING_S

_NS: Final = 1_000_000_000
_MOST_STEPS: Final = 32  # of a trail; whoever goes on loses the first ones


@dataclass(slots=True, eq=False)
class Browse:
    """The screen of now. `language` None: the first one; `aloud`: it says what it shows, too.

    Times are CLOCK_BOOTTIME, in nanoseconds.
    """

    touched_ns: int
    language: str | None = None
    large: bool = False
    aloud: bool = False
    _trail: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def at(self) -> tuple[str, ...]:
        """The words of the page that is open, the name of its room first; none: the first page."""
        return self._trail[-1] if self._trail else ()

    @property
    def changed_look(self) -> bool:
        """Somebody has chosen a language or a size, or to be spoken to."""
        return self.large or self.aloud or self.language is not None

    def touch(self, now: int) -> None:
        """Somebody is there."""
        self.touched_ns = now

    def go(self, words: tuple[str, ...]) -> None:
        """Open a page; no words: the first page, with no way back."""
        if not words:
            self._trail.clear()
        elif words != self.at:
            self._trail.append(words)
            del self._trail[:-_MOST_STEPS]

    def back(self) -> None:
        """Return to the page before, in the end to the first one."""
        if self._trail:
            self._trail.pop()

    def erase(self, *, look: bool = True) -> None:
        """Leave nothing of it; not `look`: but language, size and voice, which somebody may still need."""
        self._trail.clear()
        if look:
            self.language, self.large, self.aloud = None, False, False

    def left_s(self, now: int) -> float:
        """Return in how many seconds it is erased, if nobody touches the screen."""
        return IDLE_S + WARNING_S - (now - self.touched_ns) / _NS

    def rests(self, now: int) -> bool:
        """Tell whether the first page has stood untouched for so long that something else may be shown."""
        return not self._trail and (now - self.touched_ns) / _NS >= IDLE_S


def erased_in_s(left_s: float) -> int | None:
    """Return whole seconds until the screen is erased, once it warns."""
    return max(0, math.ceil(left_s)) if left_s <= WARNING_S else None
