"""One help call in memory: its state, since when nobody has answered it, and what is shown of it."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from agent.calls import StoredCall
from agent.ladder import UNKNOWN_S, Climb, Ladder, Rung, State, Step, climb, step
from agent.view import CallView
from common.events.calls import CloseReason

Origin: TypeAlias = Literal["panel", "screen"]

_NS = 1_000_000_000


@dataclass(slots=True, eq=False)
class Call:
    """A call; times are CLOCK_BOOTTIME (ns) of this boot.

    Of a press made in an earlier boot the time is 0, so that what is reckoned from it is the least it can be, and
    `unanswered_known` is False. `number` is that of help.raised in the open journal: None before it is recorded, and
    when only a closed journal has it.
    """

    id: str
    origin: Origin
    raised_ns: int
    unanswered_ns: int
    unanswered_known: bool = True
    state: State = "raised"
    presses: int = 1
    rungs: set[Rung] = field(default_factory=set)
    number: int | None = None
    at_hq: bool = False
    hq_answered: bool = False
    closed_reason: CloseReason | None = None
    closed_ns: int = 0

    @classmethod
    def restored(cls, row: StoredCall, *, boot: str, cursor: int) -> "Call":
        """Return a call as the journal knows it, in `boot`; headquarters has acknowledged the journal to `cursor`."""
        return cls(
            id=row.id,
            origin=row.origin,
            raised_ns=row.raised_ns if row.boot == boot else 0,
            unanswered_ns=row.unanswered_ns if row.unanswered_boot == boot else 0,
            unanswered_known=row.unanswered_boot == boot,
            state=row.state,
            presses=row.presses,
            rungs=set(row.rungs),
            number=row.number,
            # Only a closed journal has it: it was closed on what headquarters surely held.
            at_hq=row.number is None or row.number <= cursor,
            hq_answered=row.hq_answered,
        )

    def press_again(self, pressed_ns: int) -> None:
        """Take a further press: the call is unanswered, since now or since an older press that is."""
        if self.state != "raised":
            self.unanswered_ns, self.unanswered_known = pressed_ns, True
        elif self.unanswered_known:
            self.unanswered_ns = min(self.unanswered_ns, pressed_ns)
        self.take("press")

    def take(self, taken: Step) -> bool:
        """Take a step of the table; False when it is not possible, and nothing changed."""
        after = step(self.state, taken)
        if after is None:
            return False
        self.state = after
        return True

    def climb(self, ladder: Ladder, now: int, unattended_ns: int | None) -> Climb:
        """Say how high the call stands. `unattended_ns`: when, since its press, nobody was at the desk first."""
        return climb(
            ladder,
            self.state,
            (now - self.unanswered_ns) / _NS if self.unanswered_known else UNKNOWN_S,
            done=self.rungs,
            hq_answered=self.hq_answered,
            unattended_s=None if unattended_ns is None else (now - unattended_ns) / _NS,
        )

    def after_ms(self, now: int) -> int:
        """Return the time since the oldest unanswered press; of one made before this boot, the least it can be."""
        return max(0, now - self.unanswered_ns) // 1_000_000

    def view(self, now: int, *, recorded: bool | None) -> CallView:
        """Return what is shown."""
        return CallView(
            id=self.id,
            state=self.state,
            origin=self.origin,
            age_s=max(0, now - self.raised_ns) // _NS,
            presses=self.presses,
            recorded=recorded,
            at_hq=self.at_hq,
            hq_answered=self.hq_answered,
            escalated="escalated" in self.rungs,
            breached="breached" in self.rungs,
            closed_reason=self.closed_reason,
        )
