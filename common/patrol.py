"""A round of patrol (治安巡控), as one table: somebody is out, and back; and what is looked at there. Pure.

An officer keys it in at the desk, by hand, when going and when back, or both afterwards. Nobody's position is followed,
and nobody who was met is named.
"""

from typing import Final, Literal, TypeAlias

State: TypeAlias = Literal["out", "back", "cancelled"]
Step: TypeAlias = Literal["return", "cancel"]
"""`cancel`: it was keyed in by mistake."""

Purpose: TypeAlias = Literal["round", "visit", "inspection", "school", "event", "other"]
"""Along the streets; to a home or shop (走访); to see that a place is safe; at a school's gate; at an event; other."""

Where: TypeAlias = Literal["grid", "place", "code"]
"""What says where: a grid or a place of the city's files, or a code of the station's own."""

NEXT: Final[dict[State, dict[Step, State]]] = {
    "out": {"return": "back", "cancel": "cancelled"},
    "back": {},
    "cancelled": {},
}
"""Where each step leads."""

PURPOSES: Final[tuple[Purpose, ...]] = ("round", "visit", "inspection", "school", "event", "other")


def after(state: State, step: Step) -> State | None:
    """Return the state after a step, None when it may not be taken in this one."""
    return NEXT[state].get(step)
