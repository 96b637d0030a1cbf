"""One real `jingting station` process and one played panel, with the test as service manager, browser and disk."""

import asyncio
import contextlib
import json
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from jingting import layout
from jingting.child import Child, jingting
from jingting.ports import Ports
from jingting.web import base_url, fetch

STATION = "jt-001"
DEADLINE_S = 20.0


async def until(condition: Callable[[], object], *, within: float = DEADLINE_S) -> float:
    """Wait until a condition holds and return the seconds it took; fail after `within` seconds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + within, "it did not come true in time"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


class Manager:
    """The service manager's end of NOTIFY_SOCKET."""

    def __init__(self) -> None:
        self.address = f"@jingting-{uuid.uuid4()}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address.replace("@", "\0", 1))
        self._socket.setblocking(False)
        self._heard: list[str] = []

    def heard(self, state: str) -> int:
        """How often a state was told."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._heard.append(self._socket.recv(100).decode())
        return self._heard.count(state)

    def close(self) -> None:
        self._socket.close()


class House:
    """A station's folder, its processes, and what one sees of them from outside. Nothing listens for MQTT."""

    def __init__(self, folder: Path, *, broker_port: int | None = None) -> None:
        self._ports = Ports()
        self.web_port = self._ports.take()
        self.duty_port = self._ports.take()
        self.hq_port = self._ports.take()
        self.broker_port = broker_port or self._ports.take()
        self.folder = folder
        layout.write(
            folder,
            broker_port=self.broker_port,
            hq_broker_port=self._ports.take(),
            hq_port=self.hq_port,
            station_ports={STATION: self.web_port},
            duty_ports={STATION: self.duty_port},
        )
        self.home = folder / "stations" / STATION
        self.config = self.home / "station.toml"
        self.journal = self.home / "data/station.db"
        self.log = folder / "logs/station.log"
        self.panel_log = self.home / "panel.jsonl"
        self.duty_url = base_url("127.0.0.1", self.duty_port)
        self.station = Child("station", jingting("station", "--config", self.config), log=self.log)
        self.panel = Child(
            "panel",
            jingting("simulate", "panel", "--link", self.home / "panel", "--log", self.panel_log),
            log=folder / "logs/panel.log",
        )

    def process(self) -> psutil.Process:
        return psutil.Process(self.station.pid)

    # -- seen from outside ---------------------------------------------------------------------------------------

    async def status(self) -> dict[str, Any]:
        """The station's own view; empty while it does not answer."""
        return await asyncio.to_thread(fetch, self.duty_url + "/status.json") or {}

    async def sees(
        self, condition: Callable[[dict[str, Any]], object], *, within: float = DEADLINE_S
    ) -> dict[str, Any]:
        """Wait until the station's own view is as wished, and return it."""
        deadline = time.monotonic() + within
        while not (view := await self.status()) or not condition(view):
            assert self.station.running, self.station.last_words()
            assert time.monotonic() < deadline, view or self.station.last_words()
            await asyncio.sleep(0.01)
        return view

    def panel_events(self, event: str) -> list[dict[str, Any]]:
        """What the played panel's own log says of that kind."""
        lines = self.panel_log.read_bytes().split(b"\n")[:-1] if self.panel_log.exists() else []
        return [found for line in lines if (found := json.loads(line))["event"] == event]

    def sounds(self) -> bool:
        """Whether the panel was last told to sound."""
        outputs = self.panel_events("outputs")
        return bool(outputs) and outputs[-1]["tone"] > 0

    def said(self, words: str) -> int:
        """How many lines of the station's log contain some words."""
        return sum(words in line for line in self.log.read_text(encoding="utf-8").splitlines())

    def events(self, event_type: str) -> list[dict[str, Any]]:
        """The journal's events of that type."""
        with contextlib.closing(sqlite3.connect(self.journal)) as database:
            lines = database.execute("SELECT line FROM events ORDER BY number").fetchall()
        return [event for (line,) in lines if (event := json.loads(line))["type"] == event_type]

    # -- acting --------------------------------------------------------------------------------------------------

    async def start(self, *, panel: bool = True) -> None:
        """Start the station, and its panel; return when both are ready."""
        if panel:
            self.panel.start()
            await until((self.home / "panel").exists)
        self.station.start()
        await self.sees(lambda view: not panel or view["devices"][0]["state"] == "ready")

    async def press(self) -> None:
        """Press the panel's button, and return when its log says so."""
        before = len(self.panel_events("pressed"))
        self.panel.say("press")
        await until(lambda: len(self.panel_events("pressed")) > before)

    @contextlib.contextmanager
    def disk_held(self) -> Iterator[None]:
        """Hold the journal's write lock, so that nothing can be written."""
        with contextlib.closing(sqlite3.connect(self.journal, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield

    @contextlib.asynccontextmanager
    async def pages(self, count: int = 1) -> AsyncIterator[list[asyncio.StreamReader]]:
        """Keep the event streams of so many open pages of each listener."""
        async with streams(self.web_port, count) as citizens, streams(self.duty_port, count) as desks:
            yield citizens + desks

    async def stop(self) -> float:
        """Send SIGTERM, and return the seconds until the process had ended."""
        began = time.monotonic()
        self.station.send(15)
        await self.station.ended(10)
        return time.monotonic() - began

    async def clear(self) -> None:
        """End what still runs."""
        for child in (self.station, self.panel):
            child.kill()
            await child.ended()
        self._ports.release()


@contextlib.asynccontextmanager
async def streams(port: int, count: int, *, cookie: str = "") -> AsyncIterator[list[asyncio.StreamReader]]:
    """Open the event stream of a house so often, as so many pages do, and wait for the first word of each."""
    writers, readers = [], []
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            readers.append(reader)
            writers.append(writer)
            held = f"Cookie: {cookie}\r\n" if cookie else ""
            writer.write(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{held}\r\n".encode())
            await asyncio.wait_for(reader.readuntil(b"data: "), DEADLINE_S)
        yield readers
    finally:
        for writer in writers:
            writer.close()


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port on which SYN packets vanish (its backlog is full) but for the first, which is taken and never answered."""
    with socket.socket() as listening, contextlib.ExitStack() as others:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        others.enter_context(socket.create_connection(("127.0.0.1", port)))
        yield port


def environment(manager: Manager, *, watchdog_s: float) -> dict[str, str]:
    """What a service manager tells a process of itself."""
    return {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": str(int(watchdog_s * 1_000_000)), "WATCHDOG_PID": ""}


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def rss_mib(process: psutil.Process) -> float:
    return process.memory_info().rss / 2**20


def libraries_mib() -> float:
    """What a Python takes on this machine that has imported a station's libraries, and does nothing."""
    imports = "asyncio, ssl, sqlite3, tomllib, gettext, msgspec, zstandard, paho.mqtt.client, jinja2, microdot, serial"
    idle = f"import {imports}, cryptography.hazmat.primitives.hpke, sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-P", "-c", idle], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return rss_mib(psutil.Process(process.pid))
