"""Identity numbers: hard rules, which make a number impossible, and soft labels, which may be wrong and decide nothing.

- Citizens, GB 11643-1999: region 6 digits, birth date 8, serial 3 (odd for a male), check character, MOD 11-2 of
  ISO/IEC 7064. Permits of residents of Hong Kong, Macau and Taiwan (81, 82, 83) have numbers of the same shape.
- Permanent residents, 2023: 9, province 2, nationality in ISO 3166-1 numeric 3, birth date 8, serial 3 (odd for a
  male), MOD 11-2 (National Immigration Administration, 新版外国人永久居留身份证适配性改造要点, table 1).
- Permanent residents, 2017: nationality in ISO 3166-1 alpha-3, region 4 digits, birth date 6 (`YYMMDD`), serial 1,
  check digit over the 14 before it after ICAO Doc 9303-3, 4.9.
- Travel permits to the mainland: H or M and 8 digits (older: 10), HA or MA and 7 for holders of another nationality
  (since 2024), 8 digits for residents of Taiwan. None of them has a check digit, a birth date or a sex.

Regions come and go, and the parts of the number of 2017 are in no published standard: they label and never refuse.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from string import ascii_letters, digits
from typing import Literal, TypeAlias

from drivers import check_digits
from drivers.identity import Kind
from drivers.short_dates import born, full_date

Rule: TypeAlias = Literal["shape", "check_character", "birth_date", "born_in_future"]
"""A hard rule that a number breaks.

shape: of no kind of number known here. check_character: the last character is not what the others ask for.
birth_date: no day of the calendar. born_in_future: after today.
"""
Sex: TypeAlias = Literal["m", "f"]
Contradiction: TypeAlias = Literal["birth", "sex"]

_CITIZEN = re.compile(r"[0-9]{17}[0-9X]", re.ASCII)
_RESIDENT_2017 = re.compile(r"[A-Z]{3}[0-9]{12}", re.ASCII)
_TRAVEL_PERMIT = re.compile(r"[HM](?:[0-9]{8}|[0-9]{10}|A[0-9]{7})|[0-9]{8}", re.ASCII)
_CITIZEN_LENGTH = 18
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = "10X98765432"
_BIRTH = slice(6, 14)
_BIRTH_2017 = slice(7, 13)
_SEX = 16
# Small letters, and full-width digits and letters as a Chinese input method gives them.
_PRINTED = {ord(letter) + wide: letter.upper() for letter in ascii_letters + digits for wide in (0, 0xFEE0)}
_HONG_KONG, _MACAU, _TAIWAN = "香港特别行政区", "澳门特别行政区", "台湾省"
# GB/T 2260, the first two digits. Counties come and go, so nothing finer is looked at. 83 is a residence permit's.
_PROVINCES: Mapping[str, str] = {
    "11": "北京市",
    "12": "天津市",
    "13": "河北省",
    "14": "山西省",
    "15": "内蒙古自治区",
    "21": "辽宁省",
    "22": "吉林省",
    "23": "黑龙江省",
    "31": "上海市",
    "32": "江苏省",
    "33": "浙江省",
    "34": "安徽省",
    "35": "福建省",
    "36": "江西省",
    "37": "山东省",
    "41": "河南省",
    "42": "湖北省",
    "43": "湖南省",
    "44": "广东省",
    "45": "广西壮族自治区",
    "46": "海南省",
    "50": "重庆市",
    "51": "四川省",
    "52": "贵州省",
    "53": "云南省",
    "54": "西藏自治区",
    "61": "陕西省",
    "62": "甘肃省",
    "63": "青海省",
    "64": "宁夏回族自治区",
    "65": "新疆维吾尔自治区",
    "71": _TAIWAN,
    "81": _HONG_KONG,
    "82": _MACAU,
    "83": _TAIWAN,
}
_PERMITS = frozenset({"81", "82", "83"})
_TRAVELLERS = {"H": _HONG_KONG, "M": _MACAU}


@dataclass(frozen=True, slots=True, repr=False)
class Checked:
    """What a number says.

    `failed`: every hard rule it breaks that could be looked at, in the order of `Rule`; none when it is `valid`. The
    others are labels, given as far as they can be read even of an invalid number: `kind` None when it has no shape;
    `birth` in ISO 8601; `region` as GB/T 2260 names the province. Shown without birth, sex and region.
    """

    valid: bool
    kind: Kind | None
    birth: str | None
    sex: Sex | None
    region: str | None
    failed: tuple[Rule, ...]

    def __repr__(self) -> str:
        return f"<Checked number of a {self.kind}: {', '.join(self.failed) or 'valid'}>"


def normalised(typed: str) -> str:
    """Return a number as it is printed, for one that a person typed.

    White space anywhere is dropped, small letters and full-width ones become what they mean. Nothing else is mended:
    an O for a 0 is a mistake.
    """
    return "".join(typed.split()).translate(_PRINTED)


def check(number: str, *, today: date | None) -> Checked:
    """Check a number of any kind, as a person typed it.

    `today` None: no clock is trusted, nobody is said to be born in the future, and a birth year of two digits stays
    unknown.
    """
    number = normalised(number)
    if _RESIDENT_2017.fullmatch(number):
        birth = born(number[_BIRTH_2017], today) if today is not None else None
        return _checked(_failed_2017(number), "permanent_resident_2017", birth, None, _PROVINCES.get(number[3:5]))
    if _TRAVEL_PERMIT.fullmatch(number):
        return _checked((), "travel_permit", None, None, _TRAVELLERS.get(number[0], _TAIWAN))
    failed = _failed(number, today)
    if not _CITIZEN.fullmatch(number):
        return _checked(failed, None, None, None, None)
    kind = _kind(number)
    region = _PROVINCES.get(number[1:3] if kind == "permanent_resident_2023" else number[:2])
    return _checked(failed, kind, full_date(number[_BIRTH]), "m" if int(number[_SEX]) % 2 else "f", region)


def check_character(first: str) -> str:
    """Return the eighteenth character for the first seventeen digits (ISO/IEC 7064, MOD 11-2)."""
    return _CHECK_CHARACTERS[sum(int(digit) * weight for digit, weight in zip(first, _WEIGHTS, strict=True)) % 11]


def mistake(number: str, *, today: date | None) -> Rule | None:
    """Return why `number`, of eighteen characters, cannot be anybody's, or None.

    For what a machine reads: nothing is normalised. `today` None: nobody is said to be born in the future.
    """
    return next(iter(_failed(number, today)), None)


def mistake_2017(number: str) -> Rule | None:
    """Return why `number` cannot be that of a permanent resident's card of 2017, or None."""
    return next(iter(_failed_2017(number)), None)


