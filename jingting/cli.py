# ruff: noqa: PLC0415 - imports inside commands are this file's idea
"""The `jingting` command. Results go to stdout, everything else to stderr; `docs/names.md` lists the exit codes.

Every import that costs time or belongs to one house stands inside its command: a kiosk never loads headquarters.
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import click

from common.version import VERSION
from jingting.loading import Lazy, set_up


@click.group(
    cls=Lazy,
    places={
        "hq": "jingting.hq_commands:hq",
        "records": "jingting.record_commands:records",
        "station": "jingting.station_commands:station",
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(VERSION, message="%(prog)s %(version)s")
def main() -> None:
    """Jingting, the agent of a city's police service stations, and its headquarters.

    Try it: jingting demo
    """


@main.group(
    cls=Lazy,
    places={
        "card-reader": "drivers.simulators.cli:card_reader",
        "code-scanner": "drivers.simulators.cli:code_scanner",
        "panel": "drivers.simulators.cli:panel",
        "passport-reader": "drivers.simulators.cli:passport_reader",
    },
)
def simulate() -> None:
    """Play a device, byte for byte, on a pseudo-terminal."""


@main.group(
    cls=Lazy,
    places={
        "check-number": "jingting.technician:check_number",
        "decode": "jingting.technician:decode",
        "list": "jingting.technician:list_devices",
        "test": "jingting.technician:test",
        "watch": "jingting.technician:watch",
    },
)
def device() -> None:
    """Look at one device by itself, without the rest of the system."""


@main.group()
def keys() -> None:
    """Make key files."""


@keys.command()
@click.argument("file", type=click.Path(path_type=Path))
def new(file: Path) -> None:
    """Make FILE, a private key only its owner can read, and FILE.pub, to be given to the other side."""
    from common import keyfiles

    _make_key(file, lambda: keyfiles.create(file))


@keys.command()
@click.argument("file", type=click.Path(path_type=Path))
def new_sealing(file: Path) -> None:
    """Make FILE, headquarters' private sealing key, and FILE.pub, to be given to every station."""
    from common import keyfiles
    from sync.sealing import new_sealing_key

    _make_key(file, lambda: keyfiles.write_pair(file, *new_sealing_key()))


@main.command()
@click.option("--stations", type=click.IntRange(1, 200), default=3, show_default=True, help="How many stations.")
@click.option("--seconds", type=click.FloatRange(min=1), help="People press by themselves; stop after so long.")
@click.option("--dir", "folder", type=click.Path(path_type=Path, file_okay=False), help="Keep everything here.")
@click.option("--seed", type=int, help="The chance by which people press; printed, so that a run can be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print only one JSON object, at the end.")
def demo(stations: int, seconds: float | None, folder: Path | None, seed: int | None, *, as_json: bool) -> None:
    """Start a small city on this machine: a broker, headquarters, stations and their help panels.

    Press Enter to press a help button yourself, Ctrl-C to stop.
    """
    set_up()
    from jingting.demo import run

    sys.exit(asyncio.run(run(stations=stations, seconds=seconds, folder=folder, seed=seed, as_json=as_json)))


def _make_key(file: Path, make: Callable[[], Path]) -> None:
    try:
        public = make()
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {(error.strerror or str(error)).lower()}") from error
    click.echo(f"{file}\n{public}")
