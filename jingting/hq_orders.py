# ruff: noqa: PLC0415 - imports inside commands: `jingting --help` needs none of headquarters
"""`jingting hq order …`: what headquarters tells its stations to do."""

import sys
from pathlib import Path

import click

from jingting.loading import load, set_up

_CONFIG = click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings, a TOML file.", default=None
)
_STATIONS = click.option("--station", "stations", multiple=True, metavar="ID", help="One station; may be repeated.")
_ALL = click.option("--all", "everybody", is_flag=True, help="Every station that is not revoked.")


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@_CONFIG
@_STATIONS
@_ALL
@click.pass_context
def rota(
    context: click.Context, file: Path, config: Path | None, stations: tuple[str, ...], *, everybody: bool
) -> None:
    """Give stations another rota; FILE is looked at first, and nothing is sent if it has a mistake.

    config/rota.toml in the source is a commented example.
    """
    asked = _asked(stations, everybody=everybody)
    from common import rota_file
    from common.events import RotaSet
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or _parents(context))
    read = load(rota_file.load, file)
    set_up(quiet=("alembic",))
    from hq.cli import print_ordered

    sys.exit(print_ordered(settings, RotaSet(rota=read), asked))


def _asked(stations: tuple[str, ...], *, everybody: bool) -> tuple[str, ...] | None:
    """Return the stations that were named, or None for all of them."""
    if bool(stations) == everybody:
        raise click.UsageError("Give one of --station and --all.")
    return None if everybody else stations


def _parents(context: click.Context) -> Path | None:
    """Return the --config that stands behind `hq`."""
    above = context.parent.parent if context.parent is not None else None
    found: Path | None = None if above is None else above.obj
    return found
