# ruff: noqa: PLC0415 - imports inside commands: `jingting --help` needs none of headquarters
"""`jingting hq user …`: the accounts of those who use headquarters' pages.

A password is asked for at the terminal, or read as one line from stdin; it is never an argument, which every process of
the machine could read.
"""

import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jingting.loading import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from hq.accounts import Accounts
    from hq.roles import Role

_ROLE = click.Choice(["monitor", "supervisor", "auditor", "administrator"])
_CONFIG = click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings, a TOML file.", default=None
)
_NAME = click.argument("name", metavar="NAME")


@click.command()
@_NAME
@click.option("--role", type=_ROLE, required=True, help="What it may see and do.")
@_CONFIG
def add(name: str, role: "Role", config: Path | None) -> None:
    """Make an account; asks for its password, 15 characters or more, or reads it from stdin."""
    _do(config, lambda accounts, by: accounts.add(name, role, _password(), by=by))


@click.command("list")
@_CONFIG
def list_(config: Path | None) -> None:
    """Print every account: name, role, `disabled` or how many are signed in, when it was last used."""

    def show(accounts: "Accounts", _by: str) -> None:
        from common.clock import rfc3339

        for account in accounts.all():
            state = "disabled" if account.disabled else f"{account.sessions} signed in"
            seen = "never" if account.seen_ms is None else rfc3339(account.seen_ms)
            click.echo(f"{account.name:<32} {account.role:<13} {state:<12} {seen}")

    _do(config, show)


@click.command()
@_NAME
@click.argument("role", type=_ROLE)
@_CONFIG
def role(name: str, role: "Role", config: Path | None) -> None:
    """Give an account another role."""
    _do(config, lambda accounts, by: accounts.set_role(name, role, by=by))


@click.command()
@_NAME
@_CONFIG
def password(name: str, config: Path | None) -> None:
    """Give an account another password, asked for as by `add`, and sign it out everywhere."""
    _do(config, lambda accounts, by: accounts.set_password(name, _password(), by=by))


@click.command()
@_NAME
@_CONFIG
def disable(name: str, config: Path | None) -> None:
    """Let nobody in by an account any more, and sign it out everywhere, wall screens too."""
    _do(config, lambda accounts, by: accounts.disable(name, by=by))


@click.command()
@_NAME
@_CONFIG
def enable(name: str, config: Path | None) -> None:
    """Let an account in again."""
    _do(config, lambda accounts, by: accounts.enable(name, by=by))


def _password() -> str:
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    return sys.stdin.readline().rstrip("\r\n")


def _do(config: Path | None, act: "Callable[[Accounts, str], None]") -> None:
    """Act on headquarters' accounts; what was wrong is said in one line, exit 1."""
    from hq import settings as hq_settings

    context = click.get_current_context()
    settings = load(hq_settings.load, config or context.obj)
    from common.process import set_up_logging
    from hq.accounts import AccountExistsError, Accounts, NoSuchAccountError
    from hq.cli import whoever
    from hq.database import FAILURES, DatabaseUnreachableError, SchemaTooNewError
    from hq.store import Store

    set_up_logging(quiet=("alembic", "hq"))
    try:
        with closing(Store.open(settings.store.url)) as store:
            act(Accounts(store.database, lambda: time.time_ns() // 1_000_000), whoever())
    except (
        AccountExistsError,
        NoSuchAccountError,
        ValueError,
        SchemaTooNewError,
        DatabaseUnreachableError,
        *FAILURES,
    ) as error:
        click.echo(str(error).partition("\n")[0], err=True)
        sys.exit(1)
