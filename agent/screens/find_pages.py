"""Finding things without typing: places of the ten-minute circle, and who is responsible for a street or a landmark.

The room `find`, with two doors. `places`: kinds; `places/KIND`; `places/KIND/ID`: one place. `grid`: letters;
`grid/rows/ID`: what is under some of them; `grid/at/ID`: the roles of the grid of one; `grid/at/ID/N`: one contact. A
list goes on at `more/ID`: the page with that entry, so that it is found in whatever language and size that is drawn.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import TypeVar

from agent.city_files import stale
from agent.finding import Finding
from agent.grid import Address, Grid, Table, groups
from agent.places import Places
from agent.screens.paging import Look
from agent.screens.shown import Shown
from agent.visits import Visits
from common.web.languages import DEFAULT

_Entry = TypeVar("_Entry")


class FindPages:
    """The pages of a station's `finding`, made for how the screen of `visits` looks now."""

    def __init__(self, finding: Finding, visits: Visits) -> None:
        self._finding = finding
        self._visits = visits

    def __call__(self, words: tuple[str, ...]) -> Shown | None:
        """Return a page, None where there is none."""
        places, grid = self._finding.places, self._finding.grid
        match words:
            case () if places is not None or grid is not None:
                return Shown("find_root.html")
            case ("places", *rest) if places is not None:
                return self._in_places(places, tuple(rest))
            case ("grid", *rest) if grid is not None:
                return self._in_grid(grid, tuple(rest))
        return None

    # -- the ten-minute circle --------------------------------------------------------------------------------------

    def _in_places(self, places: Places, words: tuple[str, ...]) -> Shown | None:
        match words:
            case () | ("more", _):
                return self._kinds(places, words[1:])
            case (kind,) | (kind, "more", _) if kind in places.by_kind:
                return self._of_kind(places, kind, words[2:])
            case (kind, wanted) if (place := places.find(kind, wanted)) is not None:
                return self._shown(Shown("find_place.html"), place=place)
        return None

    def _kinds(self, places: Places, start: Sequence[str]) -> Shown | None:
        look, kinds = self._look(), list(places.by_kind)
        columns = 2 if look.large and not look.chinese else 3
        pages = look.pages(kinds, [1 if look.chinese else 2] * len(kinds), columns=columns)
        return self._listed(Shown("find_kinds.html"), "find/places", pages, kinds, start, columns=columns)

    def _of_kind(self, places: Places, kind: str, start: Sequence[str]) -> Shown | None:
        look, found = self._look(), places.by_kind[kind]
        lines = [1 + look.lines(place.name_zh if look.chinese else place.name_en, columns=2) for place in found]
        ids = [place.id for place in found]
        pages = look.pages(found, lines, columns=2)
        return self._listed(
            Shown("find_places.html"), f"find/places/{kind}", pages, ids, start, columns=2, of_kind=kind
        )

    # -- the grid ---------------------------------------------------------------------------------------------------

    def _in_grid(self, grid: Table, words: tuple[str, ...]) -> Shown | None:
        match words:
            case () | ("more", _):
                return self._letters(grid, words[1:])
            case ("rows", start):
                return self._rows(grid, start)
            case ("at", wanted) | ("at", wanted, "more", _) if (found := grid.find(wanted)) is not None:
                return self._roles(*found, words[3:])
            case ("at", wanted, number) if (found := grid.find(wanted)) is not None:
                return self._contact(*found, number)
        return None

    def _letters(self, grid: Table, start: Sequence[str]) -> Shown | None:
        look, found = self._look(), self._groups(grid)
        tiles = [(_initial(group[0], look), _initial(group[-1], look), group[0]) for group in found]
        # Whoever does not know the letters of Chinese names reads the first of them; in large words there is no room.
        named = look.chinese and not look.large
        lines = [1 + look.lines(group[0].name_zh, columns=2) if named else 1 for group in found]
        columns = 2 if named else 3
        pages, ids = look.pages(tiles, lines, columns=columns), [group[0].id for group in found]
        return self._listed(Shown("find_letters.html"), "find/grid", pages, ids, start, columns=columns, named=named)

    def _rows(self, grid: Table, start: str) -> Shown | None:
        found = self._groups(grid)
        ids = [address.id for group in found for address in group]
        return self._listed(Shown("find_rows.html"), "find/grid/rows", found, ids, [start], columns=2, on="")

    def _groups(self, grid: Table) -> list[tuple[Address, ...]]:
        """Return what one page of streets and landmarks shows, page after page, in the order of the language."""
        look = self._look()
        in_order: Iterable[Address] = grid.addresses
        if not look.chinese:
            in_order = sorted(in_order, key=lambda address: (address.name_en.casefold(), address.first, address.side))

        def fits(group: tuple[Address, ...]) -> bool:
            return len(look.pages(group, [look.lines(_label(each, look), columns=2) for each in group], columns=2)) == 1

        return groups(in_order, fits)

    def _roles(self, address: Address, grid: Grid, start: Sequence[str]) -> Shown | None:
        look = self._look()
        texts = [contact.role_zh if look.chinese else contact.role_en for contact in grid.contacts]
        columns, phones = look.columns(texts), look.chinese and not look.large
        heading = f"{grid.name_zh if look.chinese else grid.name_en} · {_label(address, look)}"
        lines = [look.lines(text, columns=columns) for text in texts]
        if phones:
            told = [look.lines(contact.phone, columns=columns) for contact in grid.contacts]
            lines = [role + phone for role, phone in zip(lines, told, strict=True)]
        numbered = [(str(number), contact) for number, contact in enumerate(grid.contacts, 1)]
        pages = look.pages(numbered, lines, columns=columns, heading=heading)
        return self._listed(
            Shown("find_roles.html"),
            f"find/grid/at/{address.id}",
            pages,
            [number for number, _ in numbered],
            start,
            columns=columns,
            phones=phones,
            address=address,
            grid=grid,
        )

    def _contact(self, address: Address, grid: Grid, number: str) -> Shown | None:
        if not number.isdecimal() or not 1 <= int(number) <= len(grid.contacts):
            return None
        return self._shown(
            Shown("find_contact.html"), contact=grid.contacts[int(number) - 1], address=address, grid=grid
        )

    # -- what they have in common -----------------------------------------------------------------------------------

    def _look(self) -> Look:
        browse = self._visits.browse
        return Look(browse.language or DEFAULT, browse.large)

    def _listed(
        self,
        page: Shown,
        to: str,
        pages: Sequence[tuple[_Entry, ...]],
        ids: Sequence[str],
        start: Sequence[str],
        *,
        columns: int,
        on: str = "/more",
        **values: object,
    ) -> Shown | None:
        """Return `page` with that part of a list on which the entry `start` is, else the first; `ids`: of all."""
        wanted = ids.index(start[0]) if start and start[0] in ids else 0
        if start and start[0] not in ids:
            return None
        after = 0
        for entries in pages:
            after += len(entries)
            if wanted < after:
                more = f"{to}{on}/{ids[after]}" if after < len(ids) else ""
                return self._shown(page, to=to, entries=entries, columns=columns, more=more, **values)
        return None

    def _shown(self, page: Shown, **values: object) -> Shown:
        today = self._finding.today()

        def unchecked(day: date) -> bool | None:
            return stale(day, today)

        return replace(page, values={"find": values | {"stale": unchecked}})


def _initial(address: Address, look: Look) -> str:
    return address.initial if look.chinese else address.name_en[:1].upper()


def _label(address: Address, look: Look) -> str:
    """Return about as much text as `find_parts.html` writes of an address."""
    if look.chinese:
        return address.name_zh + ("一二三四五六七" if address.first else "")
    return address.name_en + (" Nos. 100–200, even" if address.first else "")
