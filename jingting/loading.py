"""What the commands do alike: settings loaded or every mistake told, a house served to its end."""

import asyncio
import importlib
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from common.process import leave_no_trace, set_up_logging
from common.settings import EX_CONFIG, SettingsError

_Settings = TypeVar("_Settings")

CONFIG = click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings, a TOML file.", default=None
)


class Lazy(click.Group):
    """A group with commands that stand in other modules, `places`, and are imported when they are called."""

    def __init__(self, *, places: Mapping[str, str], **rest: Any) -> None:
        super().__init__(**rest)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of its commands, those that stand here too."""
        return sorted({*super().list_commands(ctx), *self._places})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported if need be, or None when there is none of that name."""
        if cmd_name not in self._places:
            return super().get_command(ctx, cmd_name)
        module, name = self._places[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


def given(config: Path | None) -> Path:
    """Return the settings' file, or leave when none was named."""
    if config is None:
        raise click.UsageError("Missing option '--config'; config/ in the source has commented examples.")
    return config


def load(load: Callable[[Path], _Settings], config: Path | None) -> _Settings:
    """Return loaded settings, or print every mistake and leave."""
    try:
        return load(given(config))
    except SettingsError as error:
        leave(str(error), EX_CONFIG)


def leave(message: str, code: int) -> NoReturn:
    """Say why on stderr, and exit with `code`."""
    click.echo(message, err=True)
    sys.exit(code)


def serve(house: Coroutine[object, object, None], *failures: type[Exception]) -> None:
    """Run a house to its end; what keeps it from serving is said in one line, exit 1."""
    expected: tuple[type[Exception], ...] = (OSError, *failures)
    try:
        asyncio.run(house)
    except expected as error:
        leave(str(error), 1)


def set_up(*, quiet: Sequence[str] = ()) -> None:
    """Log to stderr; of `quiet` packages only what goes wrong."""
    leave_no_trace()
    set_up_logging(quiet=quiet)
