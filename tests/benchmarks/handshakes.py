"""A thousand stations connecting by TLS, a certificate each, beside as many over plain TCP to the bench's own broker.

One process of the bench opens 20 connections at a time, as after a broker's restart, and keeps them all. The broker is
Mosquitto with the city's configuration: each handshake checks a chain at both ends, and the deny list. Both kinds go
through `sync.connection`; the plain ones are spared the TLS, and their broker knows no certificates.
"""

import asyncio
import datetime as dt
import os
import pwd
import socket
import tempfile
import time
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from common import certificates
from hq.authority import Authority
from jingting import layout
from jingting.child import Child
from jingting.ports import Ports
from sync.broker import Broker
from sync.connection import Connection

SECONDS = 20.0
STATIONS = 1000
AT_A_TIME = 20
AIM_PER_S = 100.0


async def _each(count: int, connect) -> float:
    """Return how many connected a second; all stay connected until the last one is."""
    gate = asyncio.Semaphore(AT_A_TIME)

    async def one(number: int):
        async with gate:
            return await connect(number)

    start = time.perf_counter()
    opened = await asyncio.gather(*(one(number) for number in range(count)))
    took = time.perf_counter() - start
    await asyncio.gather(*(close() for close in opened))
    return count / took


async def connect(folder: Path, port: int, number: int, *, plainly: bool):
    """Return what closes the connection again."""
    home = folder / "many" / f"st-{number:04}"
    broker = Broker(
        host="127.0.0.1", port=port, ca=folder / "hq/ca.pem", certificate=home / "tls.pem", key=home / "tls.key"
    )
    connection = Connection(
        broker, client_id=home.name, on_message=lambda _: None, on_room=lambda: None, keep_session=False
    )
    if plainly:
        connection._client.tls_set_context = lambda _context: None
    await connection.open()
    return connection.close


@asynccontextmanager
async def a_broker(conf: Path, port: int):
    child = Child("broker", (layout.program("mosquitto"), "-c", str(conf)), log=conf.with_suffix(".log"))
    child.start()
    try:
        while True:
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert child.running, child.last_words()
            await asyncio.sleep(0.02)
        yield
    finally:
        await child.stop()


async def measure(count: int) -> tuple[float, float]:
    """Return connections a second by TLS and plainly."""
    ports = Ports()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port, own_port, plain_port = (ports.take() for _ in range(3))
        layout.write(folder, broker_port=port, hq_broker_port=own_port, hq_port=0, station_ports={})
        authority, now = Authority.load(folder / "hq/authority"), dt.datetime.now(dt.UTC)
        for number in range(count):
            home = folder / "many" / f"st-{number:04}"
            home.mkdir(parents=True)
            public = certificates.create_key(home / "tls.key")
            (home / "tls.pem").write_bytes(authority.issue_client(home.name, public, now=now, days=1))
        plain = folder / "plain.conf"
        user = pwd.getpwuid(os.geteuid()).pw_name
        plain.write_text(f"listener {plain_port} 127.0.0.1\nallow_anonymous true\nuser {user}\n")
        async with a_broker(folder / "broker/mosquitto.conf", port):
            tls = await _each(count, partial(connect, folder, port, plainly=False))
        async with a_broker(plain, plain_port):
            bare = await _each(count, partial(connect, folder, plain_port, plainly=True))
    ports.release()
    return tls, bare


def rows(seconds: float) -> list[dict[str, object]]:
    """Connect a thousand; fewer when there is little time."""
    count = STATIONS if seconds >= SECONDS / 2 else max(50, int(STATIONS * seconds / SECONDS))
    tls, bare = asyncio.run(measure(count))
    return [
        {
            "name": f"handshakes, {count} stations",
            "value": round(tls, 1),
            "unit": "/s",
            "baseline": round(bare, 1),
            "ratio": round(tls / bare, 2),
            "aim": AIM_PER_S,
            "met": tls >= AIM_PER_S,
        }
    ]
