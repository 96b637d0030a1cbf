# ruff: noqa: PLC0415 - imports inside commands: `jingting --help` needs none of headquarters
"""`jingting hq staff …`: who may sign in at a station's duty desk."""

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jingting.loading import CONFIG, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from hq.station_staff import StationStaff
    from hq.store import Store

_STATION = click.option("--station", required=True, metavar="ID", help="Whose duty desk.")
_NUMBER = click.argument("number", metavar="NUMBER")


@click.command()
@_NUMBER
@_STATION
@CONFIG
def issue(number: str, station: str, config: Path | None) -> None:
    """Let the staff NUMBER sign in at a station, and print the PIN, once; an earlier one is void."""

    def give(staff: "StationStaff") -> None:
        click.echo(staff.issue(station, number))
        click.echo(
            f"The PIN of {number} at {station}, written nowhere else. The station learns it within seconds, or when it"
            " is back.",
            err=True,
        )

    _do(config, station, give)


@click.command()
@_NUMBER
@_STATION
@CONFIG
def withdraw(number: str, station: str, config: Path | None) -> None:
    """Let the staff NUMBER sign in at a station no more; whoever is signed in by it is signed out."""
    _do(config, station, lambda staff: staff.withdraw(station, number))


@click.command("list")
@_STATION
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_(station: str, config: Path | None, *, as_json: bool) -> None:
    """Print the staff numbers that may sign in at a station, a line each."""

    def show(staff: "StationStaff") -> None:
        numbers = staff.numbers(station)
        click.echo(json.dumps(numbers) if as_json else "\n".join(numbers), nl=as_json or bool(numbers))

    _do(config, station, show)


@click.command()
@_STATION
@CONFIG
def reset(station: str, config: Path | None) -> None:
    """Make all PINs of a station void: its kiosk was stolen. Issue new ones for the kiosk that replaces it."""
    _do(config, station, lambda staff: click.echo(f"{staff.reset(station)} PINs of {station} are void.", err=True))


def _do(config: Path | None, station: str, act: "Callable[[StationStaff], None]") -> None:
    """Act on the lists; what was wrong is said in one line, exit 1."""
    from hq import settings as hq_settings

    context = click.get_current_context()
    settings = load(hq_settings.load, config or context.obj)
    from common.clock import Clock
    from common.process import set_up_logging
    from hq.cli import whoever
    from hq.database import FAILURES, DatabaseUnreachableError, SchemaTooNewError
    from hq.orders import Orders
    from hq.station_staff import NotOnTheListError, StationStaff
    from hq.store import Store
    from sync.topics import is_station

    set_up_logging(quiet=("alembic", "hq"))
    clock = Clock()
    try:
        with closing(Store.open(settings.store.url)) as store:
            if not (is_station(station) and _is_known(settings.keys.stations, store, station)):
                raise ValueError(f"{station} is no station that headquarters knows; look at the id again")  # noqa: TRY301
            act(StationStaff(store, Orders(store, clock), clock.wall_ms, who=whoever()))
    except (NotOnTheListError, ValueError, SchemaTooNewError, DatabaseUnreachableError, *FAILURES) as error:
        click.echo(str(error).partition("\n")[0], err=True)
        sys.exit(1)


def _is_known(keys: Path, store: "Store", station: str) -> bool:
    return (keys / f"{station}.pub").exists() or store.has_heard_of(station)
