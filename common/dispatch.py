"""The life of a dispatch (出警), as one table: what an officer notes of it, in which order. Pure.

Headquarters sends it as an order with a reference of the 110 system, which has the case: no name, address or story of
anybody comes down. What is not received in its time has expired, and headquarters sends somebody else.
"""

from typing import Final, Literal, TypeAlias

State: TypeAlias = Literal["sent", "received", "set_out", "arrived", "reported", "expired"]
Step: TypeAlias = Literal["receive", "set_out", "arrive", "report"]
Result: TypeAlias = Literal["handled", "handed_over", "nothing_found", "not_reached"]
"""What came of it."""

NEXT: Final[dict[State, tuple[Step, State]]] = {
    "sent": ("receive", "received"),
    "received": ("set_out", "set_out"),
    "set_out": ("arrive", "arrived"),
    "arrived": ("report", "reported"),
}
"""The one step that may be taken in each state, and where it leads; in the others none may."""

RESULTS: Final[tuple[Result, ...]] = ("handled", "handed_over", "nothing_found", "not_reached")


def after(state: State, step: Step) -> State | None:
    """Return the state after a step, None when it may not be taken in this one."""
    allowed, target = NEXT.get(state, (None, state))
    return target if allowed == step else None
