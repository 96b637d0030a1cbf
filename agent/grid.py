"""The city's grid (网格化): from an address or a landmark to its grid, and to who works there in which role (pure).

Two files, as two people in a city keep them: `addresses` says which part of which street, or which landmark, lies in
which grid; `contacts` who is responsible there, about ten roles a grid. They are checked together.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

from agent.city_files import Mistake, NamedBytes, Row, Sheet, id_of

ADDRESS_COLUMNS: Final = ("kind", "name_zh", "name_en", "initial", "from", "to", "side", "grid")
ADDRESS_OPTIONAL: Final = ("initial", "from", "to", "side")
CONTACT_COLUMNS: Final = ("grid", "grid_zh", "grid_en", "role_zh", "role_en", "name", "phone", "checked")
CONTACT_OPTIONAL: Final = ("name",)

MOST_ROLES: Final = 12
"""Most contacts of one grid: one page shows them all."""

_KINDS: Final = ("street", "landmark")
_SIDES: Final = {"odd": 1, "even": 0}
_HIGHEST: Final = 99_999
_GRID: Final = (r"[A-Za-z0-9-]{1,32}", "1 to 32 letters, digits and -")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Who is responsible for a grid in one role; `name` is "" where the city names nobody."""

    role_zh: str
    role_en: str
    name: str
    phone: str
    checked: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """One grid and its contacts, in the file's order."""

    code: str
    name_zh: str
    name_en: str
    contacts: tuple[Contact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A landmark, or a part of a street, in the grid of that code.

    `first` to `last` are house numbers, both 0 for a whole street or a landmark; `last` is 0 for all from `first` on.
    `side` is `odd`, `even` or "" for both. `initial`: the letter under which it is looked up.
    """

    id: str
    name_zh: str
    name_en: str
    initial: str
    first: int
    last: int
    side: str
    grid: str


@dataclass(frozen=True, slots=True)
class Table:
    """Every address by initial and name, and the grids they lie in by code."""

    addresses: tuple[Address, ...]
    grids: dict[str, Grid]

    def __len__(self) -> int:
        return len(self.addresses)

    def find(self, address: str) -> tuple[Address, Grid] | None:
        """Return an address by its id, and its grid."""
        return next(((found, self.grids[found.grid]) for found in self.addresses if found.id == address), None)


def read(addresses: NamedBytes, contacts: NamedBytes, *, today: date | None) -> tuple[Table, tuple[Mistake, ...]]:
    """Return the table of two files, and their mistakes; nobody uses it when there are any.

    `today`: None when nobody knows what day it is.
    """
    who = Sheet(contacts, columns=CONTACT_COLUMNS, optional=CONTACT_OPTIONAL)
    where = Sheet(addresses, columns=ADDRESS_COLUMNS, optional=ADDRESS_OPTIONAL)
    grids = _grids(who, today)
    found = [(row, _address(row)) for row in where.rows]
    if who.whole:
        for row, address in found:
            if address.grid and address.grid not in grids:
                row.mistake("grid", expected=f"a grid of {who.file}")
    _check_streets(found)
    in_order = sorted((address for _, address in found), key=_order)
    used = {address.grid for address in in_order}
    return Table(tuple(in_order), {code: grids[code] for code in grids if code in used}), where.told() + who.told()


def groups(addresses: Iterable[Address], fits: Callable[[tuple[Address, ...]], bool]) -> list[tuple[Address, ...]]:
    """Return addresses in groups that fit, in their order; the parts of a street stay together where they fit."""
    found: list[tuple[Address, ...]] = []
    for _, street in groupby(addresses, key=lambda address: address.name_zh):
        whole = tuple(street)
        for part in [whole] if fits(whole) else _parts(whole, fits):
            if found and fits(found[-1] + part):
                found[-1] += part
            else:
                found.append(part)
    return found


def _parts(street: tuple[Address, ...], fits: Callable[[tuple[Address, ...]], bool]) -> list[tuple[Address, ...]]:
    parts: list[tuple[Address, ...]] = []
    for address in street:
        if parts and fits((*parts[-1], address)):
            parts[-1] += (address,)
        else:
            parts.append((address,))
    return parts


def _order(address: Address) -> tuple[str, str, str, int, str]:
    return address.initial, address.name_en.casefold(), address.name_zh, address.first, address.side


def _grids(sheet: Sheet, today: date | None) -> dict[str, Grid]:
    grids: dict[str, Grid] = {}
    lines: dict[tuple[str, ...], int] = {}
    for row in sheet.rows:
        code = row.code("grid", _GRID[0], expected=_GRID[1])
        name_zh, name_en = row.text("grid_zh", most=12), row.text("grid_en", most=24)
        contact = Contact(
            role_zh=row.text("role_zh", most=10),
            role_en=row.text("role_en", most=28),
            name=row.text("name", most=20, optional=True),
            phone=row.phone("phone"),
            checked=row.day("checked", today=today),
        )
        known = grids.get(code, Grid(code=code, name_zh=name_zh, name_en=name_en, contacts=()))
        for column, here, before in (("grid_zh", name_zh, known.name_zh), ("grid_en", name_en, known.name_en)):
            if here and before and here != before:
                row.mistake(column, expected=f"the name that grid {code} has in a line before, {before}")
        if len(known.contacts) >= MOST_ROLES:
            row.mistake("grid", expected=f"at most {MOST_ROLES} contacts of a grid: this is one more")
        key = (code, contact.role_zh, contact.name, contact.phone)
        if key in lines:
            row.mistake("role_zh", expected=f"each contact once: it stands in line {lines[key]} already")
        lines.setdefault(key, row.line)
        grids[code] = Grid(
            code=code,
            name_zh=known.name_zh or name_zh,
            name_en=known.name_en or name_en,
            contacts=(*known.contacts, contact),
        )
    return grids


def _address(row: Row) -> Address:
    kind = row.choice("kind", _KINDS)
    name_zh, name_en = row.text("name_zh", most=16), row.text("name_en", most=40)
    first = last = 0
    side = ""
    if kind == "landmark":
        for column in ("from", "to", "side"):
            if row.has(column):
                row.mistake(column, expected="nothing: house numbers are of streets")
    else:
        first, last, side = _numbers(row)
    return Address(
        id=id_of(name_zh, first, last, side),
        name_zh=name_zh,
        name_en=name_en,
        initial=_initial(row, name_en),
        first=first,
        last=last,
        side=side,
        grid=row.code("grid", _GRID[0], expected=_GRID[1]),
    )


def _numbers(row: Row) -> tuple[int, int, str]:
    """Return the house numbers of a part of a street: first, last (0: and all above) and side; (0, 0, "") for all."""
    if not row.has("from"):
        for column in ("to", "side"):
            if row.has(column):
                row.mistake(column, expected="nothing, or a first number in the column from")
        return 0, 0, ""
    first = row.whole("from", least=1, most=_HIGHEST)
    last = row.whole("to", least=1, most=_HIGHEST) if row.has("to") else 0
    if last and last < first:
        row.mistake("to", expected=f"{first} or more, or nothing for all numbers from {first} on")
    return first, last, row.choice("side", tuple(_SIDES)) if row.has("side") else ""


def _initial(row: Row, name_en: str) -> str:
    """Return the letter under which a name is looked up: the city's, else the first one of its English name."""
    if row.has("initial"):
        return row.code("initial", "[A-Za-z]", expected="one letter, A to Z").upper()
    letter = name_en[:1].upper()
    if name_en and not ("A" <= letter <= "Z"):
        row.mistake("name_en", expected="a first letter A to Z, or one in the column initial")
    return letter


def _check_streets(found: list[tuple[Row, Address]]) -> None:
    """Note what is said twice, or differently, of one street or landmark."""
    by_name: dict[str, list[tuple[Row, Address]]] = {}
    for row, address in found:
        if address.name_zh:
            by_name.setdefault(address.name_zh, []).append((row, address))
    for entries in by_name.values():
        above, one = entries[0]
        for row, other in entries[1:]:
            if one.name_en and other.name_en and one.name_en != other.name_en:
                row.mistake("name_en", expected=f"what line {above.line} calls it, {one.name_en}")
            elif one.initial and other.initial and one.initial != other.initial:
                row.mistake("initial", expected=f"the letter of line {above.line}, {one.initial}")
        twice = _meeting(entries, _SIDES["odd"]) | _meeting(entries, _SIDES["even"])
        for row, line in twice.items():
            if row.has("from"):
                row.mistake("from", expected=f"house numbers that are not in line {line} already")
            else:
                row.mistake("name_zh", expected=f"each name once, or parts of a street: it is in line {line} already")


def _meeting(entries: list[tuple[Row, Address]], rest: int) -> dict[Row, int]:
    """Return the rows with an odd (`rest` 1) or even number that a line above or below has too, and that line."""
    spans = []
    for row, address in entries:
        if not address.side or _SIDES[address.side] == rest:
            last = address.last or _HIGHEST
            spans.append((address.first + (address.first + rest) % 2, last - (last + rest) % 2, row.line, row))
    found: dict[Row, int] = {}
    furthest, before = -1, None
    for first, last, _line, row in sorted(span for span in spans if span[0] <= span[1]):
        if before is not None and first <= furthest:
            later, earlier = (row, before) if row.line > before.line else (before, row)
            found.setdefault(later, earlier.line)
        if last > furthest:
            furthest, before = last, row
    return found
