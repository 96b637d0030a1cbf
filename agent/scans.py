"""The ticket that was scanned last: a record's number, shown to the desk for a minute. In memory only.

A scanner's text is a stranger's: what is no record's number is forgotten at once.
"""

import re
from collections.abc import Callable
from typing import Final

SHOWN_S: Final = 60
"""How long the desk is shown what was scanned (seconds)."""

_NS: Final = 1_000_000_000
_NUMBER: Final = re.compile(r"[A-Z0-9]{2,8}-[0-9]{8}-[0-9]{4,8}", re.ASCII)  # as of record.opened (`common.events`)


class Scans:
    """Hand `code` to the scanner; `changed()` is called when `number` is another. `mono_ns` is CLOCK_BOOTTIME."""

    def __init__(self, mono_ns: Callable[[], int], changed: Callable[[], None]) -> None:
        self._mono_ns = mono_ns
        self._changed = changed
        self._number = ""
        self._at_ns = 0

    def code(self, text: str) -> None:
        """Take what was scanned."""
        if _NUMBER.fullmatch(text):
            self._number, self._at_ns = text, self._mono_ns()
            self._changed()

    @property
    def number(self) -> str | None:
        """The number scanned within the last minute, of a record that may be any station's, or nobody's."""
        if self._number and self._mono_ns() - self._at_ns >= SHOWN_S * _NS:
            self._number = ""
        return self._number or None
