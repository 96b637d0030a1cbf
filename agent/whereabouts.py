"""Where an officer may have been, by the city's own files: its grids and the places of the ten-minute circle. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from common.patrol import Where
from common.plain_text import Problem, problem_of_code

if TYPE_CHECKING:  # only a station that has such files needs what reads them: memory
    from agent.grid import Table
    from agent.places import Places

MOST: Final = 300
"""Most that are offered on a page; what is not may be typed all the same."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One of them. `code` is what is kept: a grid's code, or a place's name, which stands in the city's file."""

    kind: Where
    code: str
    zh: str
    en: str


def spots(places: "Places | None", grid: "Table | None") -> tuple[Spot, ...]:
    """Return every grid and place of the files, none where there are none."""
    found = [Spot("grid", one.code, one.name_zh, one.name_en) for one in (grid.grids.values() if grid else ())]
    for of_kind in places.by_kind.values() if places else ():
        found += [Spot("place", one.name_zh, one.name_zh, one.name_en) for one in of_kind]
    return tuple(found)


def read(text: str, known: Iterable[Spot]) -> Spot | Problem:
    """Return what a text says: a grid or place of `known`, by code or name, else a code; or what is wrong with it.

    Only what stands in the city's files may have other characters than a code.
    """
    typed = text.strip()
    for spot in known:
        if typed and typed.casefold() in (spot.code.casefold(), spot.zh.casefold(), spot.en.casefold()):
            return spot
    problem = problem_of_code(typed)
    return Spot("code", typed, typed, typed) if problem is None else problem
