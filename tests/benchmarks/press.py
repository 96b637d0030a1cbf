"""A press: from its bytes on the pty to headquarters' commit, beside the barest path that is as durable.

Ours is one real city: panel line, station, journal, broker, headquarters on SQLite. The press is written by the bench
itself, which plays the panel; headquarters' commit is taken when its ack, sent after the commit, reaches a subscriber
of the bench's own, so one broker hop more than it owes. The baseline: a process that reads one byte from a pty, commits
a row to SQLite (WAL, synchronous=FULL), publishes it with QoS 1, and a subscriber that receives it; no signature, no
second database, no answer.
"""

import asyncio
import contextlib
import multiprocessing
import os
import sqlite3
import tempfile
import time
import tty
from pathlib import Path
from statistics import median
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from drivers.firmware import frames
from drivers.simulators.pty_line import open_line
from jingting.city import City
from sync.broker import Broker
from tests.benchmarks import comparison
from tests.benchmarks.comparison import Row, p99
from tests.guests import let_in

SECONDS = 30.0
AIM = 2.0
PARTS = 5
BAREST = "the barest path"
WARM_UP = 20
PAUSE_S = 0.03


class Subscriber:
    """Listens on one topic filter and lets the bench wait for the next message."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._heard: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"bench-{os.getpid()}-{topic.count('/')}")
        self._client.tls_set_context(broker.tls())
        self._client.on_message = self._take
        ready = self._loop.create_future()
        self._client.on_subscribe = lambda *_: self._loop.call_soon_threadsafe(ready.set_result, None)
        self._client.connect(broker.host, broker.port)
        self._client.socket().setsockopt(6, 1, 1)
        self._client.loop_start()
        self._client.subscribe(topic, qos=1)
        self.ready = ready

    def _take(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        self._loop.call_soon_threadsafe(self._heard.put_nowait, (time.perf_counter_ns(), message.payload))

    async def next(self) -> int:
        async with asyncio.timeout(10):
            return (await self._heard.get())[0]

    def forget(self) -> None:
        while not self._heard.empty():
            self._heard.get_nowait()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _bare_child(slave: str, broker: Broker, folder: str) -> None:
    database = sqlite3.connect(f"{folder}/bare.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE events(number INTEGER PRIMARY KEY, line BLOB)")
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-bare")
    client.tls_set_context(broker.tls())
    client.connect(broker.host, broker.port)
    client.socket().setsockopt(6, 1, 1)
    client.loop_start()
    line = os.open(slave, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    os.write(line, b"r")
    while byte := os.read(line, 1):
        if byte == b"q":
            return
        database.execute("INSERT INTO events(line) VALUES (?)", (b"x" * 340,))
        client.publish("bench/press", b"x" * 340, qos=1)


async def _bare(city: City, presses: int) -> list[float]:
    master, slave = os.openpty()
    tty.setraw(master)
    subscriber = Subscriber(guest(city, "bench-ear", "read bench/#"), "bench/press")
    await subscriber.ready
    with tempfile.TemporaryDirectory() as folder:
        child = multiprocessing.get_context("spawn").Process(
            target=_bare_child,
            args=(os.ttyname(slave), guest(city, "bench-bare", "write bench/#"), folder),
            daemon=True,  # a bench that fails ends, instead of waiting for it
        )
        child.start()
        await asyncio.to_thread(os.read, master, 1)
        took = []
        for _ in range(presses):
            start = time.perf_counter_ns()
            os.write(master, b"p")
            took.append((await subscriber.next() - start) / 1e6)
            await asyncio.sleep(PAUSE_S)
        os.write(master, b"q")
        await asyncio.to_thread(child.join)
    subscriber.stop()
    os.close(master)
    os.close(slave)
    return took


class BenchPanel:
    """The bench in the panel's place: the bytes of a press, on the pty the station already has open."""

    def __init__(self, link: Path) -> None:
        self.master, self._slave, port = open_line()
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
        link.symlink_to(port)
        self._number = 0
        self._sequence = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.master, lambda: os.read(self.master, 4096))
        self._beat = asyncio.create_task(self._heartbeat())

    def _frame(self, message: frames.Hello | frames.Status | frames.Press) -> bytes:
        self._sequence = frames.following(self._sequence)
        return frames.encode(message, self._sequence)

    async def _heartbeat(self) -> None:
        os.write(self.master, self._frame(frames.Hello("bench", 1, 1)))
        while True:
            os.write(self.master, self._frame(frames.Status("off", 0, False, 0, 0)))
            await asyncio.sleep(1)

    def press(self) -> None:
        self._number += 1
        os.write(self.master, self._frame(frames.Press(1, self._number, 0, 0, False)))

    def stop(self) -> None:
        self._beat.cancel()
        self._loop.remove_reader(self.master)
        os.close(self.master)
        os.close(self._slave)


async def measure(seconds: float) -> tuple[list[float], list[float]]:
    presses = max(50, int(seconds / 2 / (PAUSE_S + 0.01)))
    with tempfile.TemporaryDirectory() as folder:
        async with City(Path(folder), stations=1) as city:
            station = city.stations[0]
            await city.process(f"panel-{station}").stop()
            panel = BenchPanel(city.station_folder(station) / "panel")
            await city.connected()
            acks = Subscriber(guest(city, "bench-acks", "read jt/1/+/up/ack"), f"jt/1/{station}/up/ack")
            await acks.ready
            ours: list[float] = []
            for press in range(presses + WARM_UP):
                acks.forget()
                start = time.perf_counter_ns()
                panel.press()
                took = (await acks.next() - start) / 1e6
                if press >= WARM_UP:
                    ours.append(took)
                await asyncio.sleep(PAUSE_S)
            panel.stop()
            acks.stop()
            bare = (await _bare(city, presses + WARM_UP))[WARM_UP:]
    return ours, bare


def guest(city: City, name: str, right: str) -> Broker:
    """The city's broker, for one connection of the bench's."""
    return let_in(city.folder, city.process("broker"), name, [right], port=city.broker_port)


def rows(seconds: float) -> list[Row]:
    """Measure for about `seconds`; p50 and p99 of each fifth of it, in milliseconds."""
    ours, bare = (_parts(took) for took in asyncio.run(measure(seconds)))
    return [
        comparison.beside(
            f"press, {name}", "ms", list(map(at, ours)), list(map(at, bare)), who=BAREST, aim=AIM, at_most=True
        )
        for name, at in (("p50", median), ("p99", p99))
    ]


def _parts(took: list[float]) -> list[list[float]]:
    size = len(took) // PARTS
    return [took[part * size : (part + 1) * size] for part in range(PARTS)]
