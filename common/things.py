"""What a station lends and what is handed in there, as data: `things.toml`, or a city's own copy of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from common.settings import Section, Settings

DEFAULT: Final = Path(__file__).with_name("things.toml")
"""What comes with this; a city names its own."""

MOST: Final = 40
"""Most of each list: one page shows them all."""

_CODE: Final = r"[a-z][a-z0-9-]{0,31}"
_YEAR_H: Final = 365 * 24
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A code and what people call it."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing(Named):
    """Something to lend. `hours` until it is overdue, 0: never; `contact`: only to somebody with a walk-in record."""

    hours: int
    contact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """Both lists by code, in the file's order; what is found is kept for `found_days`."""

    version: str
    lent: dict[str, Thing]
    found: dict[str, Named]
    found_days: int


def load(file: Path = DEFAULT) -> Things:
    """Read the file. Raises SettingsError with every mistake at once."""
    settings = Settings.read(file)
    root = settings.root
    things = Things(
        version=root.text("version", pattern=r"[0-9A-Za-z.-]{1,32}", expected="1 to 32 letters, digits, . and -"),
        lent=_by_code(root, "thing", _thing),
        found=_by_code(root, "found", lambda section, code: Named(code=code, **_names(section))),
        found_days=root.whole("found_days", default=20, least=1, most=365),
    )
    settings.finish()
    return things


def _by_code(root: Section, name: str, read: Callable[[Section, str], _Item]) -> dict[str, _Item]:
    items: dict[str, _Item] = {}
    sections = root.sections(name)
    if len(sections) > MOST:
        root.mistake(name, found=f"{len(sections)} tables", expected=f"at most {MOST}")
    for section in sections:
        code = section.text("code", pattern=_CODE, expected="1 to 32 of a-z, 0-9 and -, beginning with a letter")
        if code and code in items:
            section.mistake("code", found=f'"{code}" a second time', expected="a code of its own")
        items[code] = read(section, code)
    return items


def _thing(section: Section, code: str) -> Thing:
    return Thing(
        code=code,
        **_names(section),
        hours=section.whole("hours", default=0, least=0, most=_YEAR_H),
        contact=section.flag("contact", default=False),
    )


def _names(section: Section) -> dict[str, str]:
    return {
        "zh": section.text("zh", pattern=r"[^\x00-\x1f]{1,24}", expected="1 to 24 characters"),
        "en": section.text("en", pattern=r"[^\x00-\x1f]{1,40}", expected="1 to 40 characters"),
    }
