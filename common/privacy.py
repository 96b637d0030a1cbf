"""Masking: what a screen may show of a person. It happens here, in the server; what is hidden never leaves it.

Each of these takes what somebody typed or a card said, and never fails: what it does not recognise it hides.
"""

import re
import unicodedata

_STAR = "*"
_SHORTEST_NUMBER = 6
"""A number with fewer characters is hidden whole: its ends would be a third of it or more."""

_MOBILE = re.compile(r"(?:(?:\+|00)?86)?(1\d{10})", re.ASCII)
"""A mobile number of China: 11 digits that begin with 1 (its numbering plan, as the ITU lists it), perhaps after 86."""

_SHORTEST_PHONE = 8
_HIDDEN_IN_A_MOBILE = range(3, 7)


def mask_name(name: str) -> str:
    """Return the first character of a name and one star: 张*, whatever follows and however long it is.

    One rule for every script: 买买提·艾力 is 买*, John Smith is J*. A character keeps the marks that belong to it
    (accents, the variation selectors of rare characters: Unicode, section 23.4), or it would be another one.
    """
    text = name.strip()
    if not text:
        return ""
    end = 1
    while end < len(text) and unicodedata.category(text[end]) in {"Mn", "Mc", "Me"}:
        end += 1
    return text[:end] + _STAR


def mask_number(number: str) -> str:
    """Return the first and the last character of a document's number, a star for each between: 1****************2."""
    text = "".join(number.split())
    if len(text) < _SHORTEST_NUMBER:
        return _STAR * len(text)
    return text[0] + _STAR * (len(text) - 2) + text[-1]


def mask_phone(phone: str) -> str:
    """Return 138****5678 of a mobile number, however it was spaced; of any other the last two digits only."""
    text = "".join(c for c in unicodedata.normalize("NFKC", phone) if c.isascii() and (c.isdigit() or c == "+"))
    mobile = _MOBILE.fullmatch(text)
    if mobile:
        digits = mobile[1]
        return digits[:3] + _STAR * 4 + digits[-4:]
    digits = text.replace("+", "")
    shown = 2 if len(digits) >= _SHORTEST_PHONE else 0
    return _STAR * (len(digits) - shown) + digits[len(digits) - shown :]


def mask_typed_phone(digits: str) -> str:
    """Return a telephone number as its owner sees it while typing: 138***9, and in the end 138****5678.

    The newest digit is always shown, or nobody could tell a slip of the finger.
    """
    newest = len(digits) - 1
    return "".join(
        _STAR if place in _HIDDEN_IN_A_MOBILE and place != newest else digit for place, digit in enumerate(digits)
    )
