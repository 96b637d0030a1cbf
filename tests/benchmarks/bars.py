"""A picture of a bench: for each figure our bar and everybody's beside it, and how far the runs lay apart. Pure."""

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from tests.benchmarks.comparison import Row, shown
from tests.drawing import GRID, STROKES, sheet

WIDTH, NAMES, LEFT, RIGHT, TOP = 860, 330, 338, 90, 10
ROW, TITLE, GAP, THICK = 22, 24, 12, 14


class Bar(NamedTuple):
    """One bar: a median, and the least and the most of its runs."""

    who: str
    least: float
    middle: float
    most: float


def groups(rows: Sequence[Row]) -> dict[tuple[str, str], list[Bar]]:
    """Return, by name and unit of a figure, its bars, ours first; a figure beside nobody has none."""
    found: dict[tuple[str, str], list[Bar]] = {}
    for row in rows:
        if row.get("baseline_least") is not None:
            ours = Bar("Jingting", row["least"], row["value"], row["most"])
            bars = found.setdefault((row["name"], row["unit"]), [ours])
            bars.append(Bar(row["who"], row["baseline_least"], row["baseline"], row["baseline_most"]))
    return found


def draw(rows: Sequence[Row]) -> str:
    """Return an SVG; each group has a scale of its own that begins at nothing."""
    parts, y = [], TOP
    for (name, unit), bars in groups(rows).items():
        y += TITLE
        parts.append(f'<text x="8" y="{y - 8}" font-weight="bold">{escape(f"{name}, {unit}")}</text>')
        widest = max(bar.most for bar in bars) or 1.0
        for place, bar in enumerate(bars):
            parts += _bar(bar, y, (WIDTH - LEFT - RIGHT) / widest, STROKES[0 if place == 0 else 1][0])
            y += ROW
        parts.append(f'<path d="M{LEFT} {y - ROW * len(bars)}V{y}" stroke="{GRID}"/>')
        y += GAP
    return sheet(WIDTH, y, parts)


def _bar(bar: Bar, y: float, scale: float, colour: str) -> list[str]:
    middle, least, most = (round(LEFT + figure * scale, 1) for figure in (bar.middle, bar.least, bar.most))
    line = y + THICK / 2 + 2
    return [
        f'<text x="{NAMES}" y="{line + 5}" text-anchor="end">{escape(bar.who)}</text>',
        f'<rect x="{LEFT}" y="{y + 2}" width="{round(middle - LEFT, 1)}" height="{THICK}" fill="{colour}"/>',
        f'<path d="M{least} {line}H{most}M{least} {line - 4}v8M{most} {line - 4}v8" stroke="#222"/>',
        f'<text x="{round(max(most, middle) + 6, 1)}" y="{line + 5}">{shown(bar.middle)}</text>',
    ]
