"""`make bench`, or `python -m tests.benchmarks [--only NAME] [--json] [--keep]`: figures beside others of that run."""

import importlib
import json
import sys
import time

import click

from tests.benchmarks.comparison import HEAD, Row, cells
from tests.benchmarks.keep import keep

TABLE = (
    "appends",
    "press",
    "footprint",
    "disk",
    "urgent",
    "drain",
    "ingest",
    "killed",
    "start",
    "wire",
    "fleet",
)
BENCHES = (
    *TABLE,
    "codecs",
    "devices",
    "panel",
    "handshakes",
    "signing",
    "sealing",
    "pages",
    "duty",
)


@click.command()
@click.option("--only", type=click.Choice(BENCHES), multiple=True, help="Run only this one; may be repeated.")
@click.option("--table", is_flag=True, help="Run only those that stand beside what people use today.")
@click.option("--seconds", type=click.FloatRange(min=1), help="About how long each may take (default: its own).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array of rows, and nothing else, on stdout.")
@click.option("--keep", "is_kept", is_flag=True, help="Write what was measured into docs: figures, pictures, table.")
def main(only: tuple[str, ...], seconds: float | None, *, table: bool, as_json: bool, is_kept: bool) -> None:
    """Measure, and say which aims were met; exit 1 when one was not."""
    measured: dict[str, list[Row]] = {}
    for name in only or (TABLE if table else BENCHES):
        bench = importlib.import_module(f"tests.benchmarks.{name}")
        click.echo(f"{name}: {bench.__doc__.splitlines()[0]}", err=True)
        began = time.monotonic()
        measured[name] = bench.rows(seconds or bench.SECONDS)
        click.echo(f"{name}: took {time.monotonic() - began:.0f} s", err=True)
        if is_kept:
            keep({name: measured[name]})
    rows = [row for each in measured.values() for row in each]
    if as_json:
        click.echo(json.dumps(rows))
    else:
        lines = [HEAD, *map(cells, rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
        for line in lines:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    sys.exit(any(row["met"] is False for row in rows))


if __name__ == "__main__":
    main()
