"""The life of a walk-in record, as one table: which steps there are, where each leads, what each asks for.

Screens draw their buttons from it, the station refuses what is not in it, headquarters reads the same names. Pure.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

State: TypeAlias = Literal[
    "draft", "registered", "accepted", "handling", "rejected", "suspended", "referred", "received", "closed"
]
"""`referred`: handed on, and nobody there has signed for it; `received`: they have, and handle it elsewhere."""

Outcome: TypeAlias = Literal["done", "withdrawn", "no_show", "duplicate"]
"""As what a record was closed."""

Name: TypeAlias = Literal[
    "register",
    "accept",
    "handle",
    "finish",
    "refer",
    "sign",
    "take_back",
    "suspend",
    "resume",
    "reject",
    "resubmit",
    "withdraw",
    "no_show",
    "duplicate",
    "reopen",
]
"""What an officer may do to a record; `sign`: note that the receiver of a referral has signed for it (签收)."""

Field: TypeAlias = Literal["missing", "until", "target", "due", "result", "duplicate_of", "reason"]
"""What a step asks for; each is a field of the event `record.stepped`."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table. `outcome` is set by the steps that close, and only by them."""

    name: Name
    sources: tuple[State, ...]
    target: State
    requires: tuple[Field, ...] = ()
    outcome: Outcome | None = None


_OPEN: Final[tuple[State, ...]] = (
    "draft",
    "registered",
    "accepted",
    "handling",
    "rejected",
    "suspended",
    "referred",
    "received",
)

STEPS: Final[tuple[Step, ...]] = (
    Step("register", ("draft",), "registered"),
    Step("accept", ("registered",), "accepted"),
    Step("handle", ("accepted",), "handling"),
    # A referral is not done until its receiver has signed: no `finish` from `referred`.
    Step("finish", ("handling", "received"), "closed", ("result",), "done"),
    Step("sign", ("referred",), "received"),
    Step("resume", ("suspended",), "handling"),
    Step("resubmit", ("rejected",), "registered"),
    Step("reopen", ("closed",), "handling", ("reason",)),
    Step("refer", ("accepted", "handling"), "referred", ("target", "due")),
    Step("suspend", ("accepted", "handling"), "suspended", ("until",)),
    Step("reject", ("registered", "accepted"), "rejected", ("missing",)),
    Step("take_back", ("referred", "received"), "handling"),
    Step("withdraw", _OPEN, "closed", (), "withdrawn"),
    Step("no_show", _OPEN[1:], "closed", (), "no_show"),
    Step("duplicate", _OPEN, "closed", ("duplicate_of",), "duplicate"),
)
"""Every step there is, in the order in which buttons stand: forward, then aside, then out.

No timer stands here: a record never moves by itself. What is overdue is shown, and somebody decides.
"""

_BY_NAME: Final[dict[str, Step]] = {step.name: step for step in STEPS}


def steps(state: State) -> tuple[Step, ...]:
    """Return the steps an officer may take in `state`, in the order of their buttons."""
    return tuple(step for step in STEPS if state in step.sources)


def step_called(name: Name) -> Step:
    """Return the step of that name."""
    return _BY_NAME[name]


def after(state: State, name: Name) -> State | None:
    """Return the state after a step; None when the step is not possible in `state`."""
    step = _BY_NAME[name]
    return step.target if state in step.sources else None
