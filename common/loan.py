"""The life of something lent, as one table. Pure."""

from typing import Final, Literal, TypeAlias

State: TypeAlias = Literal["out", "returned", "lost", "cancelled"]
Step: TypeAlias = Literal["return", "lose", "cancel"]
"""`lose`: it will not come back; `cancel`: it was keyed in by mistake."""

NEXT: Final[dict[State, dict[Step, State]]] = {
    "out": {"return": "returned", "lose": "lost", "cancel": "cancelled"},
    "lost": {"return": "returned"},
    "returned": {},
    "cancelled": {},
}
"""Where each step leads: what was given up may come back after all."""


def after(state: State, step: Step) -> State | None:
    """Return the state after a step, None when it may not be taken in this one."""
    return NEXT[state].get(step)
