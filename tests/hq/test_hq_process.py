"""The manners of the real `jingting hq` process: starting, stopping, and what it says when it cannot serve."""

import asyncio
import contextlib
import time

import pytest

from common.clock import Clock
from hq.accounts import Accounts
from hq.store import Store
from jingting import layout
from jingting.child import Child, jingting
from jingting.ports import Ports
from jingting.web import base_url, fetch
from tests.agent.station_rig import DEADLINE_S, Manager, black_hole, environment, streams, until

STOP_S = 2.0


class Hq:
    """Headquarters' folder and its process; nothing listens for MQTT unless `broker_port` is given."""

    def __init__(self, folder, *, broker_port=None):
        self.ports = Ports()
        self.web_port = self.ports.take()
        layout.write(
            folder,
            broker_port=self.ports.take(),
            hq_broker_port=broker_port or self.ports.take(),
            hq_port=self.web_port,
            station_ports={},
        )
        self.config = folder / "hq/hq.toml"
        self.process = Child("hq", jingting("hq", "--config", self.config), log=folder / "logs/hq.log")

    async def serves(self):
        url = base_url("127.0.0.1", self.web_port) + "/health.json"
        deadline = time.monotonic() + DEADLINE_S
        while (overview := await asyncio.to_thread(fetch, url)) is None:
            assert self.process.running, self.process.last_words()
            assert time.monotonic() < deadline, self.process.last_words()
            await asyncio.sleep(0.01)
        return overview

    def signed_in(self):
        """Return the cookie of somebody who is signed in."""
        with contextlib.closing(Store.open(f"sqlite:///{self.config.parent}/data/hq.db")) as store:
            accounts = Accounts(store.database, Clock().wall_ms)
            accounts.add("wang", "monitor", "correct horse battery", by="a test")
            return f"session={accounts.begin('wang', wall=False)}"

    async def stop(self):
        began = time.monotonic()
        self.process.send(15)
        await self.process.ended(10)
        return time.monotonic() - began

    def said(self, words):
        return sum(words in line for line in self.process.log.read_text(encoding="utf-8").splitlines())

    async def clear(self):
        self.process.kill()
        await self.process.ended()
        self.ports.release()


@pytest.fixture
async def hq(tmp_path):
    hq = Hq(tmp_path)
    yield hq
    await hq.clear()


async def test_it_says_when_it_is_ready_serves_without_a_broker_and_stops_within_two_seconds_of_sigterm(
    hq, monkeypatch
):
    manager = Manager()
    for name, value in environment(manager, watchdog_s=0.2).items():
        monkeypatch.setenv(name, value)
    hq.process.start()
    await until(lambda: manager.heard("READY=1"))
    overview = await hq.serves()
    assert overview == {"broker_connected": False}
    await until(lambda: hq.said("connection to the broker: ") == 3)  # once each, however often it is tried
    async with streams(hq.web_port, 2, cookie=hq.signed_in()) as pages:
        assert await hq.stop() < STOP_S
        for page in pages:
            await asyncio.wait_for(page.read(), DEADLINE_S)
    assert hq.process.exit_code == 0
    assert manager.heard("STOPPING=1") == 1
    manager.close()
    assert hq.said("Traceback") == 0
    assert hq.said("connection to the broker: ") == 3


async def test_sigterm_ends_it_within_two_seconds_while_the_broker_swallows_every_packet(tmp_path):
    with black_hole() as port:
        hq = Hq(tmp_path, broker_port=port)
        try:
            hq.process.start()
            await hq.serves()
            async with streams(hq.web_port, 2, cookie=hq.signed_in()):
                assert await hq.stop() < STOP_S
        finally:
            await hq.clear()
    assert hq.process.exit_code == 0
    assert hq.said("Traceback") == 0


async def test_a_taken_address_is_said_in_one_line_and_exits_1(hq):
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", hq.web_port)
    try:
        hq.process.start()
        await hq.process.ended(DEADLINE_S)
    finally:
        server.close()
        await server.wait_closed()
    assert hq.process.exit_code == 1
    assert hq.said("ddress already in use") == 1
    assert hq.said("Traceback") == 0


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://hq:guess-me@127.0.0.1:{port}/hq", "sqlite:///no/such/folder/hq.db"]
)
async def test_a_database_that_cannot_be_reached_is_said_in_one_line_and_exits_1(hq, url):
    text = hq.config.read_text(encoding="utf-8")
    url = url.format(port=hq.ports.take())  # a password never goes into a log
    hq.config.write_text(text.replace("sqlite:///data/hq.db", url), encoding="utf-8")
    hq.process.start()
    await hq.process.ended(DEADLINE_S)
    assert hq.process.exit_code == 1, hq.process.last_words()
    assert hq.said("cannot be opened") == 1
    assert hq.said("guess-me") == 0
    assert hq.said("Traceback") == 0
