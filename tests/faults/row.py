"""What came of breaking something many times."""

import itertools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from jingting.count import Tally


def steps(total: int, every: int = 10) -> Callable[[], None]:
    """Return what is to be called after each try: it says on stderr how far a row is."""
    done = itertools.count(1)

    def step() -> None:
        number = next(done)
        if number % every == 0 or number == total:
            click.echo(f"  {number} of {total}", err=True)

    return step


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`confirmed`: presses acknowledged and numbers shown; `recover_s`: how long it took each time to be whole again.

    `unreadable`: journals that had to be set aside. `cheats`: this one breaks its word, and is to be caught.
    `excused`: the disk itself breaks its word; what it loses is its own, but it all goes on.
    `most_mib`: most memory of a station that was watched; `killed`: how often there was none left for it.
    `grew`: what did not stay as it was.
    """

    fault: str
    tries: int
    confirmed: int
    lost: int
    duplicated: int
    unreadable: int = 0
    recover_s: tuple[float, ...] = ()
    cheats: bool = False
    excused: bool = False
    most_mib: float | None = None
    killed: int = 0
    grew: tuple[str, ...] = ()

    @property
    def as_promised(self) -> bool:
        """Whether nothing was lost, twice, unreadable, killed or grew; of what cheats, whether it was caught."""
        spotless = self.confirmed > 0 and not (
            self.lost or self.duplicated or self.unreadable or self.killed or self.grew
        )
        if self.excused:
            return self.confirmed > 0 and not self.duplicated
        return self.lost + self.killed + len(self.grew) > 0 if self.cheats else spotless

    def as_dict(self) -> dict[str, Any]:
        """Return it as `python -m tests.faults --json` prints it."""
        return {
            "fault": self.fault,
            "tries": self.tries,
            "confirmed": self.confirmed,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "unreadable": self.unreadable,
            "recover_s": round(statistics.median(self.recover_s), 2) if self.recover_s else None,
            "recover_most_s": round(max(self.recover_s), 2) if self.recover_s else None,
            "most_mib": self.most_mib,
            "killed": self.killed,
            "grew": ", ".join(self.grew) or None,
            "as_promised": self.as_promised,
        }


def row(
    fault: str,
    tries: int,
    tally: Tally,
    recover_s: Sequence[float],
    *,
    unreadable: int = 0,
    cheats: bool = False,
    excused: bool = False,
) -> Row:
    """Make a row of a count."""
    return Row(
        fault=fault,
        tries=tries,
        confirmed=tally.made + tally.records_made,
        lost=tally.lost,
        duplicated=tally.duplicates,
        unreadable=unreadable,
        recover_s=tuple(recover_s),
        cheats=cheats,
        excused=excused,
    )
