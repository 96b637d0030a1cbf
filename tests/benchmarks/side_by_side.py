"""How long two ways take, in slices that alternate, so that a machine whose mood changes changes it for both."""

import gc
import time
from collections.abc import Callable
from statistics import median
from typing import Final, TypeAlias

Way: TypeAlias = Callable[[], object]

_SLICES: Final = 9
_AT_ONCE: Final = 8
"""Runs between two looks at the clock."""


def side_by_side(ours: Way, bare: Way, seconds: float) -> tuple[float, float]:
    """Return the median µs of one run of each."""
    took: dict[Way, list[float]] = {bare: [], ours: []}
    for _ in range(_SLICES):
        gc.collect()
        for way, slices in took.items():
            slices.append(_us(way, seconds / (2 * _SLICES)))
    return median(took[ours]), median(took[bare])


def _us(way: Way, seconds: float) -> float:
    runs, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        for _ in range(_AT_ONCE):
            way()
        runs += _AT_ONCE
    return passed / runs * 1e6


def row(name: str, ours: float, bare: float, *, unit: str = "µs") -> dict[str, object]:
    """Return a row without an aim."""
    return {
        "name": name,
        "value": round(ours, 1),
        "unit": unit,
        "baseline": round(bare, 1),
        "ratio": round(ours / bare, 2),
        "aim": None,
        "met": None,
    }
