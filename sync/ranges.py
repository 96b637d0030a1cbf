"""Sets of journal numbers, written as ascending, disjoint, non-adjacent ranges `(first, last)`, both included."""

import bisect
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
    at = 0
    for first, last in ranges:
        start = first
        while at < len(holes) and holes[at][1] < start:
            at += 1
        ahead = at  # a hole that reaches beyond `last` concerns the next range too
        while ahead < len(holes) and holes[ahead][0] <= last:
            if holes[ahead][0] > start:
                left.append((start, holes[ahead][0] - 1))
            start = holes[ahead][1] + 1
            ahead += 1
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
        at = bisect.bisect_right(held, last, key=_first) - 1
        if at >= 0 and held[at][1] >= first:
            cut.append((first, held[at][1]))
    return tuple(cut)


def _first(span: tuple[int, int]) -> int:
    return span[0]
