"""A backlog until the far end has it: ours committed and acknowledged, beside gateway, bridge and paho.

Ours is a real station, broker and headquarters, on PostgreSQL with one and two workers (two stations then, each with
half of the backlog) and on SQLite; the clock runs from the last station's birth to the ack that covers the last event,
and what was acknowledged before it does not count.
thingsboard-gateway has as many events in its SQLite storage; its clock runs from its first question to when the last
has come to a subscriber in Python, which stores nothing. The bridge is two mosquittos: from the first event that comes
to the same subscriber, to the last. paho-mqtt publishes one message an event and waits for nothing but their PUBACKs:
nobody listens, no database at either end.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from common import keyfiles
from jingting.child import Child, jingting
from sync.broker import Broker
from sync.receiver import read_ack
from sync.signed import MAX_OPEN_AT_STATION, open_message
from sync.signing import Pinned, VerifyKey
from tests.benchmarks import backlog, bridge, comparison, gateway, plain_mqtt
from tests.benchmarks.comparison import Row
from tests.benchmarks.far_end import FarEnd
from tests.headquarters import SQLITE, Headquarters, headquarters
from tests.postgres import Postgres

SECONDS = 180.0
REPEATS = 5
EVENTS = 20_000
EVENTS_AS_SHIPPED = 1_000
"""The gateway as it is shipped takes too long for more; its rate does not hang on how many wait."""
STATION = "jt-001"
PAHO: Final = "paho-mqtt"
_LONGEST_S = 180.0


class Watch:
    """Hears a station's birth and the acks it is sent, and stamps them."""

    def __init__(self, hq: Headquarters, station: str, head: int, before: int = 0) -> None:
        self.born = 0.0
        self.acks: list[tuple[float, int]] = []
        """When, and up to which event."""
        self._keys = Pinned([VerifyKey(keyfiles.read_public(hq.home(station) / "headquarters.pub"))])
        self._station, self._head, self._before = station, head, before
        self._done = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._clients = [
            self._listen(hq.guest(f"watch-{last}-{station}", f"read jt/1/{station}/{topic}"), station, topic, hear)
            for last, topic, hear in (("ack", "up/ack", self._ack), ("state", "state", self._birth))
        ]

    def _listen(
        self, broker: Broker, station: str, topic: str, hear: Callable[[mqtt.MQTTMessage], None]
    ) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"watch-{topic.rpartition('/')[2]}-{station}")
        client.tls_set_context(broker.tls())
        client.on_connect = lambda client, *_: client.subscribe(f"jt/1/{station}/{topic}", qos=1)
        client.on_message = lambda _client, _data, message: hear(message)
        client.connect(broker.host, broker.port)
        client.loop_start()
        return client

    def _birth(self, message: mqtt.MQTTMessage) -> None:
        if not message.retain:  # of an earlier session
            self.born = self.born or time.perf_counter()

    def _ack(self, message: mqtt.MQTTMessage) -> None:
        at = time.perf_counter()
        kinds: Any = frozenset({"ack"})
        opened = open_message(
            message.payload, station=self._station, kinds=kinds, limit=MAX_OPEN_AT_STATION, keys=self._keys
        )
        ack = read_ack(opened)
        self.acks.append((at, ack.cursor))
        if ack.cursor >= self._head:
            self._loop.call_soon_threadsafe(self._done.set)

    @property
    def held(self) -> float:
        """When the last event was acknowledged."""
        return next(at for at, cursor in self.acks if cursor >= self._head)

    def left(self, since: float) -> int:
        """How many of the events were not acknowledged at that time; 0 acks: all of them."""
        return self._head - max((cursor for at, cursor in self.acks if at <= since), default=self._before)

    async def wait(self) -> None:
        """Wait until the last event is acknowledged."""
        async with asyncio.timeout(_LONGEST_S):
            await self._done.wait()

    def stop(self) -> None:
        for client in self._clients:
            client.disconnect()
            client.loop_stop()


async def drained(hq: Headquarters, watched: dict[str, Watch], *, port: int | None = None) -> float:
    """Start the stations, through another port if need be; return events a second once all were born."""
    watches = list(watched.values())
    children = []
    for station in watched:
        config = hq.home(station) / "station.toml"
        if port is not None:
            config.write_text(config.read_text("utf-8").replace(f"port = {hq.port}", f"port = {port}"), "utf-8")
        log = hq.folder / f"logs/station-{station}.log"
        children.append(Child(f"station-{station}", jingting("station", "--config", config), log=log))
    for child in children:
        child.start()
    try:
        await asyncio.gather(*(watch.wait() for watch in watches))
    except TimeoutError:
        raise TimeoutError("\n".join([hq.said(), *(child.last_words() for child in children)])) from None
    finally:
        await asyncio.gather(*(child.stop() for child in children))
        for watch in watches:
            watch.stop()
    began = max(watch.born for watch in watches)
    return sum(watch.left(began) for watch in watches) / (max(watch.held for watch in watches) - began)


