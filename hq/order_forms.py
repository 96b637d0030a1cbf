"""What somebody at headquarters fills in to order something: checked whole, every wrong field told at once. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypeAlias, TypeVar

from common import notice, ordered_settings, rota_file
from common.clock import rfc3339
from common.events.desk import RotaSet
from common.events.errands import DispatchSent, NoticeSent
from common.events.journal import SettingsSet
from common.plain_text import problem_of_code
from common.settings import Mistake, SettingsError
from sync.topics import STATION_ID

Problem: TypeAlias = Literal["missing", "too_long", "wrong", "personal", "unknown"]
"""As of plain text (`common.plain_text`); unknown: no such station, or one that is revoked."""

MOST_MINUTES: Final = 24 * 60
"""Longest that a dispatch may wait to be received."""

_DAY_MS: Final = 24 * 3600 * 1000
_MOST_DIGITS: Final = 4

_Read = TypeVar("_Read")


class WrongOrderError(ValueError):
    """A form that orders nothing: what is wrong with which of its fields, `of_file`: with the file it brings."""

    def __init__(self, mistakes: Mapping[str, Problem], of_file: Sequence[Mistake] = ()) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in mistakes.items()))
        self.mistakes = dict(mistakes)
        self.of_file = tuple(of_file)


def dispatch(form: Mapping[str, str], now_ms: int) -> tuple[str, DispatchSent]:
    """Return to which station, and what; raises WrongOrderError."""
    typed = {name: form.get(name, "").strip() for name in ("station", "service", "reference", "grid", "within")}
    mistakes: dict[str, Problem] = {}
    if problem := _station(typed["station"]):
        mistakes["station"] = problem
    for name in ("service", "reference", "grid"):
        if (typed[name] or name != "grid") and (of_code := problem_of_code(typed[name])) is not None:
            mistakes[name] = of_code
    minutes = _whole(typed["within"], most=MOST_MINUTES)
    if minutes is None:
        mistakes["within"] = "wrong" if typed["within"] else "missing"
    if mistakes or minutes is None:
        raise WrongOrderError(mistakes)
    return typed["station"], DispatchSent(
        service=typed["service"],
        reference=typed["reference"],
        grid=typed["grid"] or None,
        priority="urgent" if form.get("urgent") == "yes" else "normal",
        expires=rfc3339(now_ms + minutes * 60_000),
    )


def notice_to(form: Mapping[str, str], notice_id: str, now_ms: int) -> tuple[tuple[str, ...] | None, NoticeSent]:
    """Return to which stations, None for all, and what; raises WrongOrderError."""
    zh, en, days = (form.get(name, "").strip() for name in ("zh", "en", "days"))
    mistakes: dict[str, Problem] = dict(notice.problems(zh, en))
    stations = _stations(form, mistakes)
    standing = _whole(days, most=notice.MOST_DAYS)
    if standing is None:
        mistakes["days"] = "wrong" if days else "missing"
    if mistakes or standing is None:
        raise WrongOrderError(mistakes)
    return stations, NoticeSent(
        notice=notice_id,
        zh=zh,
        en=en,
        must_read=form.get("must_read") == "yes",
        expires=rfc3339(now_ms + standing * _DAY_MS),
    )


def rota_to(form: Mapping[str, str]) -> tuple[tuple[str, ...] | None, RotaSet]:
    """Return to which stations, None for all, and what; raises WrongOrderError."""
    stations, rota = _file_to(form, rota_file.parse)
    return stations, RotaSet(rota=rota)


def settings_to(form: Mapping[str, str]) -> tuple[tuple[str, ...] | None, SettingsSet]:
    """Return to which stations, None for all, and what; raises WrongOrderError."""
    stations, ordered = _file_to(form, ordered_settings.parse)
    return stations, SettingsSet(settings=ordered)


def _file_to(form: Mapping[str, str], parse: Callable[[str], _Read]) -> tuple[tuple[str, ...] | None, _Read]:
    mistakes: dict[str, Problem] = {}
    stations = _stations(form, mistakes)
    try:
        read = parse(form.get("file", ""))
    except SettingsError as error:
        mistakes["file"] = "wrong"
        raise WrongOrderError(mistakes, error.mistakes) from None
    if mistakes:
        raise WrongOrderError(mistakes)
    return stations, read


def _stations(form: Mapping[str, str], mistakes: dict[str, Problem]) -> tuple[str, ...] | None:
    if form.get("to") == "all":
        return None
    stations = tuple(dict.fromkeys(form.get("stations", "").replace(",", " ").replace("，", " ").split()))
    if not stations:
        mistakes["stations"] = "missing"
    elif any(_station(one) for one in stations):
        mistakes["stations"] = "wrong"
    return stations


def _station(text: str) -> Problem | None:
    if not text:
        return "missing"
    return None if STATION_ID.fullmatch(text) else "wrong"


def _whole(text: str, *, most: int) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        return None
    return int(text) if 1 <= int(text) <= most else None
