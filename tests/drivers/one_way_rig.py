"""Real processes that play devices which only speak, real drivers, and the device's end of a pty for anything else."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Self

from panel_rig import DEADLINE_S, ROOT, RawPanel, until

from drivers.code_scanner import CodeScanner
from drivers.identity import FIELDS, Identity, NotRead
from drivers.mrz import parse
from drivers.mrz_identity import identity
from drivers.passport_reader import PassportReader
from drivers.simulators import documents

__all__ = ["DOCUMENTS", "RawPanel", "ReaderHost", "ScannerHost", "Simulator", "Time", "identity_of", "outcome", "until"]

TODAY = date(2026, 11, 25)
DOCUMENTS = documents.load(documents.DOCUMENTS)
QUIET_S = 0.05


def identity_of(name: str) -> Identity:
    return identity(parse(DOCUMENTS[name], today=TODAY))


class Time:
    """Stands still until it is put forward."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Simulator:
    """`jingting simulate passport-reader` or `code-scanner` as a process."""

    def __init__(self, command: str, folder: Path, *options: str) -> None:
        self.link = folder / command
        code = f"from drivers.simulators.cli import {command} as command; command()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "--link", self.link, *options],
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

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        assert line, "the simulator ended"
        return json.loads(line)


class Host:
    """A driver with its states kept."""

    def __init__(self) -> None:
        self.states = []

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.driver.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
        assert self.task.cancelled(), self.task.exception()

    async def ready(self, now: Time | None = None) -> None:
        if now is not None:
            await until(lambda: self.driver.state == "starting", "the port to be open")
            now.now += 1
        await until(lambda: self.driver.state == "ready", "the device to be ready")

    async def absent(self) -> None:
        await until(lambda: self.driver.state == "absent", "the device to be missed")

    def _became(self, state: str, reason: str) -> None:
        self.states.append((state, reason))


class ReaderHost(Host):
    def __init__(self, port: Path | str, *, monotonic=time.monotonic, quiet_s: float = QUIET_S) -> None:
        super().__init__()
        self.driver = PassportReader(
            "desk",
            str(port),
            monotonic=monotonic,
            today=lambda: TODAY,
            on_state=self._became,
            quiet_s=quiet_s,
        )

    async def read(self, *fields: str, timeout_s: float = 15.0) -> Identity:
        return await self.driver.read(fields or FIELDS, timeout_s=timeout_s)


class ScannerHost(Host):
    def __init__(self, port: Path | str, *, monotonic=time.monotonic, **options) -> None:
        super().__init__()
        self.codes = []
        self.driver = CodeScanner(
            "desk",
            str(port),
            monotonic=monotonic,
            on_state=self._became,
            on_code=self.codes.append,
            **{"quiet_s": QUIET_S} | options,
        )


async def outcome(host: ReaderHost, **options):
    """Return the identity that was read, or the reason for there being none."""
    try:
        return await host.read(**options)
    except NotRead as failure:
        return failure.reason
