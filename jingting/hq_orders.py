# ruff: noqa: PLC0415 - imports inside commands: `jingting --help` needs none of headquarters
"""`jingting hq order …`: what headquarters tells its stations to do."""

import re
import sys
from pathlib import Path

import click

from jingting.loading import load, set_up

_CODE = re.compile(r"[0-9A-Za-z._/-]{1,64}", re.ASCII)
_CODE_SPELT = "1 to 64 of 0-9, A-Z, a-z, ., _, / and -"
_NOTICE_WRONG = {
    "missing": "give the words, in --zh, --en or both",
    "too_long": "at most 200 characters",
    "wrong": "no control characters, and no second line",
    "personal": "somebody's telephone or document number seems to be in it: leave it out",
}
_NUMBER = re.compile(r"[A-Z0-9]{2,8}-[0-9]{8}-[0-9]{4,8}", re.ASCII)
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
    from common.events.desk import RotaSet
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or _parents(context))
    read = load(rota_file.load, file)
    set_up(quiet=("alembic",))
    from hq.cli import print_ordered

    sys.exit(print_ordered(settings, RotaSet(rota=read), asked))


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@_CONFIG
@_STATIONS
@_ALL
@click.option(
    "--within",
    type=click.IntRange(10, 3600),
    default=180,
    show_default=True,
    metavar="SECONDS",
    help="Where it moves the link: headquarters is to be heard there by then, or the station goes back.",
)
@click.pass_context
def settings(
    context: click.Context,
    file: Path,
    config: Path | None,
    stations: tuple[str, ...],
    *,
    everybody: bool,
    within: int,
) -> None:
    """Give stations other settings than their own files have; FILE is looked at first, and holds instead of all before.

    config/ordered-settings.toml in the source is a commented example; a file without a table takes all of it back.
    """
    asked = _asked(stations, everybody=everybody)
    from common import ordered_settings
    from common.events.journal import SettingsSet
    from hq import settings as hq_settings

    own = load(hq_settings.load, config or _parents(context))
    ordered = load(ordered_settings.load, file)
    set_up(quiet=("alembic",))
    from hq.cli import print_ordered

    sys.exit(print_ordered(own, SettingsSet(settings=ordered, within_s=within), asked))


@click.command("settings-held")
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_context
def settings_held(context: click.Context, config: Path | None, *, as_json: bool) -> None:
    """Print how each station stands with the settings it was ordered last, and which of them are in force there."""
    from hq import settings as hq_settings

    own = load(hq_settings.load, config or _parents(context))
    set_up(quiet=("alembic",))
    from hq.cli import print_settings

    sys.exit(print_settings(own, as_json=as_json))


@click.command()
@_CONFIG
@click.option("--station", required=True, metavar="ID", help="Which one is to go.")
@click.option("--service", required=True, metavar="CODE", help="What it is about, of the catalogue: QZ-01.")
@click.option("--reference", required=True, metavar="TEXT", help="The case in the 110 system, which has all else.")
@click.option("--grid", metavar="CODE", help="Where.")
@click.option("--urgent", is_flag=True, help="Shown above the others.")
@click.option(
    "--within",
    type=click.IntRange(1, 24 * 60),
    default=30,
    show_default=True,
    metavar="MINUTES",
    help="It is to be received by then; else it has expired.",
)
@click.pass_context
def dispatch(
    context: click.Context,
    /,
    config: Path | None,
    *,
    station: str,
    service: str,
    reference: str,
    grid: str | None,
    urgent: bool,
    within: int,
) -> None:
    """Send somebody from a station: no names, no story, those the 110 system has under its reference."""
    for option, text in (("--service", service), ("--reference", reference), ("--grid", grid)):
        if text is not None and not _CODE.fullmatch(text):
            raise click.BadParameter(_CODE_SPELT, param_hint=option)
    from common.clock import Clock, rfc3339
    from common.events.errands import DispatchSent
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or _parents(context))
    set_up(quiet=("alembic",))
    from hq.cli import print_ordered

    expires = rfc3339(Clock().wall_ms() + within * 60_000)
    sent = DispatchSent(
        service=service, reference=reference, grid=grid, priority="urgent" if urgent else "normal", expires=expires
    )
    sys.exit(print_ordered(settings, sent, (station,)))


