"""What a notice from headquarters to duty desks may say: a few words in one or both languages, for some days. Pure.

It stands in the clear at every station and in every journal: nothing of anybody belongs into it.
"""

import re
from typing import Final

from common.plain_text import Problem

LONGEST: Final = 200
"""Most characters of each language."""

MOST_DAYS: Final = 30
"""Longest a notice stands, in days."""

# Dates and the numbers of offices may stand there; a mobile number and a resident's number belong to somebody.
_MOBILE: Final = re.compile(r"(?<!\d)(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)", re.ASCII)
_RESIDENT: Final = re.compile(
    r"(?<!\d)\d{6}[ -]?(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[ -]?\d{3}[\dXx](?!\d)", re.ASCII
)


def problems(zh: str, en: str) -> dict[str, Problem]:
    """Return what is wrong with the words of a notice, by language; both may not be missing."""
    found: dict[str, Problem] = {}
    for language, text in (("zh", zh), ("en", en)):
        if len(text) > LONGEST:
            found[language] = "too_long"
        elif not text.isprintable():
            found[language] = "wrong"
        elif _MOBILE.search(text) or _RESIDENT.search(text):
            found[language] = "personal"
    if not zh.strip() and not en.strip():
        found["zh"] = "missing"
    return found
