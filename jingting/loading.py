"""Settings for a command: loaded, or every mistake on stderr and the exit code that says so."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from common.settings import EX_CONFIG, SettingsError

_Settings = TypeVar("_Settings")


def load(load: Callable[[Path], _Settings], config: Path | None) -> _Settings:
    """Return loaded settings, or print every mistake and leave."""
    if config is None:
        raise click.UsageError("Missing option '--config'; config/ in the source has commented examples.")
    try:
        return load(config)
    except SettingsError as error:
        leave(str(error), EX_CONFIG)


def leave(message: str, code: int) -> NoReturn:
    """Say why on stderr, and exit with `code`."""
    click.echo(message, err=True)
    sys.exit(code)
