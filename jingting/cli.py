# ruff: noqa: PLC0415 - imports inside commands are this file's idea
"""The `jingting` command. Results go to stdout, everything else to stderr; `docs/names.md` lists the exit codes.

Every import that costs time or belongs to one house stands inside its command: a kiosk never loads headquarters.
"""

import asyncio
import importlib
import re
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from common.version import VERSION
from jingting.loading import leave as _leave
from jingting.loading import load as _load

_CONFIG = click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings, a TOML file.", default=None
)


class _Lazy(click.Group):
    """A group whose commands stand in other modules, `places`, and are imported when they are called."""

    def __init__(self, *, places: Mapping[str, str], **rest: Any) -> None:
        super().__init__(**rest)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self._places:
            return None
        module, name = self._places[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, message="%(prog)s %(version)s")
def main() -> None:
    """Jingting, the agent of a city's police service stations, and its headquarters.

    Try it: jingting demo
    """


@main.group(invoke_without_command=True)
@_CONFIG
@click.pass_context
def station(context: click.Context, config: Path | None) -> None:
    """Run one station until SIGTERM or SIGINT."""
    context.obj = config
    if context.invoked_subcommand is None:
        from agent import settings as station_settings

        settings = _load(station_settings.load, config)
        _set_up()
        from agent.database import JournalError
        from agent.station import run
        from common.process import share_one_heap

        share_one_heap()

        _serve(run(settings), JournalError)


@station.command()
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print the station's own JSON.")
@click.pass_context
def status(context: click.Context, config: Path | None, *, as_json: bool) -> None:
    """Ask a running station how it is: exit 0 well, 1 something is wrong, 3 not running."""
    from agent import settings as station_settings
    from jingting import status as asking

    settings = _load(station_settings.load, config or context.obj)
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
@_CONFIG
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
        _leave(f"Nothing was destroyed: {error}", 1)
    except OSError as error:
        _leave(f"{error.filename}: {(error.strerror or str(error)).lower()}; mend that, and do it again", 1)
    click.echo("Next: tell headquarters that this kiosk is gone.")


@main.group(invoke_without_command=True)
@_CONFIG
@click.pass_context
def hq(context: click.Context, config: Path | None) -> None:
    """Run headquarters until SIGTERM or SIGINT."""
    context.obj = config
    if context.invoked_subcommand is None:
        from hq import settings as hq_settings

        settings = _load(hq_settings.load, config)
        _set_up(quiet=("alembic", "uvicorn"))
        from hq.database import DatabaseUnreachableError, SchemaTooNewError
        from hq.main import run

        _serve(run(settings), SchemaTooNewError, DatabaseUnreachableError)


@hq.command("init")
@click.argument("folder", metavar="DIR", required=False, type=click.Path(path_type=Path, file_okay=False))
@_CONFIG
@click.option("--city", default="city", show_default=True, help="Stands in the root certificate.")
@click.option(
    "--broker", "names", multiple=True, metavar="NAME", help="Name or address of the broker; may be repeated."
)
@click.option("--port", type=click.IntRange(1, 65535), default=8883, show_default=True, help="Stations' at the broker.")
@click.option("--own-port", type=click.IntRange(1, 65535), default=8884, show_default=True, help="Headquarters' there.")
@click.option(
    "--broker-folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/etc/mosquitto/jingting"),
    show_default=True,
    help="Where the broker's files will lie.",
)
@click.pass_context
def hq_init(
    context: click.Context,
    folder: Path | None,
    config: Path | None,
    *,
    city: str,
    names: tuple[str, ...],
    port: int,
    own_port: int,
    broker_folder: Path,
) -> None:
    """Make in DIR what headquarters lacks: settings, authority, keys, certificates, the broker's files.

    No key is ever overwritten. DIR/hq.toml, or FILE, says where they are.
    """
    config = config or context.obj or (folder / "hq.toml" if folder is not None else None)
    if config is None:
        raise click.UsageError("Give a folder, or --config.")
    from hq.init import Wish, init

    wish = Wish(
        city=city, names=names or ("localhost", "127.0.0.1"), port=port, own_port=own_port, folder=broker_folder
    )
    sys.exit(_load(lambda file: init(file, wish), config))


