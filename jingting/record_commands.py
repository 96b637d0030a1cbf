# ruff: noqa: PLC0415 - imports inside commands are this file's idea
"""`jingting records export` at a station's machine, `jingting hq records export` at headquarters'."""

import datetime as dt
import sys
from collections.abc import Callable
from pathlib import Path

import click

from jingting.loading import CONFIG, load, set_up

_DAY = click.DateTime(formats=["%Y-%m-%d"])


def _ranged(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of both exports."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each record, a line each."),
        click.option("--to", "last", type=_DAY, metavar="DAY", help="No record of a later day."),
        click.option("--from", "first", type=_DAY, metavar="DAY", help="No record of an earlier day (2026-11-22)."),
    ):
        command = option(command)
    return command


@click.group()
def records() -> None:
    """Walk-in records of the station on this machine."""


@records.command()
@CONFIG
@_ranged
def export(*, config: Path | None, first: dt.datetime | None, last: dt.datetime | None, as_json: bool) -> None:
    """Print the records that the station keeps as CSV, the station running or not.

    Whom they are about says only "on file": that is sealed, and opens at headquarters alone. Ratings are left out.
    """
    from agent import settings as station_settings

    days = _days(first, last)
    settings = load(station_settings.load, config)
    from agent.record_export import print_exported

    sys.exit(print_exported(settings.station.data / "station.db", *days, as_json=as_json))


@click.command("export")
@CONFIG
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept for years: a case number, no names.")
@click.option("--station", "stations", multiple=True, metavar="ID", help="Only of this one; may be repeated.")
@_ranged
@click.option("--unsealed", is_flag=True, help="With whom they are about; needs the sealing key.")
@click.pass_context
def export_all(
    context: click.Context,
    *,
    config: Path | None,
    reason: str,
    stations: tuple[str, ...],
    first: dt.datetime | None,
    last: dt.datetime | None,
    as_json: bool,
    unsealed: bool,
) -> None:
    """Print the records of all stations as CSV, after the audit has noted who asks, for how many, and why.

    Whom they are about says only "on file", unless it is --unsealed.
    """
    from hq import settings as hq_settings

    days = _days(first, last)
    above = context.parent.parent if context.parent is not None else None
    settings = load(hq_settings.load, config or (above.obj if above is not None else None))
    set_up(quiet=("alembic",))
    from hq.record_export import Wish, print_exported

    wish = Wish(stations=stations, first=days[0], last=days[1], reason=reason, unsealed=unsealed)
    sys.exit(print_exported(settings, wish, as_json=as_json))


def _days(first: dt.datetime | None, last: dt.datetime | None) -> tuple[dt.date | None, dt.date | None]:
    days = first and first.date(), last and last.date()
    if days[0] is not None and days[1] is not None and days[0] > days[1]:
        raise click.UsageError("--from is later than --to.")
    return days
