"""Headquarters of real processes on any database, a broker, and stations that live in the test itself."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from agent.journal import Journal
from agent.link import Link, ReceivedOrders
from agent.orders import SCHEMA, OrdersStore
from common import keyfiles
from common.clock import Clock
from jingting import layout
from jingting.child import Child, jingting
from jingting.ports import Ports
from jingting.web import base_url, fetch
from sync.broker import Broker
from sync.signing import Pinned, SigningKey, VerifyKey
from tests.guests import let_in

SQLITE = "sqlite:///data/hq.db"
DEADLINE_S = 60.0


async def until(condition: Callable[[], object], *, within: float = DEADLINE_S) -> None:
    """Wait until a condition holds; fail after so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.01)


class Headquarters:
    """A broker, `jingting hq`, and more log workers, in `folder`; `hq` and `log-1` … are started by `start`."""

    def __init__(self, folder: Path, *, stations: tuple[str, ...], url: str = SQLITE, log_workers: int = 0) -> None:
        self.folder = folder
        self.stations = stations
        self._guests: dict[str, Broker] = {}
        self._ports = Ports()
        self.port, self.own_port, self._web_port = (self._ports.take() for _ in range(3))
        layout.write(
            folder,
            broker_port=self.port,
            hq_broker_port=self.own_port,
            hq_port=self._web_port,
            station_ports=dict.fromkeys(stations, 0),
        )
        config = folder / "hq/hq.toml"
        config.write_text(config.read_text(encoding="utf-8").replace(SQLITE, url), encoding="utf-8")
        self.url = url.replace("data/hq.db", f"{folder}/hq/data/hq.db") if url == SQLITE else url
        commands: dict[str, tuple[str, ...]] = {
            "broker": (layout.program("mosquitto"), "-c", str(folder / "broker/mosquitto.conf")),
            "hq": jingting("hq", "--config", config),
        }
        for number in range(1, log_workers + 1):
            name = f"log-{number}"
            commands[name] = jingting("hq", "ingest", "--config", config, "--worker", name)
        self.processes = {
            name: Child(name, command, log=folder / "logs" / f"{name}.log") for name, command in commands.items()
        }

    @property
    def web_url(self) -> str:
        return base_url("127.0.0.1", self._web_port)

    @property
    def workers(self) -> list[Child]:
        return [child for name, child in self.processes.items() if name != "broker"]

    async def start(self) -> None:
        """Start everything, and return when the page shows that headquarters hears the broker."""
        self.processes["broker"].start()
        await self.start_workers()

    async def start_workers(self) -> None:
        """Start all but the broker."""
        for child in self.workers:
            child.start()
        url = self.web_url + "/health.json"
        deadline = time.monotonic() + DEADLINE_S
        while not (await asyncio.to_thread(fetch, url) or {}).get("broker_connected"):
            assert all(child.running for child in self.processes.values()), self.said()
            assert time.monotonic() < deadline, self.said()
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        await asyncio.gather(*(child.stop() for child in self.workers))
        await self.processes["broker"].stop()
        self._ports.release()

    def said(self) -> str:
        """The end of each log."""
        return "\n".join(f"{name}: {child.last_words()}" for name, child in self.processes.items())

    def home(self, station: str) -> Path:
        return self.folder / "stations" / station

    def broker(self, station: str, port: int | None = None) -> Broker:
        """The broker, for a station, directly or through another port."""
        home = self.home(station)
        return Broker(
            host="127.0.0.1",
            port=port or self.port,
            ca=home / "ca.pem",
            certificate=home / "tls.pem",
            key=home / "tls.key",
        )

    def guest(self, name: str, *rights: str) -> Broker:
        """The broker, for somebody who may what no city lets anybody, such as `read jt/1/+/up/ack`; let in once."""
        if name not in self._guests:
            self._guests[name] = let_in(self.folder, self.processes["broker"], name, rights, port=self.port)
        return self._guests[name]


@asynccontextmanager
async def headquarters(
    folder: Path, *, stations: tuple[str, ...], url: str = SQLITE, log_workers: int = 0
) -> AsyncIterator[Headquarters]:
    """Headquarters that serves, for as long as the block lasts."""
    hq = Headquarters(folder, stations=stations, url=url, log_workers=log_workers)
    try:
        await hq.start()
        yield hq
    finally:
        await hq.stop()


class Station:
    """A station's journal and link, without its devices and pages."""

    def __init__(self, journal: Journal, link: Link) -> None:
        self.journal = journal
        self.link = link

    @property
    def waiting(self) -> int:
        return self.link.sender.outbox.waiting

    def lines(self) -> dict[int, bytes]:
        return self.journal.query(_lines)

    def chain(self, number: int) -> bytes:
        found: bytes = self.journal.query(
            lambda db: db.execute("SELECT chain FROM events WHERE number = ?", (number,)).fetchone()[0]
        )
        return found


def _lines(connection: sqlite3.Connection) -> dict[int, bytes]:
    return dict(connection.execute("SELECT number, line FROM events").fetchall())


@asynccontextmanager
async def station_of(hq: Headquarters, station: str, *, port: int | None = None) -> AsyncIterator[Station]:
    """A station that is connected, or tries to be, for as long as the block lasts."""
    home, clock = hq.home(station), Clock()
    journal = await Journal.open(home / "data/station.db", source=f"/stations/{station}", clock=clock, schema=(SCHEMA,))
    link = await Link.over(
        journal,
        station=station,
        agent="test",
        broker=hq.broker(station, port),
        key=SigningKey(keyfiles.read_private(home / "station.key")),
        keys=Pinned([VerifyKey(keyfiles.read_public(home / "headquarters.pub"))]),
        orders=ReceivedOrders(OrdersStore(journal, {}), clock, lambda: None),
        clock=clock,
        on_change=lambda: None,
        on_reopened=lambda: None,
    )
    tasks = [asyncio.create_task(link.sender.run()), asyncio.create_task(link.sessions.run())]
    try:
        yield Station(journal, link)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await journal.stop()
