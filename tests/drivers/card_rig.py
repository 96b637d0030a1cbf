"""A real process that plays a card reader, a real driver, and a reader's end of a pty for answers no reader gives."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from panel_rig import DEADLINE_S, ROOT, RawPanel, until

from drivers import card_frames, card_text
from drivers.card_reader import CardReader
from drivers.identity import FIELDS, Identity
from drivers.simulators import cards
from drivers.simulators.pty_line import baud_of

CARDS = cards.load(cards.PEOPLE)
SAM_ID = bytes(range(16))


def identity_of(card: str, fields=FIELDS) -> Identity:
    played = CARDS[card]
    return card_text.decode(played.text, newest_address=played.newest_address).only(fields)


class Simulator:
    """`jingting simulate card-reader` as a process."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.link = folder / "card-reader"
        self.log_path = folder / "card-reader.jsonl"
        code = "from drivers.simulators.cli import card_reader; card_reader()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "--link", self.link, "--log", self.log_path, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self.ready = self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self.process.stdin.close()
        self.process.stdout.close()

    def ask(self, command: str) -> dict:
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return self._answer()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)

    def stall(self) -> None:
        """Take nothing off the line any more, and put nothing on it."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def log(self, *events: str) -> list[dict]:
        whole = self.log_path.read_bytes().rpartition(b"\n")[0]
        return [entry for entry in map(json.loads, whole.splitlines()) if not events or entry["event"] in events]

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        assert line, "the simulator ended"
        return json.loads(line)


class Clock:
    """Runs as time does, and can be put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


class Host:
    """A driver with its states kept."""

    def __init__(self, port: Path | str, *, monotonic=time.monotonic, **options) -> None:
        self.states = []
        self.reader = CardReader(
            "desk",
            str(port),
            monotonic=monotonic,
            on_state=lambda state, reason: self.states.append((state, reason)),
            **options,
        )

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.reader.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
        assert self.task.cancelled(), self.task.exception()

    async def ready(self) -> None:
        await until(lambda: self.reader.state == "ready", "the reader to be ready")

    async def read(self, *fields: str, timeout_s: float = 15.0) -> Identity:
        return await self.reader.read(fields or FIELDS, timeout_s=timeout_s)


class RawReader(RawPanel):
    """The reader's end of a pty on the test's own loop; `answers(request)` gives the bytes for each request.

    At any other speed than `baud` it hears nothing.
    """

    baud = 115200

    def __init__(self, answers) -> None:
        super().__init__()
        self.answers = answers
        self.requests = []
        self._decoder = card_frames.Decoder(requests=True)
        asyncio.get_running_loop().add_reader(self.master, self._hear)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        super().close()

    def count(self, request: bytes) -> int:
        return self.requests.count(request)

    def _hear(self) -> None:
        data = self.read()
        if baud_of(self._slave) != self.baud:
            return
        for payload in self._decoder.feed(data):
            self.requests.append(payload)
            self.write(self.answers(payload))


def status(code: int, data: bytes = b"") -> bytes:
    return card_frames.frame(bytes([0, 0, code]) + data)


def good(request: bytes, text: bytes = CARDS["card-1"].text) -> bytes:
    """The good answer's frame to each request, from a reader on which a card lies that can be read for ever."""
    return {
        card_frames.SAM_STATUS: status(0x90),
        card_frames.SAM_ID: status(0x90, SAM_ID),
        card_frames.FIND: status(0x9F, bytes(4)),
        card_frames.SELECT: status(0x90, bytes(8)),
        card_frames.READ: status(0x90, b"\x01\x00\x04\x00" + text + bytes(1024)),
        card_frames.NEWEST_ADDRESS: status(0x91),
        **dict.fromkeys(card_frames.SPEEDS.values(), status(0x90)),
    }[request]
