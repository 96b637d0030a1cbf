"""`make bench`, or `python -m tests.benchmarks [--only NAME] [--json]`: figures beside a baseline of the same run."""

import importlib
import json
import sys

import click

BENCHES = (
    "appends",
    "press",
    "footprint",
    "disk",
    "urgent",
    "drain",
    "wire",
    "codecs",
    "devices",
    "panel",
    "handshakes",
    "signing",
    "sealing",
    "pages",
    "duty",
)
COLUMNS = ("name", "value", "unit", "baseline", "ratio", "aim", "met")


@click.command()
@click.option("--only", type=click.Choice(BENCHES), multiple=True, help="Run only this one; may be repeated.")
@click.option("--seconds", type=click.FloatRange(min=1), help="About how long each may take (default: its own).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array of rows, and nothing else, on stdout.")
def main(only: tuple[str, ...], seconds: float | None, *, as_json: bool) -> None:
    """Measure, and say which aims were met; exit 1 when one was not."""
    rows: list[dict[str, object]] = []
    for name in only or BENCHES:
        bench = importlib.import_module(f"tests.benchmarks.{name}")
        click.echo(f"{name}: {bench.__doc__.splitlines()[0]}", err=True)
        rows += bench.rows(seconds or bench.SECONDS)
    if as_json:
        click.echo(json.dumps(rows))
    else:
        table = [COLUMNS, *(tuple(_shown(row[column]) for column in COLUMNS) for row in rows)]
        widths = [max(len(line[column]) for line in table) for column in range(len(COLUMNS))]
        for line in table:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    sys.exit(any(row["met"] is False for row in rows))


def _shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return str(value)


if __name__ == "__main__":
    main()
