# ruff: noqa: PLC0415 - imports inside commands are this file's idea
"""`jingting hq …`: found headquarters, run it, and all that is done at its machine."""

import re
import sys
from datetime import datetime
from pathlib import Path

import click

from jingting.loading import CONFIG, Lazy, load, serve, set_up


@click.group(invoke_without_command=True)
@CONFIG
@click.pass_context
def hq(context: click.Context, config: Path | None) -> None:
    """Run headquarters until SIGTERM or SIGINT."""
    context.obj = config
    if context.invoked_subcommand is None:
        from hq import settings as hq_settings

        settings = load(hq_settings.load, config)
        set_up(quiet=("alembic", "uvicorn"))
        from hq.database import DatabaseUnreachableError, SchemaTooNewError
        from hq.main import run

        serve(run(settings), SchemaTooNewError, DatabaseUnreachableError)


@hq.command("init")
@click.argument("folder", metavar="DIR", required=False, type=click.Path(path_type=Path, file_okay=False))
@CONFIG
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
    sys.exit(load(lambda file: init(file, wish), config))


@hq.command()
@CONFIG
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

    settings = load(hq_settings.load, config or context.obj)
    from common.process import leave_no_trace
    from hq.cli import print_unsealed

    leave_no_trace()

    sys.exit(print_unsealed(settings, station, event, record, reason))


@hq.command()
@CONFIG
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

    settings = load(hq_settings.load, config or context.obj)
    if not is_station(station):
        raise click.BadParameter("2 to 32 of a-z, 0-9 and -, not hq nor beginning hq-", param_hint="--station")
    set_up(quiet=("alembic",))
    from hq.cli import print_invitation

    given = {name: value for name, value in first.items() if value}
    if re.fullmatch(r"[A-Z0-9]{2,8}", given.get("code", "OK")) is None:
        raise click.BadParameter("2 to 8 of A-Z and 0-9", param_hint="--code")
    sys.exit(print_invitation(settings, station, given, folder, qr=qr))


@hq.group(invoke_without_command=True)
@CONFIG
@click.pass_context
def audit(context: click.Context, config: Path | None) -> None:
    """Print who did what and why, a JSON line each; exit 1 if a line was changed or taken out."""
    context.obj = config or context.obj
    if context.invoked_subcommand is None:
        from hq import settings as hq_settings

        settings = load(hq_settings.load, context.obj)
        from hq.cli import print_audit

        sys.exit(print_audit(settings))


@audit.command()
@CONFIG
@click.pass_context
def verify(context: click.Context, config: Path | None) -> None:
    """Check the audit's chain without printing it, and say where it ends; exit 1 if it is not sound."""
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or context.obj)
    from hq.cli import print_audit

    sys.exit(print_audit(settings, lines=False))


@hq.group("follow-ups", invoke_without_command=True)
@CONFIG
@click.pass_context
def follow_ups(context: click.Context, config: Path | None) -> None:
    """Print which low ratings are to be looked into, a JSON line each: due day, station, record, rating."""
    context.obj = config or context.obj
    if context.invoked_subcommand is None:
        from hq import settings as hq_settings

        settings = load(hq_settings.load, context.obj)
        set_up(quiet=("alembic",))
        from hq.cli import print_follow_ups

        sys.exit(print_follow_ups(settings))


@follow_ups.command("close")
@click.argument("follow_up", metavar="ID")
@CONFIG
@click.option("--reason", required=True, metavar="TEXT", help="What came of it; kept for years: no names.")
@click.pass_context
def close_follow_up(context: click.Context, follow_up: str, config: Path | None, reason: str) -> None:
    """Close one, by its `id`."""
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or context.obj)
    set_up(quiet=("alembic",))
    from hq.cli import print_followed_up

    sys.exit(print_followed_up(settings, follow_up, reason))


@hq.command()
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.pass_context
def referrals(context: click.Context, config: Path | None, *, as_json: bool) -> None:
    """Print the open referrals of all stations, those due first on top, and how many are overdue."""
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or context.obj)
    set_up(quiet=("alembic",))
    from hq.cli import print_referrals

    sys.exit(print_referrals(settings, as_json=as_json))


@hq.command()
@CONFIG
@click.option("--day", type=click.DateTime(formats=["%Y-%m-%d"]), metavar="DAY", help="Which day; today's by default.")
@click.option("--station", metavar="ID", help="Of this station alone.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.pass_context
def figures(
    context: click.Context, config: Path | None, *, day: datetime | None, station: str | None, as_json: bool
) -> None:
    """Print what a day and its month came to: calls for help, how soon they were answered, records, ratings."""
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or context.obj)
    set_up(quiet=("alembic",))
    from hq.figures_cli import print_figures

    sys.exit(print_figures(settings, day and day.date(), station, as_json=as_json))


