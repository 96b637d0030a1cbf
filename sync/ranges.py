"""Sets of journal numbers, written as ascending, disjoint, non-adjacent ranges `(first, last)`, both included."""

from collections.abc import Iterable
from typing import TypeAlias

Ranges: TypeAlias = tuple[tuple[int, int], ...]


def union(*sets: Iterable[tuple[int, int]]) -> Ranges:
    """Return every number that stands in any of `sets`."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(span for ranges in sets for span in ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def difference(ranges: Iterable[tuple[int, int]], taken: Iterable[tuple[int, int]]) -> Ranges:
    """Return the numbers of `ranges` that are not in `taken` (both ascending and disjoint)."""
    left: list[tuple[int, int]] = []
    holes = tuple(taken)
    for first, last in ranges:
        start = first
        for hole_first, hole_last in holes:
            if hole_last < start or hole_first > last:
                continue
            if hole_first > start:
                left.append((start, hole_first - 1))
            start = hole_last + 1
        if start <= last:
            left.append((start, last))
    return tuple(left)


def contains(ranges: Iterable[tuple[int, int]], number: int) -> bool:
    """Tell whether `number` stands in `ranges`."""
    return any(first <= number <= last for first, last in ranges)


def ending_at_held(held: Ranges, gone: Ranges) -> Ranges:
    """Return `held` and `gone` together, each range cut back to end at a held number.

    These are the ranges an ack names: a range of nothing but gone numbers has no chain to show and is left out.
    """
    cut: list[tuple[int, int]] = []
    for first, last in union(held, gone):
        end = max((min(h_last, last) for h_first, h_last in held if h_first <= last and h_last >= first), default=0)
        if end:
            cut.append((first, end))
    return tuple(cut)
