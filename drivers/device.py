"""The states of a device, one machine for all devices, and how long to wait before trying one again."""

import random
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

State: TypeAlias = Literal["absent", "starting", "ready", "faulty"]
Happening: TypeAlias = Literal["opened", "heard", "ailing", "silent", "lost"]

# opened: the port could be opened. heard: the device said that it is well. ailing: it said that it is not. silent: it
# says nothing that can be understood. lost: the port cannot be opened, or went away.
# A faulty device that is opened again stays faulty until it is heard: trying is no news.
TRANSITIONS: Mapping[tuple[State, Happening], State] = {
    ("absent", "lost"): "absent",
    ("absent", "opened"): "starting",
    ("starting", "heard"): "ready",
    ("starting", "ailing"): "faulty",
    ("starting", "silent"): "faulty",
    ("starting", "lost"): "absent",
    ("ready", "heard"): "ready",
    ("ready", "ailing"): "faulty",
    ("ready", "silent"): "faulty",
    ("ready", "lost"): "absent",
    ("faulty", "opened"): "faulty",
    ("faulty", "heard"): "ready",
    ("faulty", "ailing"): "faulty",
    ("faulty", "silent"): "faulty",
    ("faulty", "lost"): "absent",
}


def after(state: State, happening: Happening) -> State:
    """Return the state that follows. Raises ValueError for what cannot happen in `state`: the driver is wrong."""
    try:
        return TRANSITIONS[state, happening]
    except KeyError:
        raise ValueError(f"a device that is {state} cannot be {happening}") from None


class Retry:
    """How long to wait before each further attempt: full jitter, doubling from `base_s` up to `cap_s` seconds.

    "Full jitter" as in M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: a uniform draw
    between nothing and the bound, so that a hundred kiosks, or a card and its port, never fall into step. A tenth of
    `base_s` is the least, so that an unlucky draw is no busy loop.
    """

    def __init__(self, base_s: float, cap_s: float, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._uniform = uniform
        self._bound_s = base_s

    def next_s(self) -> float:
        """Return the seconds to wait now, and widen the bound for the next time."""
        bound_s = self._bound_s
        self._bound_s = min(self._cap_s, bound_s * 2)
        return self._uniform(self._base_s / 10, bound_s)

    def reset(self) -> None:
        """Begin anew: the last attempt went well."""
        self._bound_s = self._base_s
