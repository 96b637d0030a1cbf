"""What was measured, kept in docs/measured with its pictures, and shown as a table in docs/performance.md.

`make bench ARGS=--keep` measures and keeps; what was not measured in that run stays as it was.
"""

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.benchmarks import bars
from tests.benchmarks.comparison import HEAD, Row, cells

_DOCS: Final = Path(__file__).parents[2] / "docs"
FIGURES: Final = _DOCS / "measured/figures.json"
PAGE: Final = _DOCS / "performance.md"
BEGIN: Final = "<!-- measured: what `make bench ARGS=--keep` writes -->"
END: Final = "<!-- end of what was measured -->"

Kept: TypeAlias = dict[str, dict[str, Any]]
"""By bench: `rows`, and on which `day` and which `machine` they were measured."""


def keep(measured: Mapping[str, Sequence[Row]]) -> None:
    """Put these benches' rows in the place of what was kept of them, and draw everything anew."""
    kept: Kept = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    for bench, rows in measured.items():
        kept[bench] = {"day": time.strftime("%Y-%m-%d"), "machine": _machine(), "rows": list(rows)}
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for bench, figures in kept.items():
        if bars.groups(figures["rows"]):
            (FIGURES.parent / f"{bench}.svg").write_text(bars.draw(figures["rows"]), "utf-8")
    PAGE.write_text(put(PAGE.read_text("utf-8"), kept), "utf-8")


def put(page: str, kept: Kept) -> str:
    """Return the page with everything that was kept between its two markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{_told(kept)}\n{END}{after}"


def _told(kept: Kept) -> str:
    said = []
    for bench, figures in kept.items():
        table = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
        table += ["| " + " | ".join(cells(row)) + " |" for row in figures["rows"]]
        picture = f"\n![{bench}](measured/{bench}.svg)\n" if bars.groups(figures["rows"]) else ""
        said.append(f"### {bench}\n\n{figures['day']}, {figures['machine']}\n\n" + "\n".join(table) + "\n" + picture)
    return "\n".join(said)


def _machine() -> str:
    load = os.getloadavg()[2]
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, load of the last quarter of an hour {load:.1f}"
