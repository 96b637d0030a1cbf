"""How long somebody will wait, as well as it can be told: pure.

The middle one of the latest times an officer took for a record, times how many come first. A mean would follow the one
record that took all morning.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FEWEST: Final = 5
"""With fewer times than this (records closed as done) nothing is told: one long talk is no experience."""

LATEST: Final = 20
"""How many of the latest are looked at: people and teams change."""

MOST_MINUTES: Final = 120
"""Beyond that only "over two hours" is told."""

_STEP_MINUTES: Final = 5
_COARSE_FROM: Final = 30
_COARSE_MINUTES: Final = 10


@dataclass(frozen=True, slots=True)
class Wait:
    """About so many whole minutes, or `over` so many; rounded up, so that it is rather too long than too short."""

    minutes: int
    over: bool = False


def estimate(ahead: int, took_s: Sequence[float]) -> Wait | None:
    """Return how long one waits behind `ahead` others; None when that is unknown.

    `took_s`: how long each of the latest records took, in seconds, the order does not matter. Nobody ahead is a
    wait of 0 minutes: the next one called.
    """
    if len(took_s) < FEWEST:
        return None
    if ahead <= 0:
        return Wait(0)
    minutes = max(0.0, median(took_s)) * ahead / 60
    if minutes > MOST_MINUTES:
        return Wait(MOST_MINUTES, over=True)
    step = _STEP_MINUTES if minutes <= _COARSE_FROM else _COARSE_MINUTES
    return Wait(max(step, _up(minutes, step)))


def median(values: Sequence[float]) -> float:
    """Return the middle one of some values, or of an even number of them the mean of the two in the middle."""
    # Not `statistics`: it brings fractions and decimals along, and a kiosk has little memory.
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _up(minutes: float, step: int) -> int:
    return -int(-minutes // step) * step
