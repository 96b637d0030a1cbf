"""A row of the table: what we come to, beside somebody else, both measured several times in the same run. Pure."""

import math
from collections.abc import Sequence
from statistics import median
from typing import Any, Final, TypeAlias

Row: TypeAlias = dict[str, Any]
Figures: TypeAlias = Sequence[float]

COLUMNS: Final = ("name", "value", "unit", "baseline", "ratio", "aim", "met")
"""What every row has. `value` and `baseline` are medians; those made here also have least and most, and `who`."""


def beside(
    name: str,
    unit: str,
    ours: Figures,
    theirs: Figures,
    *,
    who: str,
    aim: float | None = None,
    at_most: bool = False,
    of_value: bool = False,
) -> Row:
    """Return our figures beside those of `who`.

    `aim`: what the ratio of the medians should come to, or with `of_value` our own median; to at least that, or with
    `at_most` to no more.
    """
    value, baseline = median(ours), median(theirs)
    ratio = value / baseline if baseline else None
    held = value if of_value else ratio
    return _spread(name, unit, ours) | {
        "baseline": _round(baseline),
        "ratio": None if ratio is None else _round(ratio),
        "aim": aim,
        "met": None if aim is None or held is None else (held <= aim if at_most else held >= aim),
        "who": who,
        "baseline_least": _round(min(theirs)),
        "baseline_most": _round(max(theirs)),
    }


def alone(name: str, unit: str, ours: Figures, *, aim: float | None = None, at_most: bool = False) -> Row:
    """Return our figures with an aim of their own, beside nobody."""
    value = median(ours)
    met = None if aim is None else (value <= aim if at_most else value >= aim)
    return _spread(name, unit, ours) | {"baseline": None, "ratio": None, "aim": aim, "met": met}


def without(name: str, unit: str, ours: Figures, *, who: str, why: str) -> Row:
    """Return our figures, and why there are none of `who`."""
    return alone(name, unit, ours) | {"who": who, "why": why}


def p99(figures: Figures) -> float:
    """Return the 99th percentile, by nearest rank: of few figures their most."""
    return sorted(figures)[math.ceil(len(figures) * 0.99) - 1]


def _spread(name: str, unit: str, ours: Figures) -> Row:
    return {
        "name": name,
        "value": _round(median(ours)),
        "unit": unit,
        "least": _round(min(ours)),
        "most": _round(max(ours)),
        "runs": len(ours),
    }


def _round(figure: float) -> float:
    """Three digits that count; whole numbers from a hundred on."""
    if abs(figure) >= 100:
        return round(figure)
    return float(f"{figure:.3g}")


HEAD: Final = ("what", "ours", "", "beside", "theirs", "ratio", "aim", "met")


def cells(row: Row) -> tuple[str, ...]:
    """Return a row as a person reads it: medians, with least and most in brackets."""
    theirs = row.get("why") or _with_spread(row, "baseline", "baseline_least", "baseline_most")
    met = {None: "–", True: "yes", False: "NO"}[row["met"]]
    ours = _with_spread(row, "value", "least", "most")
    return (row["name"], ours, row["unit"], row.get("who", ""), theirs, shown(row["ratio"]), shown(row["aim"]), met)


def _with_spread(row: Row, middle: str, least: str, most: str) -> str:
    if row.get(least) is None or row.get("runs") == 1:
        return shown(row[middle])
    return f"{shown(row[middle])} ({shown(row[least])} – {shown(row[most])})"


def shown(figure: float | None) -> str:
    """Return a figure as a person reads it."""
    return "–" if figure is None else f"{figure:,}" if abs(figure) >= 10_000 else f"{figure:g}"
