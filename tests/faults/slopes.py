"""Whether what was looked at for days is flat: least squares over each part of a soak, and a picture of it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from xml.sax.saxutils import escape

Look: TypeAlias = tuple[float, Mapping[str, float]]
"""What was seen at an hour, by measure."""
MEASURES: Final = {
    "memory": ("MiB", 0.5),
    "files_open": ("descriptors", 0.5),
    "threads": ("threads", 0.5),
    "files": ("files", 0.5),
    "bytes": ("MiB", 0.5),
}
"""What is looked at: its unit, and by how much of it a day it may seem to grow where it is flat."""
NAMES: Final = {
    "memory": "memory of its own (RssAnon, MiB)",
    "files_open": "open descriptors",
    "threads": "threads",
    "files": "files on disk",
    "bytes": "bytes on disk (MiB)",
}
_WIDTH, _HIGH, _LEFT, _GAP = 720, 96, 56, 34
_STROKES: Final = (("#0b4f9e", ""), ("#a8480f", "8 4"))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return how much y grows with each x, by least squares; 0 for a single x."""
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


@dataclass(frozen=True, slots=True)
class Trend:
    """One measure of one house in one part of a soak, growing by so much a day."""

    house: str
    part: str
    measure: str
    a_day: float

    @property
    def flat(self) -> bool:
        """Whether that is what something flat may show."""
        return self.a_day <= MEASURES[self.measure][1]

    def __str__(self) -> str:
        unit, most = MEASURES[self.measure]
        verdict = "flat" if self.flat else f"GROWS, at most {most} is flat"
        return f"{self.house}, {self.part}: {NAMES[self.measure]} {self.a_day:+.3f} {unit}/day ({verdict})"


def trends(seen: Mapping[str, Sequence[Look]], parts: Mapping[str, range]) -> Iterator[Trend]:
    """Yield every trend of each house's looks; a part is a range of hours."""
    for house, looks in seen.items():
        for part, hours in parts.items():
            of_part = [(hour, values) for hour, values in looks if hours.start < hour <= hours.stop]
            for measure in MEASURES:
                yield Trend(house, part, measure, slope([(hour / 24, values[measure]) for hour, values in of_part]))


def draw(seen: Mapping[str, Sequence[Look]], shaded: Mapping[str, range]) -> str:
    """Return an SVG: hours to the right, one field for each measure, a line for each house, `shaded` hours named."""
    end = max(looks[-1][0] for looks in seen.values())
    height = len(MEASURES) * (_HIGH + _GAP) + 44

    def x(hour: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - 16) * hour / end, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for words, hours in shaded.items():
        width = x(hours.stop) - x(hours.start)
        parts.append(f'<rect x="{x(hours.start)}" y="20" width="{width:.1f}" height="{height - 60}" fill="#eee"/>')
        parts.append(f'<text x="{x(hours.start) + 4}" y="{22 + _HIGH}" fill="#555">{escape(words)}</text>')
    for row, measure in enumerate(MEASURES):
        top = 30 + row * (_HIGH + _GAP)
        most = max(values[measure] for looks in seen.values() for _, values in looks) * 1.15 or 1
        parts.append(f'<text x="{_LEFT}" y="{top - 6}">{escape(NAMES[measure])}</text>')
        for share in (0, 0.5, 1):
            at = round(top + _HIGH * (1 - share), 1)
            parts.append(f'<path d="M{_LEFT} {at}H{_WIDTH - 16}" stroke="#ccc"/>')
            parts.append(f'<text x="{_LEFT - 8}" y="{at + 4}" text-anchor="end">{most * share:.3g}</text>')
        for (_, looks), (colour, dashes) in zip(seen.items(), _STROKES, strict=True):
            line = f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
            points = " ".join(
                f"{x(hour)},{round(top + _HIGH * (1 - values[measure] / most), 1)}" for hour, values in looks
            )
            parts.append(f'<polyline points="{points}" {line}/>')
    parts += [
        f'<text x="{x(hour)}" y="{height - 26}" text-anchor="middle">{hour} h</text>'
        for hour in range(0, int(end) + 1, 12 if end > 24 else 2)
    ]
    for place, (house, (colour, dashes)) in enumerate(zip(seen, _STROKES, strict=True)):
        at = _LEFT + place * 160
        parts.append(
            f'<path d="M{at} {height - 10}h36" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'
        )
        parts.append(f'<text x="{at + 44}" y="{height - 6}">{escape(house)}</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
