"""`make faults`, or `python -m tests.faults [--only NAME] [--json]`: broken on purpose, and what came of it."""

import asyncio
import json
import logging
import os
import secrets
import sys
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import click

sys.path.insert(0, str(Path(__file__).parent))  # as pytest does for the tests of this folder

import boundaries
import curves
import disk_trace
import machine_cuts
import memory
import memory_limit
import power
import soak
from fleet import gathered
from kills import killed
from memory_limit import MIB, MemoryLimit
from power import cut
from row import Row

from tests.headquarters import SQLITE
from tests.postgres import Postgres

Fault: TypeAlias = Callable[[Path, int], Awaitable[Row]]

COLUMNS: Final = (
    "fault",
    "tries",
    "confirmed",
    "lost",
    "duplicated",
    "unreadable",
    "recover_s",
    "recover_most_s",
    "most_mib",
    "killed",
    "grew",
    "as_promised",
)

WHY_NOT: Final = {"cut": power.why_not, "boundaries": disk_trace.why_not, "memory": memory_limit.why_not}
"""What this machine may not let us do, by the first word of a row's name."""


def _faults() -> dict[str, Fault]:
    words = (("KILLS", "16"), ("CUTS", "50"), ("FLEET", "100"), ("TORN", "3"), ("MACHINE_CUTS", "50"))
    kills, cuts, stations, torn, machine = (int(os.environ.get(*word)) for word in words)

    async def fleet(folder: Path, seed: int, *, url: str = SQLITE, beside: str = "") -> Row:
        row, came_back_s = await gathered(folder, stations, seed, url=url)
        for what, times in came_back_s.items():
            half, most = times[len(times) // 2], times[-1]
            click.echo(f"  {what}: half of the stations back after {half:.1f} s, all after {most:.1f} s", err=True)
        if plot := os.environ.get("PLOT"):
            file = Path(plot)
            _keep(file.with_stem(file.stem + beside), curves.draw(came_back_s))
        return row

    async def fleet_on_postgresql(folder: Path, seed: int) -> Row:
        server = Postgres()
        try:
            return await fleet(folder, seed, url=server.url(server.create()), beside="-postgresql")
        finally:
            server.stop()

    async def memory_of(folder: Path, seed: int, as_what: memory.Cheat | None = None) -> Row:
        waiting, of_each_s = (100_000, 5.0) if as_what is None else (3_000, 1.0)
        with MemoryLimit(memory.LIMIT) as limit:
            row, seen = await memory.squeezed(
                folder, waiting, seed, limit=limit, of_each_s=of_each_s, rounds=2, as_what=as_what
            )
        mib, slowest_s = seen.sent / MIB, seen.slowest_s
        click.echo(
            f"  the broker sent {mib:.0f} MiB, the slowest press was confirmed after {slowest_s:.2f} s", err=True
        )
        return row

    async def soak_of(folder: Path, _: int, plan: soak.Plan, *, leaky: bool = False) -> Row:
        row, seen = await soak.soaked(folder, plan, leaky=leaky)
        for trend in seen.trends():
            click.echo(f"  {trend}", err=True)
        if (plot := os.environ.get("PLOT")) and not leaky:
            _keep(Path(plot).with_stem("soak"), seen.picture())
        return row

    return {
        "kill": lambda folder, seed: killed(folder, kills, seed),
        "cut": lambda folder, seed: cut(folder, cuts, seed),
        "cut-normal": lambda folder, seed: cut(folder, 20, seed, synchronous="NORMAL"),
        "cut-off": lambda folder, seed: cut(folder, 20, seed, synchronous="OFF"),
        "boundaries": lambda _, seed: boundaries.everywhere(seed, torn=torn),
        **{f"boundaries-{name}": partial(_cheated, *pragmas) for name, pragmas in boundaries.CHEATS.items()},
        "machine-cut": lambda folder, seed: machine_cuts.cut(folder, machine, seed),
        **{f"machine-cut-{cheat.lower()}": partial(_on_machine, cheat) for cheat in ("NORMAL", "OFF", "DELETE")},
        "machine-cut-lie": lambda folder, seed: machine_cuts.lied_to(folder, 6, seed),
        "fleet": fleet,
        "fleet-postgresql": fleet_on_postgresql,
        "soak": partial(soak_of, plan=soak.WHOLE),
        "soak-leaky": partial(soak_of, plan=soak.LEAK, leaky=True),
        "memory": memory_of,
        "memory-greedy": lambda folder, seed: memory_of(folder, seed, memory.greedy),
    }


def _cheated(before: str, cheat: str, _: Path, seed: int) -> Awaitable[Row]:
    return boundaries.cheated(seed, before, cheat)


def _on_machine(cheat: str, folder: Path, seed: int) -> Awaitable[Row]:
    return machine_cuts.cut(folder, 10, seed, cheat=cheat)


def _keep(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


@click.command()
@click.option("--only", type=click.Choice(list(_faults())), multiple=True, help="Only this one; may be repeated.")
@click.option("--seed", type=click.IntRange(min=0), help="Of a run that is to be repeated (default: a new one).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array of rows, and nothing else, on stdout.")
def main(only: tuple[str, ...], seed: int | None, *, as_json: bool) -> None:
    """Break it on purpose, and count; exit 1 when a row is not as promised.

    KILLS, CUTS, TORN and FLEET in the environment say how often, and how many stations; PLOT, in which file to draw
    when a fleet was back. The rows named cut-…, boundaries-… and memory-… are of stations that break their word, which
    the rig must catch: there, lost events, or a kill, are as promised.
    """
    seed = secrets.randbits(32) if seed is None else seed
    click.echo(f"seed {seed}", err=True)
    logging.getLogger("sync").setLevel(logging.ERROR)  # a fleet whose links are cut says so a thousand times
    rows = []
    for name in only or [name for name in _faults() if not name.startswith("machine")]:
        if reason := WHY_NOT.get(name.partition("-")[0], lambda: None)():
            click.echo(f"{name}: left out, {reason}", err=True)
            continue
        click.echo(f"{name} …", err=True)
        with tempfile.TemporaryDirectory(prefix="jingting-") as folder:
            rows.append(asyncio.run(_faults()[name](Path(folder), seed)))
    if as_json:
        click.echo(json.dumps([row.as_dict() for row in rows]))
    else:
        shown = [COLUMNS, *(tuple(_shown(row.as_dict()[column]) for column in COLUMNS) for row in rows)]
        widths = [max(len(line[column]) for line in shown) for column in range(len(COLUMNS))]
        for line in shown:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    sys.exit(not all(row.as_promised for row in rows))


def _shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return str(value)


if __name__ == "__main__":
    main()
