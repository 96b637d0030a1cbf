"""What may be written in plain, where nothing is sealed: codes and a few words, and nobody's number. Pure."""

import re
from typing import Final, Literal, TypeAlias

Problem: TypeAlias = Literal["missing", "too_long", "wrong", "personal"]
"""missing, too_long, wrong: not written as it must be; personal: somebody's number."""

_CODE: Final = re.compile(r"[0-9A-Za-z._/-]{1,64}", re.ASCII)
_RECORD_NUMBER: Final = re.compile(r"[A-Z0-9]{2,8}-[0-9]{8}-[0-9]{4,8}", re.IGNORECASE)
# Seven digits, however they are grouped, are somebody's telephone or document.
_SOMEBODYS_NUMBER: Final = re.compile(r"(?:\d[\s.\-]?){7}")
# In a code, which may have any digits, only what looks like the two that everybody has: a mobile number of China, and
# a resident's number (GB 11643-1999: six digits of a region, eight of a birthday, three, a check character).
_MOBILE: Final = re.compile(r"(?:\+?86)?1[3-9][0-9]{9}", re.ASCII)
_RESIDENT: Final = re.compile(r"[0-9]{6}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]")


def problem_of(text: str, *, most: int) -> Problem | None:
    """Tell what is wrong with a few words written in plain, of at most `most` characters; None when nothing is."""
    if not text:
        return "missing"
    if len(text) > most:
        return "too_long"
    if not text.isprintable():
        return "wrong"
    return "personal" if _SOMEBODYS_NUMBER.search(_RECORD_NUMBER.sub("", text)) else None


def problem_of_code(text: str) -> Problem | None:
    """Tell what is wrong with a code written in plain; None when nothing is."""
    if not text:
        return "missing"
    if not _CODE.fullmatch(text):
        return "wrong"
    digits = text.replace("-", "").replace(".", "")
    return "personal" if _MOBILE.fullmatch(digits) or _RESIDENT.fullmatch(digits) else None
