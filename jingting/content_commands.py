# ruff: noqa: PLC0415 - imports inside commands are this file's idea
"""`jingting hq content …`: legal education for the idle screens of stations."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jingting.loading import CONFIG, load, set_up

if TYPE_CHECKING:
    from hq.settings import HqSettings


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@CONFIG
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    metavar="DIR",
    help="Where the file goes (default: here).",
)
@click.pass_context
def pack(context: click.Context, folder: Path, config: Path | None, to: Path) -> None:
    """Make one signed file of DIR, which holds a pack.toml, pages in Markdown and pictures."""
    settings = _settings(context, config)
    from hq.content_cli import print_packed

    sys.exit(print_packed(settings, folder, to))


@click.command()
@click.argument("file", metavar="PACK", type=click.Path(path_type=Path, dir_okay=False))
@CONFIG
@click.option("--station", "stations", multiple=True, metavar="ID", help="One station; may be repeated.")
@click.option("--all", "everybody", is_flag=True, help="Every station that headquarters knows now.")
@click.pass_context
def send(
    context: click.Context, file: Path, config: Path | None, stations: tuple[str, ...], *, everybody: bool
) -> None:
    """Let stations fetch PACK, a file that `pack` made. Sent again, those that refused it are asked again."""
    if bool(stations) == everybody:
        raise click.UsageError("Give --station ID, once or more, or --all.")
    settings = _settings(context, config)
    set_up(quiet=("alembic",))
    from hq.content_cli import print_sent

    sys.exit(print_sent(settings, file, stations, everybody=everybody))


@click.command()
@click.argument("name", metavar="SHA256")
@CONFIG
@click.pass_context
def withdraw(context: click.Context, name: str, config: Path | None) -> None:
    """Take a pack off every screen, for good; SHA256 is the beginning of its name, as `list` shows it."""
    import re

    if re.fullmatch(r"[0-9a-fA-F]{8,64}", name) is None:
        raise click.BadParameter("8 to 64 hexadecimal digits, as `jingting hq content list` shows", param_hint="SHA256")
    settings = _settings(context, config)
    set_up(quiet=("alembic",))
    from hq.content_cli import print_withdrawn

    sys.exit(print_withdrawn(settings, name))


@click.command("list")
@CONFIG
@click.pass_context
def list_(context: click.Context, config: Path | None) -> None:
    """Print every pack, which stations have it, and how often it was shown there."""
    settings = _settings(context, config)
    set_up(quiet=("alembic",))
    from hq.content_cli import print_listed

    sys.exit(print_listed(settings))


def _settings(context: click.Context, config: Path | None) -> "HqSettings":
    from hq import settings as hq_settings

    outer = context.parent.parent if context.parent is not None else None
    return load(hq_settings.load, config or (outer.obj if outer is not None else None))
