"""What somebody at headquarters fills in to order something: checked whole, every wrong field told at once. Pure."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from common import notice
from common.clock import rfc3339
from common.events.errands import DispatchSent, NoticeSent
from common.plain_text import problem_of_code
from sync.topics import STATION_ID

Problem: TypeAlias = Literal["missing", "too_long", "wrong", "personal", "unknown"]
"""As of plain text (`common.plain_text`); unknown: no such station, or one that is revoked."""

MOST_MINUTES: Final = 24 * 60
"""Longest that a dispatch may wait to be received."""

_DAY_MS: Final = 24 * 3600 * 1000
_MOST_DIGITS: Final = 4


class WrongOrderError(ValueError):
    """A form that orders nothing: what is wrong with which of its fields. Nothing that was typed is in here."""

    def __init__(self, mistakes: Mapping[str, Problem]) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in mistakes.items()))
        self.mistakes = dict(mistakes)


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
    stations: tuple[str, ...] | None = None
    if form.get("to") != "all":
        stations = tuple(dict.fromkeys(form.get("stations", "").replace(",", " ").replace("，", " ").split()))
        if not stations:
            mistakes["stations"] = "missing"
        elif any(_station(one) for one in stations):
            mistakes["stations"] = "wrong"
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


def _station(text: str) -> Problem | None:
    if not text:
        return "missing"
    return None if STATION_ID.fullmatch(text) else "wrong"


def _whole(text: str, *, most: int) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        return None
    return int(text) if 1 <= int(text) <= most else None