def contradictions(number: str, *, birth: str, sex: str) -> tuple[Contradiction, ...]:
    """Return in what a card's birth date (`YYYYMMDD`) and sex (GB/T 2261.1: 1 male, 2 female) contradict its number.

    `number` is one in which `mistake` or `mistake_2017` finds none; the latter tells no sex. Cards that contradict
    themselves exist and are flagged, never refused. A sex that is unknown or not stated contradicts nothing.
    """
    if _RESIDENT_2017.fullmatch(number):
        return () if number[_BIRTH_2017] == birth[2:] else ("birth",)
    found: list[Contradiction] = []
    if number[_BIRTH] != birth:
        found.append("birth")
    if sex in ("1", "2") and int(number[_SEX]) % 2 != int(sex) % 2:
        found.append("sex")
    return tuple(found)


def _checked(
    failed: tuple[Rule, ...], kind: Kind | None, birth: date | None, sex: Sex | None, region: str | None
) -> Checked:
    iso = None if birth is None else birth.isoformat()
    return Checked(valid=not failed, kind=kind, birth=iso, sex=sex, region=region, failed=failed)


def _failed(number: str, today: date | None) -> tuple[Rule, ...]:
    """Look at eighteen characters; of a wrong shape, at what still stands where it belongs."""
    failed: list[Rule] = []
    if not _CITIZEN.fullmatch(number):
        failed.append("shape")
    if len(number) != _CITIZEN_LENGTH:
        return tuple(failed)
    if _are_digits(number[:17]) and check_character(number[:17]) != number[17]:
        failed.append("check_character")
    if _are_digits(number[_BIRTH]):
        day = full_date(number[_BIRTH])
        if day is None:
            failed.append("birth_date")
        elif today is not None and day > today:
            failed.append("born_in_future")
    return tuple(failed)


def _failed_2017(number: str) -> tuple[Rule, ...]:
    if not _RESIDENT_2017.fullmatch(number):
        return ("shape",)
    return () if check_digits.of(number[:14]) == number[14] else ("check_character",)


def _kind(number: str) -> Kind:
    if number.startswith("9"):
        return "permanent_resident_2023"
    return "residence_permit" if number[:2] in _PERMITS else "resident"


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()