@click.command()
@_CONFIG
@_STATIONS
@_ALL
@click.option("--zh", default="", metavar="TEXT", help="What it says in Chinese, up to 200 characters.")
@click.option("--en", default="", metavar="TEXT", help="What it says in English; one of the two is enough.")
@click.option("--must-read", is_flag=True, help="Above the others, and on the sheet of a handover until it is read.")
@click.option(
    "--days",
    type=click.IntRange(1, 30),
    default=7,
    show_default=True,
    metavar="DAYS",
    help="So long it stands at the desks; then it goes by itself.",
)
@click.pass_context
def notice(
    context: click.Context,
    /,
    config: Path | None,
    *,
    stations: tuple[str, ...],
    everybody: bool,
    zh: str,
    en: str,
    must_read: bool,
    days: int,
) -> None:
    """Tell whoever is on duty a few words: of nobody, for it stands in the clear at every desk."""
    asked = _asked(stations, everybody=everybody)
    from common.notice import problems

    found = problems(zh, en)
    if found:
        language, problem = next(iter(found.items()))
        raise click.BadParameter(_NOTICE_WRONG[problem], param_hint=f"--{language}")
    from common.clock import Clock, rfc3339
    from common.events.errands import NoticeSent
    from common.identifiers import uuid7
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or _parents(context))
    set_up(quiet=("alembic",))
    from hq.notice_cli import print_notice

    now_ms = Clock().wall_ms()
    expires = rfc3339(now_ms + days * 24 * 3600 * 1000)
    sent = NoticeSent(notice=uuid7(wall_ms=now_ms), zh=zh, en=en, must_read=must_read, expires=expires)
    sys.exit(print_notice(settings, sent, asked))


@click.command()
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_context
def notices(context: click.Context, config: Path | None, *, as_json: bool) -> None:
    """Print the newest notices, the last one sent on top: at which stations they are, and who has read them."""
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or _parents(context))
    set_up(quiet=("alembic",))
    from hq.notice_cli import print_notices

    sys.exit(print_notices(settings, as_json=as_json))


@click.command()
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_context
def dispatches(context: click.Context, config: Path | None, *, as_json: bool) -> None:
    """Print the newest dispatches, the last one sent on top: where, which, and how it stands since when."""
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or _parents(context))
    set_up(quiet=("alembic",))
    from hq.cli import print_dispatches

    sys.exit(print_dispatches(settings, as_json=as_json))


@click.command()
@_CONFIG
@click.option("--station", required=True, metavar="ID", help="Whose record it is.")
@click.option("--record", required=True, metavar="NUMBER", help="Its number, as the slip has it: JW012-20261122-0007.")
@click.option("--by", required=True, metavar="CODE", help="Who has signed: the target, a code of the catalogue.")
@click.option("--reference", metavar="TEXT", help="Under which they have it.")
@click.pass_context
def receipt(
    context: click.Context, /, config: Path | None, *, station: str, record: str, by: str, reference: str | None
) -> None:
    """Tell a station that its referral was signed for (签收): the record moves on, and is due all the same."""
    number = record.strip().upper()
    if not _NUMBER.fullmatch(number):
        raise click.BadParameter("a record's number, such as JW012-20261122-0007", param_hint="--record")
    for option, text in (("--by", by), ("--reference", reference)):
        if text is not None and not _CODE.fullmatch(text):
            raise click.BadParameter(_CODE_SPELT, param_hint=option)
    from common.events.records import ReferralSigned
    from hq import settings as hq_settings

    settings = load(hq_settings.load, config or _parents(context))
    set_up(quiet=("alembic",))
    from hq.cli import print_ordered

    sys.exit(print_ordered(settings, ReferralSigned(record=number, by=by, reference=reference), (station,)))


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
