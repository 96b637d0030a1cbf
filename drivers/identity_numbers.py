"""Citizen identity numbers after GB 11643-1999: what makes one impossible, and what may only be remarked.

Seventeen digits (region 6, birth date 8, serial 3, odd for a male) and a check character, MOD 11-2 of ISO/IEC 7064.
Permits of residents of Hong Kong, Macau and Taiwan (81, 82, 83) and the permanent residents' cards of 2023 (9, their
region, nationality) have numbers of the same shape.
"""

import re
from datetime import date
from typing import Literal, TypeAlias

Mistake: TypeAlias = Literal["shape", "check_character", "birth_date", "born_in_future"]
Holder: TypeAlias = Literal["resident", "permit", "permanent_resident", "unknown_region"]
Contradiction: TypeAlias = Literal["birth", "sex"]

_SHAPE = re.compile(r"[0-9]{17}[0-9X]", re.ASCII)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = "10X98765432"
_BIRTH = slice(6, 14)
_SEX = 16
# GB/T 2260, first two digits, first and last of each part of the country; 71 is Taiwan. Counties come and go, so
# nothing finer is looked at.
_PROVINCES = frozenset(
    str(code)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71))
    for code in range(first, last + 1)
)
_PERMITS = frozenset({"81", "82", "83"})


def check_character(first: str) -> str:
    """Return the eighteenth character for the first seventeen digits (ISO/IEC 7064, MOD 11-2)."""
    return _CHECK_CHARACTERS[sum(int(digit) * weight for digit, weight in zip(first, _WEIGHTS, strict=True)) % 11]


def mistake(number: str, *, today: date | None) -> Mistake | None:
    """Return why `number` cannot be anybody's, or None.

    `today` None: no clock is trusted, and nobody is said to be born in the future.
    """
    if not _SHAPE.fullmatch(number):
        return "shape"
    if check_character(number[:17]) != number[17]:
        return "check_character"
    try:
        born = _date(number[_BIRTH])
    except ValueError:
        return "birth_date"
    return "born_in_future" if today is not None and born > today else None


def holder(number: str) -> Holder:
    """Return whose kind of number it looks like. A remark, never a reason to refuse: regions come and go."""
    if number.startswith("9"):
        return "permanent_resident"
    if number[:2] in _PERMITS:
        return "permit"
    return "resident" if number[:2] in _PROVINCES else "unknown_region"


def contradictions(number: str, *, birth: str, sex: str) -> tuple[Contradiction, ...]:
    """Return in what a card's birth date (`YYYYMMDD`) and sex (GB/T 2261.1: 1 male, 2 female) contradict its number.

    Such cards exist and are flagged, never refused. A sex that is unknown or not stated contradicts nothing.
    """
    found: list[Contradiction] = []
    if number[_BIRTH] != birth:
        found.append("birth")
    if sex in ("1", "2") and int(number[_SEX]) % 2 != int(sex) % 2:
        found.append("sex")
    return tuple(found)


def _date(digits: str) -> date:
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
