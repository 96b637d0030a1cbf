"""What the citizen's screen shows: a template and its values, from a room of pages.

A room is asked with the words after its own name: the room `find` for `to=find/places/pharmacy` with
`("places", "pharmacy")`. It answers None where it has no such page, and the first page is shown. `citizen_live.html`
includes its template with `values` in the context, beside `lang`, `large` and `view`; the help button, "End and
erase", Back and the numbers are the frame's. Its buttons are `<button name="to" value="find/…">` in one
`<form action="/go" method="post">`; a `<div class="bar">`, last, holds its main action.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

_MOST_WORDS: Final = 6
_WORD: Final = re.compile(r"[A-Za-z0-9-]{1,40}")


@dataclass(frozen=True, slots=True)
class Shown:
    """One page inside the frame: a template of `agent/screens/templates`, and what it needs."""

    template: str
    values: dict[str, object] = field(default_factory=dict)


Room: TypeAlias = Callable[[tuple[str, ...]], Shown | None]
Offer: TypeAlias = Callable[[], Shown | None]
"""Something that asks for the screen by itself, while it answers a page: a rating, content for an idle screen."""


def words_of(text: str) -> tuple[str, ...] | None:
    """Return the words of a button's `to`; none for "", which is the first page; None when it is malformed."""
    if not text:
        return ()
    words = tuple(text.split("/"))
    return words if len(words) <= _MOST_WORDS and all(map(_WORD.fullmatch, words)) else None
