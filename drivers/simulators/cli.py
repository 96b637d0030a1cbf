"""The commands of `jingting simulate`."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from drivers.simulators.board import Board
from drivers.simulators.card_reader_player import CardReaderPlayer
from drivers.simulators.cards import PEOPLE, CardsError, load
from drivers.simulators.documents import DOCUMENTS, DocumentsError, swiped
from drivers.simulators.documents import load as load_documents
from drivers.simulators.one_way_player import Misuse, OneWayPlayer
from drivers.simulators.panel_log import PanelLog, PanelLogError
from drivers.simulators.player import FirmwareError, Player
from drivers.simulators.pty_line import PtyLine

_ENDINGS = {"cr": "\r", "lf": "\n", "crlf": "\r\n"}


@click.command()
@click.option("--link", type=click.Path(path_type=Path), required=True, help="Where the driver finds the line.")
@click.option("--log", type=click.Path(path_type=Path), required=True, help="The panel's own record, JSON lines.")
@click.option("--every", type=click.FloatRange(min=0.001), help="Press by itself, SECONDS apart on average.")
@click.option("--seconds", type=click.FloatRange(min=0), help="Stop pressing by itself after that long.")
@click.option("--seed", type=int, help="Makes the presses and the noise repeatable.")
def panel(*, link: Path, log: Path, every: float | None, seconds: float | None, seed: int | None) -> None:
    """Play a help panel on a pty: its firmware runs, its pins are moved from here.

    Reads commands on stdin, one a line, and answers each with a JSON line: press [BUTTON [MS]], bounce [BUTTON [MS]],
    hold [BUTTON], release [BUTTON], loop short|cut|normal|pressed [BUTTON], tamper [open|shut], selftest [NUMBER],
    fail [lamp] [buzzer] [relay] [adc] (none: all work again), reset, hang, noise BYTES, garble [PERCENT], unplug,
    replug, status, quit. What plays its flash is kept in a folder beside --log: killed and started again, it goes on
    repeating what was not acknowledged.
    """
    if seed is None:
        seed = secrets.randbits(32)
        if every is not None:
            click.echo(f"seed {seed}", err=True)
    try:
        record = PanelLog(log)
        board = Board(log.with_suffix(".flash"), held=record.fd)
        if board.interpreter is None:
            click.echo("there is no micropython here: the firmware runs under CPython", err=True)
        Player(PtyLine(link), record, board, seed=seed, every_s=every, seconds=seconds).play()
    except (PanelLogError, FirmwareError, OSError) as error:
        raise click.ClickException(str(error)) from None


@click.command("card-reader")
@click.option("--link", type=click.Path(path_type=Path), required=True, help="Where the driver finds the line.")
@click.option(
    "--cards",
    type=click.Path(path_type=Path),
    default=PEOPLE,
    help="TOML, a table for each card; else invented people.",
)
@click.option("--log", type=click.Path(path_type=Path), required=True, help="What was asked and played, JSON lines.")
@click.option("--seed", type=int, help="Makes the noise repeatable.")
def card_reader(*, link: Path, cards: Path, log: Path, seed: int | None) -> None:
    """Play a resident-card reader on a pty, byte for byte.

    Reads commands on stdin, one a line, and answers each with a JSON line: put NAME, lift, swap NAME [REQUEST]
    (unnoticed, after the next select or the REQUEST named), noise BYTES, late MS (every answer from now on), speed BAUD
    (from now on it understands nothing else; the line's speed is what the driver has set), status, replug, quit; and
    for the next answer, or the Kth from now: short [K], garble [K], twist [K] (two characters change places), double
    [K], stale [K] (the answer before in its place), mute [K], unplug K (in the middle; alone: at once).
    """
    try:
        player = CardReaderPlayer(PtyLine(link), load(cards), log, seed=secrets.randbits(32) if seed is None else seed)
        player.play()
    except (CardsError, OSError) as error:
        raise click.ClickException(str(error)) from None


@click.command("passport-reader")
@click.option("--link", type=click.Path(path_type=Path), required=True, help="Where the driver finds the line.")
@click.option(
    "--documents",
    type=click.Path(path_type=Path),
    default=DOCUMENTS,
    help="TOML, a table with `lines` for each document; else ICAO's specimens.",
)
@click.option("--ending", type=click.Choice(list(_ENDINGS)), default="cr", help="What stands behind each line.")
@click.option("--framed", is_flag=True, help="STX before, ETX behind each document.")
@click.option("--seed", type=int, help="Makes noise and damage repeatable.")
def passport_reader(*, link: Path, documents: Path, ending: str, framed: bool, seed: int | None) -> None:
    """Play a swipe reader for passports and permits on a pty, byte for byte.

    Reads commands on stdin, one a line, and answers each with a JSON line: swipe NAME (several: without a pause),
    partial NAME (it stops in the middle), garble NAME, noise BYTES, unplug [NAME] (in the middle of it; alone: at
    once), replug, status, quit.
    """
    try:
        known = load_documents(documents)
        said = swiped(known, ending=_ENDINGS[ending], framed=framed)
        _play_one_way(link, "swipe", said, {"documents": list(known)}, seed)
    except (DocumentsError, OSError) as error:
        raise click.ClickException(str(error)) from None


@click.command("code-scanner")
@click.option("--link", type=click.Path(path_type=Path), required=True, help="Where the driver finds the line.")
@click.option("--suffix", type=click.Choice(list(_ENDINGS)), default="cr", help="What stands behind each code.")
@click.option("--encoding", type=click.Choice(["utf-8", "gb18030"]), default="utf-8", help="Of what is no ASCII.")
@click.option("--seed", type=int, help="Makes noise and damage repeatable.")
def code_scanner(*, link: Path, suffix: str, encoding: str, seed: int | None) -> None:
    """Play a scanner for QR codes and barcodes on a pty, byte for byte.

    Reads commands on stdin, one a line, and answers each with a JSON line: scan TEXT, partial TEXT (it stops in the
    middle), garble TEXT, noise BYTES, unplug [TEXT] (in the middle of it; alone: at once), replug, status, quit.
    """

    def said(words: list[str]) -> bytes:
        if not words:
            raise Misuse("which text?")
        return (" ".join(words) + _ENDINGS[suffix]).encode(encoding, errors="replace")

    try:
        _play_one_way(link, "scan", said, {}, seed)
    except OSError as error:
        raise click.ClickException(str(error)) from None


def _play_one_way(
    link: Path, verb: str, said: Callable[[list[str]], bytes], about: dict[str, Any], seed: int | None
) -> None:
    seed = secrets.randbits(32) if seed is None else seed
    OneWayPlayer(PtyLine(link), verb, said, about=about, seed=seed).play()
