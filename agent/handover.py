"""A handover's sheet: what the shift that goes leaves, gone through item by item by the one that comes. Pure.

The sheet is never written down as a list: it is what is open at this moment, so nothing can be left off it. An item
that is refused stays with the giving side, and stays open; signing closes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from common import plain_text
from common.events.desk import HandoverKind
from common.record import Record

LONGEST: Final = 120
"""Most characters of a note, and of a reason."""

Key: TypeAlias = tuple[HandoverKind, str]
"""Kind and id: what an item is, whatever becomes of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item. `label`: what people call it; `state`: how it stands; `record`: the record, of one that is a record.

    Calls have no name: `label` is when the first press was (RFC 3339), "" where only an earlier journal knows.
    """

    kind: HandoverKind
    id: str
    label: str
    state: str = ""
    record: Record | None = None

    @property
    def key(self) -> Key:
        """What it is."""
        return self.kind, self.id


@dataclass(frozen=True, slots=True)
class Check:
    """What the receiving side said of an item."""

    accepted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stay:
    """An item that was refused: with which team it stays, and why."""

    team: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The sheet of now. `id` is "" while no handover is begun; `checks` may name items that are gone since.

    `giving` and `receiving` are teams, "" where no rota says. `begun`: when, as the station's clock said (RFC 3339).
    """

    items: tuple[Item, ...]
    id: str = ""
    giving: str = ""
    receiving: str = ""
    begun: str = ""
    checks: Mapping[Key, Check] = field(default_factory=dict)
    stays: Mapping[Key, Stay] = field(default_factory=dict)

    @property
    def undecided(self) -> tuple[Item, ...]:
        """What nobody has gone through yet; a handover is signed with none."""
        return tuple(item for item in self.items if item.key not in self.checks)

    def count(self, *, accepted: bool) -> int:
        """Return how many items of the sheet were accepted, or refused."""
        said = (self.checks.get(item.key) for item in self.items)
        return sum(check is not None and check.accepted is accepted for check in said)


Problem: TypeAlias = Literal["missing", "too_long", "wrong", "personal", "same"]
"""As of plain text (`common.plain_text`); same: one signature for both."""


class NotTakenError(ValueError):
    """A form of a handover that cannot be journaled: which field, and why; nothing typed is in here."""

    def __init__(self, field: str, problem: Problem) -> None:
        super().__init__(f"{field}: {problem}")
        self.field, self.problem = field, problem


def problem_of(text: str) -> Problem | None:
    """Tell what is wrong with a note or a reason, which are written in plain: no number of anybody may be in it."""
    return plain_text.problem_of(text, most=LONGEST)
