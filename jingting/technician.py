# ruff: noqa: PLC0415 - imports inside commands: each device's code is loaded for that device alone
"""The technician's commands, `jingting device …`: look at one device by itself, without the rest of the system.

Results go to stdout, one JSON object a line where a script may read them; who a document is of is masked on a terminal
and whole in a pipe, since only somebody who asked for it has a pipe there.
"""

import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

import click

_CHUNK: Final = 4096

_FULL = click.option("--full", is_flag=True, help="Show who it is on a terminal too.")


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


def _today() -> dt.date:
    return dt.datetime.now().astimezone().date()


def _shown(*, full: bool) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what makes a result fit for where it goes: masked for a terminal."""
    from jingting.captures import masked

    return masked if sys.stdout.isatty() and not full else dict


def _print(told: dict[str, Any]) -> None:
    click.echo(json.dumps(told, ensure_ascii=False))
