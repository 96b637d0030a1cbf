"""A picture of when a fleet was back: one curve for each thing that was done to it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

from tests.drawing import GRID, STROKES, sheet

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 360, 56, 24, 16, 44
_TICKS: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300)


def draw(came_back_s: Mapping[str, Sequence[float]]) -> str:
    """Return an SVG: seconds to the right, the share of the stations that are back upwards; times ascend."""
    longest = max(times[-1] for times in came_back_s.values())
    step = next((tick for tick in _TICKS if longest / tick <= 8), _TICKS[-1])
    end_s = (int(longest / step) + 1) * step

    def x(seconds: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * seconds / end_s, 1)

    def y(share: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)

    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<path d="M{LEFT} {y(share)}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(share) + 4}" text-anchor="end">{share:.0%}</text>')
    parts += [
        f'<text x="{x(seconds)}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{seconds} s</text>'
        for seconds in range(0, end_s + 1, step)
    ]
    for row, ((what, times), (colour, dashes)) in enumerate(zip(came_back_s.items(), STROKES, strict=False)):
        points = " ".join(f"{x(at)},{y((place + 1) / len(times))}" for place, at in enumerate(times))
        line = f'fill="none" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dashes}"'
        parts.append(f'<polyline points="{x(0)},{y(0)} {points}" {line}/>')
        at = HEIGHT - BOTTOM - 16 - 20 * (len(came_back_s) - 1 - row)
        parts.append(f'<path d="M{WIDTH - 320} {at - 4}h36" {line}/>')
        parts.append(f'<text x="{WIDTH - 276}" y="{at}">{escape(what)}</text>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 6}">stations back, with nothing left to send</text>')
    return sheet(WIDTH, HEIGHT, parts)
