"""Settings that headquarters ordered and nobody knows to be good yet: when they are tried, kept or rolled back. Pure.

Only another broker can break anything that an order may change: it is tried, and kept once headquarters' signed word
has come that way. A call for help comes before a trial: while one is open none begins, and one that is not decided is
put off, the link being where it was.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from common.events.journal import RolledBackBecause
from common.ordered_settings import OrderedSettings

MOST_STARTS: Final = 3
"""A trial in which the process was started so often is over: what it tries may be what ends it."""

_NS: Final = 1_000_000_000

Step: TypeAlias = Literal["wait", "begin", "keep", "put_off", "roll_back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An order's settings, stored beside those in force.

    `boot` is "" while they wait; else they are tried since `began_ns` (CLOCK_BOOTTIME of that boot), for at most
    `within_s` seconds. `starts`: how often the process was started meanwhile.
    """

    order: str
    settings: OrderedSettings
    within_s: int
    boot: str = ""
    began_ns: int = 0
    starts: int = 0

    def begun(self, boot: str, now_ns: int) -> "Candidate":
        """Return it on trial from now on."""
        return replace(self, boot=boot, began_ns=now_ns)

    def waiting(self) -> "Candidate":
        """Return it as it waits, again or still."""
        return replace(self, boot="", began_ns=0)

    def resumed(self, boot: str, now_ns: int) -> "Candidate":
        """Return it after a start of the process: time goes on, but not from one boot to the next."""
        if not self.boot:
            return self
        return replace(self, boot=boot, began_ns=self.began_ns if boot == self.boot else now_ns, starts=self.starts + 1)


def next_step(candidate: Candidate, *, now_ns: int, calm: bool, heard: bool, moves: bool) -> Step:
    """Return what is to be done now.

    `calm`: no call for help is open. `heard`: headquarters' signed word has come over the broker in use. `moves`: the
    candidate leads to another broker than the settings in force.
    """
    if not candidate.boot:
        return "wait" if not calm else "begin" if moves else "keep"
    if heard or not moves:
        return "keep"
    if not calm:
        return "put_off"
    over = now_ns - candidate.began_ns >= candidate.within_s * _NS
    return "roll_back" if over or candidate.starts >= MOST_STARTS else "wait"


def why_rolled_back(candidate: Candidate, *, up: bool) -> RolledBackBecause:
    """Return why a trial is lost; `up`: whether there is a session with the broker it tried."""
    if candidate.starts >= MOST_STARTS:
        return "restarts"
    return "no_answer" if up else "no_link"
