"""Where everything stands in the machine readable zones of ICAO Doc 9303: parts 4 (TD3), 5 (TD1), 6 (TD2), 7 (MRV)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

Format: TypeAlias = Literal["TD1", "TD2", "TD3", "MRV-A", "MRV-B"]
Part: TypeAlias = Literal[
    "document_code",
    "issuer",
    "names",
    "number",
    "number_check",
    "nationality",
    "birth",
    "birth_check",
    "sex",
    "valid_to",
    "valid_to_check",
    "optional",
    "optional_check",
    "optional_2",
    "composite_check",
]


class Place(NamedTuple):
    """Characters of one line, counted from 0; `end` is the first that no longer belongs."""

    line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Layout:
    """One format: `lines` lines of `width` characters, and what stands where.

    `composite`: what the last check digit is taken over, in this order; empty where there is none. `long_numbers`: a
    document number of over nine characters goes on in `optional`.
    """

    format: Format
    lines: int
    width: int
    parts: Mapping[Part, Place]
    composite: tuple[Place, ...]
    long_numbers: bool

    def places(self) -> Iterator[tuple[Part, Place, int]]:
        """Yield every character's part, the part's place, and the column."""
        for part, place in self.parts.items():
            for column in range(place.start, place.end):
                yield part, place, column


_LOWER: Mapping[Part, Place] = {
    "number": Place(1, 0, 9),
    "number_check": Place(1, 9, 10),
    "nationality": Place(1, 10, 13),
    "birth": Place(1, 13, 19),
    "birth_check": Place(1, 19, 20),
    "sex": Place(1, 20, 21),
    "valid_to": Place(1, 21, 27),
    "valid_to_check": Place(1, 27, 28),
}


def _upper(width: int) -> Mapping[Part, Place]:
    return {"document_code": Place(0, 0, 2), "issuer": Place(0, 2, 5), "names": Place(0, 5, width)}


TD1: Final = Layout(
    "TD1",
    3,
    30,
    {
        "document_code": Place(0, 0, 2),
        "issuer": Place(0, 2, 5),
        "number": Place(0, 5, 14),
        "number_check": Place(0, 14, 15),
        "optional": Place(0, 15, 30),
        "birth": Place(1, 0, 6),
        "birth_check": Place(1, 6, 7),
        "sex": Place(1, 7, 8),
        "valid_to": Place(1, 8, 14),
        "valid_to_check": Place(1, 14, 15),
        "nationality": Place(1, 15, 18),
        "optional_2": Place(1, 18, 29),
        "composite_check": Place(1, 29, 30),
        "names": Place(2, 0, 30),
    },
    (Place(0, 5, 30), Place(1, 0, 7), Place(1, 8, 15), Place(1, 18, 29)),
    long_numbers=True,
)
TD2: Final = Layout(
    "TD2",
    2,
    36,
    {**_upper(36), **_LOWER, "optional": Place(1, 28, 35), "composite_check": Place(1, 35, 36)},
    (Place(1, 0, 10), Place(1, 13, 20), Place(1, 21, 35)),
    long_numbers=True,
)
TD3: Final = Layout(
    "TD3",
    2,
    44,
    {
        **_upper(44),
        **_LOWER,
        "optional": Place(1, 28, 42),
        "optional_check": Place(1, 42, 43),
        "composite_check": Place(1, 43, 44),
    },
    (Place(1, 0, 10), Place(1, 13, 20), Place(1, 21, 43)),
    long_numbers=False,
)
MRV_A: Final = Layout("MRV-A", 2, 44, {**_upper(44), **_LOWER, "optional": Place(1, 28, 44)}, (), long_numbers=False)
MRV_B: Final = Layout("MRV-B", 2, 36, {**_upper(36), **_LOWER, "optional": Place(1, 28, 36)}, (), long_numbers=False)
LAYOUTS: Final = (TD1, TD2, TD3, MRV_A, MRV_B)


def layout_of(lines: Sequence[str]) -> Layout | None:
    """Return the layout of a zone by its lines' number and length, and by the V with which a visa begins."""
    widths = {len(line) for line in lines}
    visa = bool(lines) and lines[0].startswith("V")
    for layout in LAYOUTS:
        if len(lines) == layout.lines and widths == {layout.width} and visa == layout.format.startswith("MRV"):
            return layout
    return None
