"""A journal as its sender reads it; the station's journal and headquarters' orders journals are the two there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from sync.batch import Line

CloseCause: TypeAlias = Literal["fork", "chain", "ahead", "disagrees"]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a sender keeps: numbers `oldest` to `head` of `journal`; `oldest` is head + 1 when it keeps none.

    `cursor` is the last one it durably remembers. `generation` is set for an orders journal only. `withheld`: kept
    numbers that can never be sent.
    """

    journal: str
    oldest: int
    head: int
    cursor: int = 0
    generation: int | None = None
    withheld: tuple[int, ...] = ()


class Source(Protocol):
    """Where a sender reads; every method may wait for a disk, none changes what a number means."""

    async def kept(self) -> Kept:
        """Return what is kept now."""

    async def read(self, first: int, *, count: int, size: int) -> Sequence[Line]:
        """Return the consecutive lines from `first` on: at most `count`, at most `size` bytes of lines together.

        At least one line comes back, however large, if `first` is kept; none if it is not.
        """

    async def chain(self, number: int) -> bytes | None:
        """Return the chain value at `number`, known for 0 and for `oldest`-1 to `head`; None where it is not."""

    async def urgent(self, after: int) -> Sequence[int]:
        """Return the kept numbers above `after` that travel on the urgent lane, ascending."""

    async def acknowledged(self, cursor: int) -> None:
        """Remember the cursor as the last accepted ack left it; it can fall."""

    async def close(self, cause: CloseCause, last_common: int) -> None:
        """Close this journal and go on in a new one: nothing kept above `last_common` is lost by it."""

    async def withhold(self, number: int) -> None:
        """Name `number`, which can never be sent, in an `event.withheld` of the journal's own."""

    async def recall(self, journal: str, cursor: int) -> None:
        """Bring back what a journal closed earlier still keeps above `cursor`: the receiver has lost it (a restore).

        Each number comes back once, as `rescued`, in the journal of now.
        """
