# ruff: noqa: PLC0415 - imports inside commands: each device's code is loaded for that device alone
"""The technician's commands, `jingting device …`: look at one device by itself, without the rest of the system.

Results go to stdout, one JSON object a line where a script may read them; who a document is of is masked on a terminal
and whole in a pipe, since only somebody who asked for it has a pipe there.
"""

import datetime as dt
import json
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import click

_CHUNK: Final = 4096

full_option = click.option("--full", is_flag=True, help="Show who it is on a terminal too.")


@click.command("check-number")
@click.argument("number", metavar="NUMBER")
def check_number(number: str) -> None:
    """Check an identity number of any kind and print what it says as JSON; `-` reads it from stdin.

    `failed` lists every rule it breaks; all else are labels, which may be wrong. A number on the command line stands in
    the shell's history: `-` leaves it out.
    """
    from drivers import identity_numbers

    typed = sys.stdin.read() if number == "-" else number
    checked = identity_numbers.check(typed, today=dt.datetime.now().astimezone().date())
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
@full_option
def decode(driver: str, *, full: bool) -> None:
    """Tell what was captured on a device's line: a JSON object for each frame or problem, in order.

    Reads stdin: hex, white space ignored; of a passport_reader the lines of machine-readable zones, a blank line
    between two.
    """
    from jingting import captures

    masking = captures.masked if sys.stdout.isatty() and not full else captures.whole
    source = sys.stdin.buffer
    try:
        told = captures.zones(source) if driver == "passport_reader" else captures.frames(driver, from_hex(source))
        for one in told:
            _print(masking(one))
    except NotHexError as error:
        raise click.ClickException(str(error)) from None


class NotHexError(ValueError):
    """What stands on stdin is not hex; the message says where."""


def from_hex(source: BinaryIO) -> Iterator[bytes]:
    """Return the bytes that hex text stands for, as it comes; white space is ignored. Raises NotHexError."""
    half, at = b"", 0
    while piece := source.read1(_CHUNK) if hasattr(source, "read1") else source.read(_CHUNK):
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


def _print(told: dict[str, Any]) -> None:
    click.echo(json.dumps(told, ensure_ascii=False))
