"""How much of a list one page of the citizen's screen shows, so that nothing has to be scrolled (pure).

The server does not know the size of the screen: it reckons with the smallest one, 1024 × 600, on which the stage and
the words have the sizes that `citizen.css` gives them there. On a larger one some room is left.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final, TypeVar

_Entry = TypeVar("_Entry")

_ACROSS_PX: Final = 688
_GAP_PX: Final = 12
_LEAST_PX: Final = 60
_EDGES_PX: Final = 14  # border and padding of a button, above and below
_SIDES_PX: Final = 34
_HEADING: Final = 1.18  # the size of a heading, in that of a text; its second part is smaller
_HEADING_ACROSS: Final = 1.04
_NARROW: Final = 0.55
_WORDS: Final = re.compile("[\u2e80-\U0010ffff]|[^\\s\u2e80-\U0010ffff]+|\\s+")  # what a line is broken between
_WIDE: Final = "\u2e80"  # the first of Unicode's CJK blocks; what is before is drawn about half as wide


@dataclass(frozen=True, slots=True)
class Look:
    """What the screen looks like: its language, and whether words are large (长辈版)."""

    language: str
    large: bool

    @property
    def chinese(self) -> bool:
        """Tell which of two names is shown."""
        return self.language == "zh-CN"

    @property
    def _text_px(self) -> float:
        return 27.5 if self.large else 22

    @property
    def _down_px(self) -> int:
        """What is left for a list under a heading of one line."""
        return 308 if self.large else 316

    def lines(self, text: str, *, columns: int) -> int:
        """Return how many lines a text takes at most on a button, so many of which stand beside each other."""
        across_px = (_ACROSS_PX - _GAP_PX * (columns - 1)) / columns - _SIDES_PX
        lines, used_px = 1, 0.0
        for word in _WORDS.findall(text):
            word_px = _ems(word) * self._text_px
            if used_px + word_px > across_px:
                lines += ceil(word_px / across_px) if used_px else ceil(word_px / across_px) - 1
                used_px = 0.0 if word.isspace() else word_px % across_px
            else:
                used_px += word_px
        return lines

    def columns(self, texts: Sequence[str]) -> int:
        """Return how many short texts stand beside each other: three, but large ones of two lines better by two."""
        return 3 if not self.large or all(self.lines(text, columns=3) == 1 for text in texts) else 2

    def pages(
        self, entries: Sequence[_Entry], lines: Sequence[int], *, columns: int, heading: str = ""
    ) -> list[tuple[_Entry, ...]]:
        """Return entries in pages, each as full as it may be; `lines`: how many each takes on its button."""
        pages: list[tuple[_Entry, ...]] = []
        across_px = _ems(heading) * self._text_px * _HEADING_ACROSS
        more_px = max(0, ceil(across_px / _ACROSS_PX) - 1) * self._text_px * _HEADING * 1.25
        left = 0.0
        for at in range(0, len(entries), columns):
            row_px = max(_LEAST_PX, _EDGES_PX + max(lines[at : at + columns]) * self._text_px * 1.1) + _GAP_PX
            if row_px > left:
                pages.append(())
                left = self._down_px - more_px + _GAP_PX
            pages[-1] += tuple(entries[at : at + columns])
            left -= row_px
        return pages


def _ems(text: str) -> float:
    return sum(1 if sign >= _WIDE else _NARROW for sign in text)
