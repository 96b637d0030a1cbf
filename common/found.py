"""The life of something found and handed in (失物招领), as one table. Pure."""

from typing import Final, Literal, TypeAlias

State: TypeAlias = Literal["kept", "handed_back", "handed_on", "cancelled"]
Step: TypeAlias = Literal["hand_back", "hand_on", "cancel"]
"""Back to its owner; on to whoever keeps it longer; it was keyed in by mistake."""

NEXT: Final[dict[State, dict[Step, State]]] = {
    "kept": {"hand_back": "handed_back", "hand_on": "handed_on", "cancel": "cancelled"},
    "handed_back": {},
    "handed_on": {},
    "cancelled": {},
}
"""Where each step leads; nothing ends by itself: what is kept too long is marked, and stays."""

LONGEST: Final = 40
"""Most characters of what is said of it."""


def after(state: State, step: Step) -> State | None:
    """Return the state after a step, None when it may not be taken in this one."""
    return NEXT[state].get(step)