@hq.command()
@_CONFIG
@click.option("--station", default="", metavar="ID", help="The station that sent it; --event needs it.")
@click.option("--event", metavar="ID", help="One event, by its id.")
@click.option("--record", metavar="NUMBER", help="One record, by its number.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept for years: a case number, no names.")
@click.pass_context
def unseal(
    context: click.Context, config: Path | None, *, station: str, event: str | None, record: str | None, reason: str
) -> None:
    """Print the sealed fields of one event or record as JSON, after the audit has noted who asks and why."""
    if (event is None) == (record is None):
        raise click.UsageError("Give one of --event and --record.")
    if event is not None and not station:
        raise click.UsageError("Missing option '--station': --event needs it.")
    from hq import settings as hq_settings

    settings = _load(hq_settings.load, config or context.obj)
    from common.process import leave_no_trace
    from hq.cli import print_unsealed

    leave_no_trace()

    sys.exit(print_unsealed(settings, station, event, record, reason))


@hq.command()
@_CONFIG
@click.option("--station", required=True, metavar="ID", help="Which station the kiosk becomes.")
@click.option("--code", metavar="CODE", help="First settings: station.code.")
@click.option("--name-zh", metavar="TEXT", help="First settings: station.name_zh.")
@click.option("--name-en", metavar="TEXT", help="First settings: station.name_en.")
@click.option("--zone", metavar="ZONE", help="First settings: station.zone.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write it into DIR.")
@click.option("--qr", is_flag=True, help="Show a QR code too.")
@click.pass_context
def invite(
    context: click.Context, /, config: Path | None, station: str, folder: Path | None, *, qr: bool, **first: str | None
) -> None:
    """Make a one-time code by which a kiosk becomes a station; good for 24 hours."""
    from hq import settings as hq_settings
    from sync.topics import is_station

    settings = _load(hq_settings.load, config or context.obj)
    if not is_station(station):
        raise click.BadParameter("2 to 32 of a-z, 0-9 and -, not hq nor beginning hq-", param_hint="--station")
    _set_up(quiet=("alembic",))
    from hq.cli import print_invitation

    given = {name: value for name, value in first.items() if value}
    if re.fullmatch(r"[A-Z0-9]{2,8}", given.get("code", "OK")) is None:
        raise click.BadParameter("2 to 8 of A-Z and 0-9", param_hint="--code")
    sys.exit(print_invitation(settings, station, given, folder, qr=qr))


@hq.group(invoke_without_command=True)
@_CONFIG
@click.pass_context
def audit(context: click.Context, config: Path | None) -> None:
    """Print who did what and why, a JSON line each; exit 1 if a line was changed or taken out."""
    context.obj = config or context.obj
    if context.invoked_subcommand is None:
        from hq import settings as hq_settings

        settings = _load(hq_settings.load, context.obj)
        from hq.cli import print_audit

        sys.exit(print_audit(settings))


@audit.command()
@_CONFIG
@click.pass_context
def verify(context: click.Context, config: Path | None) -> None:
    """Check the audit's chain without printing it, and say where it ends; exit 1 if it is not sound."""
    from hq import settings as hq_settings

    settings = _load(hq_settings.load, config or context.obj)
    from hq.cli import print_audit

    sys.exit(print_audit(settings, lines=False))


@hq.group("keys")
def hq_keys() -> None:
    """Headquarters' own keys."""


@hq_keys.command("rotate")
@_CONFIG
@click.option("--order", "use", flag_value="order", help="The key that signs orders and acks.")
@click.option("--sealing", "use", flag_value="sealing", help="The key to which stations seal personal fields.")
@click.pass_context
def rotate(context: click.Context, config: Path | None, use: str | None) -> None:
    """Use a new key from now on, and tell every station by an order. Nothing is stopped, nothing old is lost."""
    if use not in {"order", "sealing"}:
        raise click.UsageError("Give one of --order and --sealing.")
    from hq import settings as hq_settings

    parent = context.parent.parent.obj if context.parent is not None and context.parent.parent is not None else None
    settings = _load(hq_settings.load, config or parent)
    _set_up(quiet=("alembic",))
    from hq.cli import print_rotated

    sys.exit(print_rotated(settings, "order" if use == "order" else "sealing"))


