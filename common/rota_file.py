"""The file in which a city writes its rota; `config/rota.toml` is the commented example."""

from collections.abc import Sequence
from pathlib import Path

from common.rota import (
    MOST_DAYS,
    MOST_EXCEPTIONS,
    MOST_SHIFTS,
    MOST_TEAMS,
    Rota,
    RotaException,
    Shift,
    Team,
    faults,
)
from common.settings import Section, Settings

_SIGN = r"\S"
_TEAM = r"\S{1,8}"
_A_SIGN = "one character"
_A_TEAM = "a name of 1 to 8 characters, without spaces"


def load(file: Path) -> Rota:
    """Read a rota; raises SettingsError with every mistake at once.

    What single keys cannot tell (an instant with no team, or with two) is looked at once each of them is right.
    """
    return _read(Settings.read(file))


def parse(text: str) -> Rota:
    """Read what such a file says, as `load` does."""
    return _read(Settings.parse(text, Path("rota.toml")))


def _read(settings: Settings) -> Rota:
    root = settings.root
    rota = Rota(
        pattern=root.text(
            "pattern", pattern=rf"\S{{1,{MOST_DAYS}}}", expected=f"one sign a day, 1 to {MOST_DAYS} of them"
        ),
        rest=root.text("rest", default="休", pattern=_SIGN, expected=_A_SIGN),
        anchor=root.day("anchor"),
        shifts=tuple(_shift(section) for section in _some(root, "shift", MOST_SHIFTS)),
        teams=tuple(_team(section) for section in _some(root, "team", MOST_TEAMS)),
        exceptions=tuple(_exception(section) for section in _some(root, "exception", MOST_EXCEPTIONS, least=0)),
    )
    if not settings.mistakes:
        for fault in faults(rota):
            root.mistake(fault.key, found=fault.found, expected=fault.expected)
    settings.finish()
    return rota


def _some(root: Section, name: str, most: int, *, least: int = 1) -> Sequence[Section]:
    sections = root.sections(name, least=least)
    if len(sections) > most:
        root.mistake(name, found=f"{len(sections)} tables", expected=f"at most {most}")
    return sections


def _shift(section: Section) -> Shift:
    return Shift(
        sign=section.text("sign", pattern=_SIGN, expected=_A_SIGN),
        zh=section.text("zh", pattern=r".{1,24}", expected="1 to 24 characters"),
        en=section.text("en", pattern=r".{1,24}", expected="1 to 24 characters"),
        starts=section.text(
            "starts", pattern=r"([01][0-9]|2[0-3]):[0-5][0-9]", expected="a time of the day, such as 08:00"
        ),
    )


def _team(section: Section) -> Team:
    return Team(
        name=section.text("name", pattern=_TEAM, expected=_A_TEAM),
        offset=section.whole("offset", default=0, least=0, most=MOST_DAYS - 1),
    )


def _exception(section: Section) -> RotaException:
    first = section.day("first")
    return RotaException(
        first=first,
        last=section.day("last", default=first),
        shift=section.optional_text("shift", pattern=_SIGN, expected=_A_SIGN),
        team=section.optional_text("team", pattern=_TEAM, expected=_A_TEAM),
        swap=section.texts("swap", default=()),
    )