@hq.command()
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.pass_context
def books(context: click.Context, config: Path | None, *, as_json: bool) -> None:
    """Print who is on patrol, what is lent, and what was found and is kept, at all stations; overdue on top."""
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or context.obj)
    set_up(quiet=("alembic",))
    from hq.books_cli import print_books

    sys.exit(print_books(settings, as_json=as_json))


@hq.group("keys")
def hq_keys() -> None:
    """Headquarters' own keys."""


@hq_keys.command("rotate")
@CONFIG
@click.option("--order", "use", flag_value="order", help="The key that signs orders and acks.")
@click.option("--sealing", "use", flag_value="sealing", help="The key to which stations seal personal fields.")
@click.pass_context
def rotate(context: click.Context, config: Path | None, use: str | None) -> None:
    """Use a new key from now on, and tell every station by an order. Nothing is stopped, nothing old is lost."""
    if use not in {"order", "sealing"}:
        raise click.UsageError("Give one of --order and --sealing.")
    from hq import settings as hq_settings

    parent = context.parent.parent.obj if context.parent is not None and context.parent.parent is not None else None
    settings = load(hq_settings.load, config or parent)
    set_up(quiet=("alembic",))
    from hq.cli import print_rotated

    sys.exit(print_rotated(settings, "order" if use == "order" else "sealing"))


@hq.command()
@click.argument("station", metavar="ID")
@CONFIG
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept for years: a case number, no names.")
@click.pass_context
def revoke(context: click.Context, station: str, config: Path | None, reason: str) -> None:
    """Let a station that is stolen or lost say and hear nothing any more. It can only be enrolled again."""
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or context.obj)
    from sync.topics import STATION_ID

    if not STATION_ID.fullmatch(station):
        raise click.BadParameter("2 to 32 of a-z, 0-9 and -", param_hint="ID")
    set_up(quiet=("alembic",))
    from hq.cli import print_revoked

    sys.exit(print_revoked(settings, station, reason))


@hq.command()
@CONFIG
@click.option("--worker", metavar="NAME", help="This process's own name among headquarters' (default: hq.worker).")
@click.pass_context
def ingest(context: click.Context, config: Path | None, worker: str | None) -> None:
    """Take stations' logs, no calls for help and no pages, beside a running headquarters, until SIGTERM or SIGINT."""
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or context.obj)
    if worker is not None and re.fullmatch(hq_settings.WORKER, worker) is None:
        raise click.BadParameter("1 to 32 of a-z, 0-9 and -", param_hint="--worker")
    set_up(quiet=("alembic",))
    from hq.database import DatabaseUnreachableError, SchemaTooNewError
    from hq.main import run_log_worker

    serve(run_log_worker(settings, worker or settings.hq.worker), SchemaTooNewError, DatabaseUnreachableError)


@hq.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@CONFIG
@click.pass_context
def backup(context: click.Context, folder: Path, config: Path | None) -> None:
    """Copy headquarters' database into DIR while it runs, as it stands at one moment."""
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or context.obj)
    set_up(quiet=("alembic",))
    from hq.cli import print_backup

    sys.exit(print_backup(settings, folder))


@hq.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@CONFIG
@click.option("--force", is_flag=True, help="Even if headquarters seems to run: it was killed just now.")
@click.pass_context
def restore(context: click.Context, folder: Path, config: Path | None, *, force: bool) -> None:
    """Put the copy in DIR in place of headquarters' database; stations then send what it does not know."""
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or context.obj)
    set_up(quiet=("alembic",))
    from hq.cli import print_restore

    sys.exit(print_restore(settings, folder, force=force))


@hq.group(
    cls=Lazy,
    places={name: f"jingting.users:{name}" for name in ("add", "role", "password", "disable", "enable")}
    | {"list": "jingting.users:list_"},
)
def user() -> None:
    """Say who may use headquarters' pages."""


@hq.group(
    cls=Lazy,
    places={
        name: f"jingting.hq_orders:{name.replace('-', '_')}"
        for name in ("rota", "settings", "settings-held", "dispatch", "dispatches", "notice", "notices", "receipt")
    },
)
def order() -> None:
    """Tell stations what to do; each does it once, now or when it comes back."""


@hq.group(
    cls=Lazy,
    places={name: f"jingting.staff:{name}" for name in ("issue", "withdraw", "reset")}
    | {"list": "jingting.staff:list_"},
)
def staff() -> None:
    """Say who may sign in at a station's duty desk."""


@hq.group(
    cls=Lazy,
    places={name: f"jingting.content_commands:{name}" for name in ("pack", "send", "withdraw")}
    | {"list": "jingting.content_commands:list_"},
)
def content() -> None:
    """Legal education on idle screens: make a pack, send it, see where it is, withdraw it."""


@hq.group("records", cls=Lazy, places={"export": "jingting.record_commands:export_all"})
def hq_records() -> None:
    """Walk-in records of all stations."""
