# ruff: noqa: PLC0415 - imports inside commands: each device's code is loaded for that device alone
"""The technician's commands, `jingting device …`: look at one device by itself, without the rest of the system.

Results go to stdout, one JSON object a line where a script may read them; who a document is of is masked on a terminal
and whole in a pipe, since only somebody who asked for it has a pipe there.
"""

import asyncio
import contextlib
import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from common import process
from jingting.loading import CONFIG, load
from jingting.one_device import DRIVERS, Address, DriverName, Told, addresses, build, running

_CHUNK: Final = 4096

_FULL = click.option("--full", is_flag=True, help="Show who it is on a terminal too.")


def _device_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take a device: one that settings name, or any that is plugged in."""
    for option in (
        click.option("--suffix", type=click.Choice(["cr", "lf", "crlf"]), help="What ends a code of a code_scanner."),
        click.option("--baud", type=int, help="The line's speed (default: the driver's own)."),
        click.option("--port", help="A path, usb:VID:PID, a URL; of a gpio_button CHIP:LINE, as pinctrl-rp1:17."),
        click.option("--driver", type=click.Choice(DRIVERS), help="Without --config: what it is."),
        click.option("--name", help="With --config: which of its devices."),
        CONFIG,
    ):
        command = option(command)
    return command


@click.command("check-number")
@click.argument("number", metavar="NUMBER")
def check_number(number: str) -> None:
    """Check an identity number of any kind and print what it says as JSON; `-` reads it from stdin.

    `failed` lists every rule it breaks; all else are labels, which may be wrong. A number on the command line stands in
    the shell's history: `-` leaves it out.
    """
    from drivers import identity_numbers

    typed = sys.stdin.read() if number == "-" else number
    checked = identity_numbers.check(typed, today=_today())
    _print(
        {
            "valid": checked.valid,
            "kind": checked.kind,
            "birth": checked.birth,
            "sex": checked.sex,
            "region": checked.region,
            "failed": list(checked.failed),
        }
    )


@click.command()
@click.option(
    "--driver",
    type=click.Choice(["card_reader", "code_scanner", "panel", "passport_reader"]),
    required=True,
    help="Whose bytes these are.",
)
@_FULL
def decode(driver: str, *, full: bool) -> None:
    """Tell what was captured on a device's line: a JSON object for each frame or problem, in order.

    Reads stdin: hex, white space ignored; of a passport_reader the lines of machine-readable zones, a blank line
    between two.
    """
    from jingting import captures

    if driver == "passport_reader":
        lines = (line.decode("ascii", "replace") for line in sys.stdin.buffer)
        told = captures.zones(lines, today=_today())
    else:
        told = captures.DRIVERS[driver](from_hex(sys.stdin.buffer))
    show = _shown(full=full)
    try:
        for one in told:
            _print(show(one))
    except NotHexError as error:
        raise click.ClickException(str(error)) from None


@click.command("list")
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each.")
def list_devices(config: Path | None, *, as_json: bool) -> None:
    """Show what is plugged in; with --config, what these settings name, and how the running station says it stands."""
    from jingting import plugged

    if config is None:
        found = plugged.lines()
        nothing = "No serial port and no GPIO chip is here."
    else:
        from agent import settings as station_settings
        from jingting import status as asking

        settings = load(station_settings.load, config)
        view = asking.ask(settings.web.duty_host, settings.web.duty_port)
        if view is None:
            click.echo("The station does not run: how its devices stand is not known.", err=True)
        states = {} if view is None else {device["name"]: device for device in view["devices"]}
        found = plugged.named(addresses(settings), states)
        nothing = "These settings name no device."
    if as_json:
        for one in found:
            _print(one)
    elif found:
        for one in found:
            click.echo("  ".join(str(value) for value in one.values() if value not in (None, "")))
    else:
        click.echo(nothing, err=True)


@click.command()
@_device_options
@_FULL
@click.option("--seconds", type=click.FloatRange(min=0), help="Stop after so long; else with Ctrl-C.")
def watch(*, full: bool, seconds: float | None, **options: Any) -> None:
    """Print what a device says, a JSON object each time: its state, presses, documents, codes.

    Nothing is acknowledged to a panel: presses made meanwhile wait there for the station.
    """
    address = _address(**options)
    process.set_up_logging()
    asyncio.run(_watch(address, _shown(full=full), seconds))


@click.command()
@_device_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def test(*, as_json: bool, **options: Any) -> None:
    """Try one device: exit 0 when it works, 1 when it does not. A panel sounds, tests itself and presses by itself.

    The others need a hand: a card, a code, a press.
    """
    from jingting.device_trial import tried

    address = _address(**options)
    process.set_up_logging()
    result = asyncio.run(tried(address, lambda words: click.echo(words, err=True)))
    if as_json:
        _print(result)
    else:
        outcome = "works" if result["passed"] else f"does not work: {result['reason']}"
        click.echo(f"{result['driver']} {result['device']} {outcome}")
    sys.exit(0 if result["passed"] else 1)


class NotHexError(ValueError):
    """What stands on stdin is not hex; the message says where."""


def from_hex(source: BinaryIO) -> Iterator[bytes]:
    """Return the bytes that hex text stands for, line by line as it comes; white space is ignored.

    Raises NotHexError.
    """
    half, at = b"", 0
    while piece := source.readline(_CHUNK):
        digits = half + b"".join(piece.split())
        even = len(digits) // 2 * 2
        try:
            yield bytes.fromhex(digits[:even].decode("ascii"))
        except ValueError:
            wrong = next(place for place, digit in enumerate(digits) if digit not in b"0123456789abcdefABCDEF")
            raise NotHexError(f"no hex digit at place {at + wrong + 1}: capture with xxd -p, or the like") from None
        half, at = digits[even:], at + even
    if half:
        raise NotHexError(f"an odd number of hex digits, {at + 1}: the capture ends in the middle of a byte")


def _address(
    *, config: Path | None, name: str | None, driver: DriverName | None, port: str | None, **options: Any
) -> Address:
    """Return the device that was asked for; leave with what is missing."""
    given = {key: value for key, value in options.items() if value is not None}
    if config is None:
        if driver is None or port is None:
            raise click.UsageError("Give --driver and --port, or --config and --name.")
        address = Address(driver=driver, name=driver, port=port, options=given)
    else:
        from agent import settings as station_settings

        devices = {one.name: one for one in addresses(load(station_settings.load, config))}
        if name not in devices:
            raise click.BadParameter(f"there are: {', '.join(devices)}", param_hint="--name")
        address = devices[name]
    try:
        build(address, lambda _: None)
    except (ValueError, TypeError) as error:
        raise click.UsageError(str(error)) from None
    return address


async def _watch(address: Address, show: Callable[[Told], Told], seconds: float | None) -> None:
    stop = process.stop_requested()
    async with running(address) as (_, told):
        printing = asyncio.create_task(_print_all(told, show))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()
        printing.cancel()


async def _print_all(told: "asyncio.Queue[Told]", show: Callable[[Told], Told]) -> None:
    while True:
        _print(show(await told.get()))


def _today() -> dt.date:
    return dt.datetime.now().astimezone().date()


def _shown(*, full: bool) -> Callable[[Told], Told]:
    """Return what makes a result fit for where it goes: masked for a terminal."""
    from jingting.captures import masked

    return masked if sys.stdout.isatty() and not full else dict


def _print(told: Told) -> None:
    click.echo(json.dumps(told, ensure_ascii=False))