@hq.command()
@click.argument("station", metavar="ID")
@_CONFIG
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept for years: a case number, no names.")
@click.pass_context
def revoke(context: click.Context, station: str, config: Path | None, reason: str) -> None:
    """Let a station that is stolen or lost say and hear nothing any more. It can only be enrolled again."""
    from hq import settings as hq_settings

    settings = _load(hq_settings.load, config or context.obj)
    from sync.topics import STATION_ID

    if not STATION_ID.fullmatch(station):
        raise click.BadParameter("2 to 32 of a-z, 0-9 and -", param_hint="ID")
    _set_up(quiet=("alembic",))
    from hq.cli import print_revoked

    sys.exit(print_revoked(settings, station, reason))


@hq.command()
@_CONFIG
@click.option("--worker", metavar="NAME", help="This process's own name among headquarters' (default: hq.worker).")
@click.pass_context
def ingest(context: click.Context, config: Path | None, worker: str | None) -> None:
    """Take stations' logs, no calls for help and no pages, beside a running headquarters, until SIGTERM or SIGINT."""
    from hq import settings as hq_settings

    settings = _load(hq_settings.load, config or context.obj)
    if worker is not None and re.fullmatch(hq_settings.WORKER, worker) is None:
        raise click.BadParameter("1 to 32 of a-z, 0-9 and -", param_hint="--worker")
    _set_up(quiet=("alembic",))
    from hq.database import DatabaseUnreachableError, SchemaTooNewError
    from hq.main import run_log_worker

    _serve(run_log_worker(settings, worker or settings.hq.worker), SchemaTooNewError, DatabaseUnreachableError)


@hq.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@_CONFIG
@click.pass_context
def backup(context: click.Context, folder: Path, config: Path | None) -> None:
    """Copy headquarters' database into DIR while it runs, as it stands at one moment."""
    from hq import settings as hq_settings

    settings = _load(hq_settings.load, config or context.obj)
    _set_up(quiet=("alembic",))
    from hq.cli import print_backup

    sys.exit(print_backup(settings, folder))


@hq.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@_CONFIG
@click.option("--force", is_flag=True, help="Even if headquarters seems to run: it was killed just now.")
@click.pass_context
def restore(context: click.Context, folder: Path, config: Path | None, *, force: bool) -> None:
    """Put the copy in DIR in place of headquarters' database; stations then send what it does not know."""
    from hq import settings as hq_settings

    settings = _load(hq_settings.load, config or context.obj)
    _set_up(quiet=("alembic",))
    from hq.cli import print_restore

    sys.exit(print_restore(settings, folder, force=force))


@hq.group(
    cls=_Lazy,
    places={name: f"jingting.users:{name}" for name in ("add", "role", "password", "disable", "enable")}
    | {"list": "jingting.users:list_"},
)
def user() -> None:
    """Say who may use headquarters' pages."""


@main.group(
    cls=_Lazy,
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
    cls=_Lazy,
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
    _set_up()
    from jingting.demo import run

    sys.exit(asyncio.run(run(stations=stations, seconds=seconds, folder=folder, seed=seed, as_json=as_json)))


def _make_key(file: Path, make: Callable[[], Path]) -> None:
    try:
        public = make()
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {(error.strerror or str(error)).lower()}") from error
    click.echo(f"{file}\n{public}")


def _serve(house: Coroutine[object, object, None], *failures: type[Exception]) -> None:
    """Run a house to its end; what keeps it from serving is said in one line, exit 1."""
    expected: tuple[type[Exception], ...] = (OSError, *failures)
    try:
        asyncio.run(house)
    except expected as error:
        _leave(str(error), 1)


def _set_up(*, quiet: Sequence[str] = ()) -> None:
    from common.process import leave_no_trace, set_up_logging

    leave_no_trace()
    set_up_logging(quiet=quiet)
