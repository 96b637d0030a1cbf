"""The ten-minute circle (十分钟便民服务圈): what is a ten-minute walk from the station, as the city lists it (pure)."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from agent.city_files import Mistake, NamedBytes, Row, Sheet, id_of
from common.catalogue import PLACE_KINDS

COLUMNS: Final = (
    "kind",
    "name_zh",
    "name_en",
    "address_zh",
    "address_en",
    "hours_zh",
    "hours_en",
    "phone",
    "minutes",
    "checked",
)
OPTIONAL: Final = ("address_en", "hours_en", "phone")

MOST_MINUTES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place. `minutes` are on foot; what may be missing is "": `address_en`, `hours_en`, `phone`."""

    id: str
    kind: str
    name_zh: str
    name_en: str
    address_zh: str
    address_en: str
    hours_zh: str
    hours_en: str
    phone: str
    minutes: int
    checked: date


@dataclass(frozen=True, slots=True)
class Places:
    """All places by kind, those of a kind by walking minutes."""

    by_kind: dict[str, tuple[Place, ...]]

    def __len__(self) -> int:
        return sum(map(len, self.by_kind.values()))

    def find(self, kind: str, place: str) -> Place | None:
        """Return a place by its id."""
        return next((found for found in self.by_kind.get(kind, ()) if found.id == place), None)


def read(circle: NamedBytes, *, today: date | None) -> tuple[Places, tuple[Mistake, ...]]:
    """Return the places of a file and its mistakes; nobody uses the places when there are any.

    `today`: None when nobody knows what day it is.
    """
    sheet = Sheet(circle, columns=COLUMNS, optional=OPTIONAL)
    seen: dict[tuple[str, ...], int] = {}
    places = []
    for row in sheet.rows:
        place = _place(row, today)
        key = (place.kind, place.name_zh, place.address_zh)
        if all(key) and key in seen:
            row.mistake("name_zh", expected=f"each place once: it stands in line {seen[key]} already")
        seen.setdefault(key, row.line)
        places.append(place)
    by_kind: dict[str, tuple[Place, ...]] = {
        kind: tuple(sorted(found, key=lambda place: (place.minutes, place.name_zh)))
        for kind in PLACE_KINDS
        if (found := [place for place in places if place.kind == kind])
    }
    return Places(by_kind), sheet.told()


def _place(row: Row, today: date | None) -> Place:
    kind, name_zh = row.choice("kind", PLACE_KINDS), row.text("name_zh", most=24)
    address_zh = row.text("address_zh", most=24)
    return Place(
        id=id_of(kind, name_zh, address_zh),
        kind=kind,
        name_zh=name_zh,
        name_en=row.text("name_en", most=50),
        address_zh=address_zh,
        address_en=row.text("address_en", most=45, optional=True),
        hours_zh=row.text("hours_zh", most=24),
        hours_en=row.text("hours_en", most=45, optional=True),
        phone=row.phone("phone", optional=True),
        minutes=row.whole("minutes", least=1, most=MOST_MINUTES),
        checked=row.day("checked", today=today),
    )