class Ours:
    """Headquarters that stays, and stations that get a new backlog each time."""

    def __init__(self, hq: Headquarters) -> None:
        self._hq = hq
        self._heads = dict.fromkeys(hq.stations, 0)

    async def per_s(self, events: int) -> float:
        """Drain once; return events a second."""
        watches = {}
        for station, before in self._heads.items():
            head = await backlog.fill(self._hq.home(station), station, events // len(self._heads))
            watches[station] = Watch(self._hq, station, head, before)
            self._heads[station] = head
        return await drained(self._hq, watches)

    async def paho_per_s(self, events: int) -> float:
        """Let paho publish as many to the same broker, without the workers."""
        for worker in self._hq.workers:
            await worker.stop()
        broker, topic = self._hq.broker(STATION), f"jt/1/{STATION}/up/log"
        took = await asyncio.to_thread(plain_mqtt.publish, broker, topic, events)
        await self._hq.start_workers()
        return events / took


def gateway_per_s(events: int, *, tuned: bool) -> float:
    """Drain a gateway's storage; return events a second."""
    with tempfile.TemporaryDirectory() as folder, FarEnd(Path(folder) / "far") as far:
        theirs = gateway.Gateway(Path(folder), far.port, tuned=tuned)
        theirs.fill(events)
        theirs.start()
        try:
            far.wait_for(lambda came: len(came) == events, _LONGEST_S)
        finally:
            theirs.close()
        return events / (max(far.came.values()) - far.asked)


def bridge_per_s(events: int) -> float:
    """Drain a bridge's backlog; return events a second."""
    with tempfile.TemporaryDirectory() as folder:
        far = FarEnd(Path(folder) / "far")
        far.start()  # its session is there from now on
        far.stop()
        with bridge.Bridge(Path(folder) / "near", far.port) as near:
            near.publish(range(events))
            with far:
                far.wait_for(lambda came: len(came) == events, _LONGEST_S)
        return events / (max(far.came.values()) - min(far.came.values()))


OURS: Final = {"PostgreSQL": (1, 0), "PostgreSQL, 2 workers": (2, 1), "SQLite": (1, 0)}
"""What headquarters stores in: stations, and log workers beside headquarters' own."""
AIMS: Final = {"tuned": 5.0, PAHO: 1.5, bridge.NAME: 1.0}


async def measure(events: int, repeats: int, gateways: dict[str, bool]) -> dict[str, list[float]]:
    """Return, by who it was, events a second. `gateways`: by name, whether it is tuned."""
    found: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = {}
        server: Postgres | None = None
        for place, (name, (stations, log_workers)) in enumerate(OURS.items()):
            if "PostgreSQL" in name and server is None:
                server = Postgres()
                stack.callback(server.stop)
            url = server.url(server.create()) if server and "PostgreSQL" in name else SQLITE
            named = tuple(f"jt-{number + 1:03}" for number in range(stations))
            (folder / str(place)).mkdir()
            hq = headquarters(folder / str(place), stations=named, url=url, log_workers=log_workers)
            ours[name] = Ours(await stack.enter_async_context(hq))
        for _ in range(repeats):
            for name, each in ours.items():
                found.setdefault(name, []).append(await each.per_s(events))
            found.setdefault(PAHO, []).append(await ours["SQLite"].paho_per_s(events))
            found.setdefault(bridge.NAME, []).append(await asyncio.to_thread(bridge_per_s, events))
            for who, tuned in gateways.items():
                few = events if tuned else min(events, EVENTS_AS_SHIPPED)
                found.setdefault(who, []).append(await asyncio.to_thread(gateway_per_s, few, tuned=tuned))
    return found


def rows(seconds: float) -> list[Row]:
    """Drain several times on each database; fewer events when there is little time."""
    events = max(600, min(EVENTS, int(EVENTS * seconds / SECONDS)))
    gateways, why = gateway.both()
    measured = asyncio.run(measure(events, REPEATS if seconds >= SECONDS / 2 else 1, gateways))
    ours = {f"drain, {events} events, {name}": measured.pop(name) for name in OURS}
    found = [
        comparison.beside(name, "events/s", figures, theirs, who=who, aim=_aim(who))
        for name, figures in ours.items()
        for who, theirs in measured.items()
    ]
    return found + [
        comparison.without(name, "events/s", ours[name], who=gateway.PACKAGE, why=why) for name in ours if why
    ]


def _aim(who: str) -> float | None:
    return next((aim for part, aim in AIMS.items() if part in who), None)
