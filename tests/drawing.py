"""What every picture of figures here is drawn with: a white sheet, and strokes that differ without colour too. Pure."""

from collections.abc import Iterable
from typing import Final

STROKES: Final = (("#0b4f9e", ""), ("#a8480f", "8 4"), ("#2f6b2f", "2 4"), ("#6b2f6b", "12 4 2 4"))
"""Colour and dashes."""
GRID: Final = "#ccc"


def sheet(width: int, height: int, parts: Iterable[str]) -> str:
    """Return an SVG with these parts on white."""
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
            ' font-family="sans-serif" font-size="13">',
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
            *parts,
            "</svg>\n",
        )
    )
