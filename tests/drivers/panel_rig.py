"""A real simulator process on a real pty, and a real driver on the other end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from drivers.panel import Panel
from drivers.simulators.pty_line import open_line

DEADLINE_S = 20.0
ROOT = Path(__file__).parents[2]


async def until(condition, what: str):
    """Wait for a condition; return what it gave."""
    deadline = time.monotonic() + DEADLINE_S
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {DEADLINE_S:g} s: {what}")
        await asyncio.sleep(0.005)
    return result


class Simulator:
    """`jingting simulate panel` as a process; started at once, and again after a kill. `code` runs before it."""

    def __init__(self, folder: Path, *options: str, code: str = "") -> None:
        self.code = code
        self.link = folder / "panel"
        self.log_path = folder / "panel.jsonl"
        self.options = options
        self.ready = self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.process.stdin.closed:
            self.kill()

    def start(self) -> dict:
        code = f"{self.code}from drivers.simulators.cli import panel; panel()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "--link", self.link, "--log", self.log_path, *self.options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        return self._answer()

    def ask(self, command: str) -> dict:
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return self._answer()

    def status(self) -> dict:
        return self.ask("status")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self._reap()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def log(self, event: str) -> list[dict]:
        """The log's entries of one kind; the line being written now does not count."""
        whole = self.log_path.read_bytes().rpartition(b"\n")[0]
        return [entry for entry in map(json.loads, whole.splitlines()) if entry["event"] == event]

    def presses(self, event: str) -> list[tuple[int, int, int]]:
        return [(entry["epoch"], entry["number"], entry["button"]) for entry in self.log(event)]

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        assert line, "the simulator ended"
        return json.loads(line)

    def _reap(self) -> int:
        code = self.process.wait(DEADLINE_S)
        self.process.stdin.close()
        self.process.stdout.close()
        return code


class Host:
    """A driver with its readings kept; acknowledges at once unless told otherwise."""

    def __init__(self, port: Path | str, *, acknowledging: bool = True) -> None:
        self.readings = []
        self.states = []
        self.acknowledging = acknowledging
        self.panel = Panel(
            "desk",
            str(port),
            monotonic=time.monotonic,
            on_press=self._pressed,
            on_state=lambda state, reason: self.states.append((state, reason)),
        )

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.panel.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
        assert self.task.cancelled(), self.task.exception()

    @property
    def presses(self) -> list[tuple[int, int, int]]:
        return [(reading.epoch, reading.number, reading.button) for reading in self.readings]

    def _pressed(self, reading) -> None:
        self.readings.append(reading)
        if self.acknowledging:
            self.panel.acknowledge(reading.epoch, reading.number)


class RawPanel:
    """The panel's end of a pty, for bytes that no panel would send."""

    def __init__(self) -> None:
        self.master, self._slave, self.port = open_line()

    def write(self, data: bytes) -> int:
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0

    def read(self) -> bytes:
        try:
            return os.read(self.master, 65536)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        os.close(self.master)
        os.close(self._slave)
