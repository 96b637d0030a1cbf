"""A station's backlog until headquarters has committed and acknowledged it, beside paho-mqtt's bare PUBACKs.

Ours is a real station, broker and headquarters, on PostgreSQL and on SQLite; the clock runs from the station's birth
to the ack that covers the last event. The baseline publishes as many messages to the same broker, one
an event, and waits for nothing but their PUBACKs: no signature, no database at either end.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from common import keyfiles
from jingting.child import Child, jingting
from sync.broker import Broker
from sync.receiver import read_ack
from sync.signed import MAX_OPEN_AT_STATION, open_message
from sync.signing import Pinned, VerifyKey
from tests.benchmarks import backlog, plain_mqtt
from tests.headquarters import SQLITE, Headquarters, headquarters
from tests.postgres import Postgres

SECONDS = 60.0
AIM = 1.0
EVENTS = 20_000
STATION = "jt-001"
_LONGEST_S = 180.0


class Watch:
    """Hears a station's birth and the acks it is sent, and stamps them."""

    def __init__(self, hq: Headquarters, head: int) -> None:
        self.born = self.held = 0.0
        self._keys = Pinned([VerifyKey(keyfiles.read_public(hq.home(STATION) / "headquarters.pub"))])
        self._head = head
        self._done = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._clients = [
            self._listen(hq.guest(f"watch-{last}", f"read jt/1/{STATION}/{topic}"), f"jt/1/{STATION}/{topic}", hear)
            for last, topic, hear in (("ack", "up/ack", self._ack), ("state", "state", self._birth))
        ]

    def _listen(self, broker: Broker, topic: str, hear: Callable[[bytes], None]) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"watch-{topic.rpartition('/')[2]}")
        client.tls_set_context(broker.tls())
        client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        client.on_message = lambda _client, _data, message: hear(message.payload)
        client.connect(broker.host, broker.port)
        client.loop_start()
        return client

    def _birth(self, _payload: bytes) -> None:
        self.born = self.born or time.perf_counter()

    def _ack(self, payload: bytes) -> None:
        at = time.perf_counter()
        kinds: Any = frozenset({"ack"})
        ack = read_ack(open_message(payload, station=STATION, kinds=kinds, limit=MAX_OPEN_AT_STATION, keys=self._keys))
        if ack.cursor >= self._head and not self.held:
            self.held = at
            self._loop.call_soon_threadsafe(self._done.set)

    async def wait(self) -> float:
        """Return the seconds from birth to the ack of the last event."""
        async with asyncio.timeout(_LONGEST_S):
            await self._done.wait()
        return self.held - self.born

    def stop(self) -> None:
        for client in self._clients:
            client.disconnect()
            client.loop_stop()


async def drained(hq: Headquarters, head: int, *, port: int | None = None) -> float:
    """Start the station, through another port if need be; return the seconds until all of its backlog is held."""
    config = hq.home(STATION) / "station.toml"
    if port is not None:
        config.write_text(config.read_text("utf-8").replace(f"port = {hq.port}", f"port = {port}"), "utf-8")
    watch = Watch(hq, head)
    station = Child("station", jingting("station", "--config", config), log=hq.folder / "logs/station.log")
    station.start()
    try:
        return await watch.wait()
    except TimeoutError:
        raise TimeoutError(f"{hq.said()}\nstation: {station.last_words()}") from None
    finally:
        await station.stop()
        watch.stop()


async def measure(url: str, events: int, *, log_workers: int) -> tuple[float, float]:
    """Return our and the baseline's events per second."""
    with tempfile.TemporaryDirectory() as folder:
        async with headquarters(Path(folder), stations=(STATION,), url=url, log_workers=log_workers) as hq:
            head = await backlog.fill(hq.home(STATION), STATION, events)
            ours = head / await drained(hq, head)
            for worker in hq.workers:
                await worker.stop()
            broker = hq.broker(STATION)
            took = await asyncio.to_thread(plain_mqtt.publish, broker, f"jt/1/{STATION}/up/log", events)
            return ours, events / took


def rows(seconds: float) -> list[dict[str, object]]:
    """Drain once on each database; fewer events when there is little time."""
    events = EVENTS if seconds >= SECONDS / 2 else max(1000, int(EVENTS * seconds / SECONDS))
    measured = {}
    with contextlib.closing(_Server()) as server:
        measured["PostgreSQL"] = asyncio.run(measure(server.url, events, log_workers=0))
    measured["SQLite"] = asyncio.run(measure(SQLITE, events, log_workers=0))
    return [
        {
            "name": f"drain, {events} events, {database}",
            "value": round(ours),
            "unit": "events/s",
            "baseline": round(theirs),
            "ratio": round(ours / theirs, 2),
            "aim": AIM,
            "met": ours / theirs >= AIM,
        }
        for database, (ours, theirs) in measured.items()
    ]


class _Server:
    """A PostgreSQL for one run."""

    def __init__(self) -> None:
        self._postgres = Postgres()
        self.url = self._postgres.url(self._postgres.create())

    def close(self) -> None:
        self._postgres.stop()
