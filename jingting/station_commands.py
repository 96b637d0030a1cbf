# ruff: noqa: PLC0415 - imports inside commands are this file's idea
"""`jingting station …`: run one, ask it how it is, make a kiosk one, and make it none again."""

import os
import sys
from pathlib import Path

import click

from common.settings import EX_CONFIG
from jingting.loading import CONFIG, given, leave, load

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(invoke_without_command=True)
@CONFIG
@click.pass_context
def station(context: click.Context, config: Path | None) -> None:
    """Run one station until SIGTERM or SIGINT."""
    context.obj = config
    if context.invoked_subcommand is None:
        # The same process goes on as the daemon alone: the command line's parser takes 1.7 MiB, and a kiosk has 48.
        # -P: nothing is imported from the folder it happens to be started in.
        os.execv(sys.executable, (sys.executable, "-P", "-m", "agent", str(given(config))))  # noqa: S606 - our own


@station.command()
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print the station's own JSON.")
@click.pass_context
def status(context: click.Context, config: Path | None, *, as_json: bool) -> None:
    """Ask a running station how it is: exit 0 well, 1 something is wrong, 3 not running."""
    from agent import settings as station_settings
    from jingting import status as asking

    settings = load(station_settings.load, config or context.obj)
    at = settings.web.duty_host, settings.web.duty_port
    answer = asking.ask(*at)
    if answer is None:
        click.echo(
            f"{settings.station.id} does not answer at {asking.address(*at)}."
            " Start it with: jingting station --config FILE",
            err=True,
        )
        sys.exit(asking.NOT_RUNNING)
    wrong = asking.wrong(answer)
    click.echo(asking.as_json(answer) if as_json else asking.in_words(answer, wrong))
    sys.exit(asking.WRONG if wrong else 0)


@station.command()
@CONFIG
@click.option("--places", type=_FILE, metavar="FILE", help="The ten-minute circle.")
@click.option("--addresses", type=_FILE, metavar="FILE", help="Addresses and landmarks of the grid; with --contacts.")
@click.option("--contacts", type=_FILE, metavar="FILE", help="Who is responsible in it; with --addresses.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def check(
    context: click.Context,
    *,
    config: Path | None,
    places: Path | None,
    addresses: Path | None,
    contacts: Path | None,
    as_json: bool,
) -> None:
    """Look for mistakes in the city's files before they are copied: exit 0 none, 78 every one is told.

    Without files, those of the settings.
    """
    if (addresses is None) != (contacts is None):
        raise click.UsageError("--addresses and --contacts are checked together: give both.")
    if places is None and addresses is None:
        from agent import settings as station_settings

        finding = load(station_settings.load, config or context.obj).finding
        if finding is None:
            leave("The settings have no [finding]: there are no files to be checked.", 1)
        places, addresses, contacts = finding.places, finding.addresses, finding.contacts
    from jingting.city_check import check as look

    checked = look(places, addresses, contacts)
    click.echo(checked.as_json() if as_json else checked.in_words())
    sys.exit(EX_CONFIG if checked.mistakes else 0)


@station.command()
@click.argument("code", required=False)
@click.option("--folder", type=click.Path(path_type=Path), metavar="DIR", help="Instead of CODE: has invitation.json.")
@click.option("--at", metavar="HOST:PORT", help="Where headquarters is; a URI or a folder says it.")
@click.option("--station", "station_id", metavar="ID", help="Which station this becomes; a URI or a folder says it.")
@click.option(
    "--dir", "home", type=click.Path(path_type=Path, file_okay=False), required=True, help="Keys, settings and data."
)
@click.option("--panel", metavar="PORT", help="Serial port of the help panel.")
@click.option("--card-reader", metavar="PORT", help="Serial port of the card reader.")
def enroll(
    *,
    code: str | None,
    folder: Path | None,
    at: str | None,
    station_id: str | None,
    home: Path,
    panel: str | None,
    card_reader: str | None,
) -> None:
    """Make a station of this kiosk, with a one-time CODE of `jingting hq invite`: its text, or its URI.

    Cut off at any point, do it again in the same way.
    """
    from jingting import enroll as enrolling

    try:
        invitation = enrolling.invitation(code, folder, at, station_id)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    sys.exit(enrolling.enroll(invitation, home, panel=panel, card_reader=card_reader))


@station.command()
@CONFIG
@click.option("--force", is_flag=True, help="Though events wait for headquarters: they are lost.")
@click.pass_context
def wipe(context: click.Context, config: Path | None, *, force: bool) -> None:
    """Destroy a station on this machine for good: keys first, then journal, orders and settings."""
    file = config or context.obj
    if file is None:
        raise click.UsageError("Missing option '--config': the settings of the station to be wiped.")
    from agent.wipe import NotWipedError, wipe

    try:
        wipe(file.absolute(), force=force, tell=click.echo)
    except NotWipedError as error:
        leave(f"Nothing was destroyed: {error}", 1)
    except OSError as error:
        leave(f"{error.filename}: {(error.strerror or str(error)).lower()}; mend that, and do it again", 1)
    click.echo("Next: tell headquarters that this kiosk is gone.")
