"""Durable events per second through Journal.append, beside persist-queue, sqlite-utils and bare sqlite3.

All commit every event, in the same folder, in WAL with synchronous=FULL. The bare loop writes the same lines and the
same projection with our page settings, and gets its lines and chain values for nothing; the peers put as many bytes and
project nothing. Slices alternate, so that a disk whose mood changes changes it for all. Producers are coroutines with
us, threads with the peers; the bare loop is always one.
"""

import asyncio
import gc
import os
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from agent.database import connect, open_database
from agent.entry import Envelope
from agent.journal import Journal
from common.clock import Clock
from common.events.equipment import DeviceChanged
from tests.benchmarks import comparison, peers
from tests.benchmarks.comparison import Row, p99

SECONDS = 40.0
REPEATS = 7
BARE: Final = "bare sqlite3"
PEERS: Final = ("persist-queue", "sqlite-utils")
AIMS: Final = {1: {BARE: 0.7}, 8: {}, 64: {BARE: 4.0}}
"""By producers: the ratio to aim for. Above every peer is 1."""
SCHEMA = "CREATE TABLE IF NOT EXISTS devices(device TEXT PRIMARY KEY, state TEXT, number INTEGER) WITHOUT ROWID"
SOURCE = "/stations/sjz-001"
EVENT = DeviceChanged(device="door", kind="panel", state="faulty", reason="no heartbeat for 3 s")


def project(connection: sqlite3.Connection, number: int, _id: str, payload: DeviceChanged, _event: object) -> None:
    connection.execute("INSERT OR REPLACE INTO devices VALUES (?, ?, ?)", (payload.device, payload.state, number))


class Bare:
    """One loop, one connection, one commit an event."""

    def __init__(self, folder: Path) -> None:
        open_database(folder / "bare.db", (SCHEMA,))
        self.connection = connect(folder / "bare.db")
        self.line = Envelope(SOURCE, Clock()).entry(EVENT).line
        self.chain = os.urandom(32)
        self.number = 0

    def append(self) -> None:
        self.number += 1
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        execute("INSERT INTO events VALUES (?, ?, ?)", (self.number, self.line, self.chain))
        project(self.connection, self.number, "", EVENT, None)
        execute("COMMIT")

    def slice(self, seconds: float) -> "Slice":
        took_ms, began = [], time.perf_counter()
        while (start := time.perf_counter()) < began + seconds:
            self.append()
            took_ms.append((time.perf_counter() - start) * 1000)
        return Slice.of(took_ms, time.perf_counter() - began)


class Slice(NamedTuple):
    """What one way did in a while: events a second, and the 99th percentile of an event's milliseconds."""

    per_s: float
    p99_ms: float

    @classmethod
    def of(cls, took_ms: Sequence[float], seconds: float) -> "Slice":
        return cls(len(took_ms) / seconds, p99(took_ms))


async def of_journal(journal: Journal, producers: int, seconds: float) -> Slice:
    took_ms: list[float] = []
    began = time.perf_counter()

    async def produce() -> None:
        while (start := time.perf_counter()) < began + seconds:
            await journal.append(EVENT)
            took_ms.append((time.perf_counter() - start) * 1000)

    await asyncio.gather(*(produce() for _ in range(producers)))
    return Slice.of(took_ms, time.perf_counter() - began)


OURS: Final = "Jingting"


async def measure(folder: Path, seconds: float, workers: dict[str, peers.Worker]) -> dict[int, dict[str, list[Slice]]]:
    """Return, by producers and by who it was, the slices."""
    bare = Bare(folder)
    journal = await Journal.open(
        folder / "station.db",
        source=SOURCE,
        clock=Clock(),
        projectors={"device.changed": project},
        schema=(SCHEMA,),
    )
    slice_s = seconds / (REPEATS * len(AIMS) * (2 + len(workers)))
    found: dict[int, dict[str, list[Slice]]] = {producers: {} for producers in AIMS}
    for _ in range(REPEATS):
        for producers, slices in found.items():
            gc.collect()
            slices.setdefault(BARE, []).append(bare.slice(slice_s))
            slices.setdefault(OURS, []).append(await of_journal(journal, producers, slice_s))
            for peer, worker in workers.items():
                did = await asyncio.to_thread(worker.ask, producers=producers, seconds=slice_s)
                slices.setdefault(peer, []).append(Slice(did["per_s"], p99(did["took_ms"])))
    await journal.stop()
    bare.connection.close()
    return found


def rows(seconds: float) -> list[Row]:
    """Measure for about `seconds`; for each number of producers, and each who it is beside, events a second and p99."""
    missing, workers = {}, {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        for peer in PEERS:
            try:
                name = peers.named(peer)
                workers[name] = stack.enter_context(peers.Worker("peer_queues", peer, folder))
            except peers.Missing as problem:
                missing[peer] = str(problem)
        measured = asyncio.run(measure(Path(folder), seconds, workers))
    return [row for producers, slices in measured.items() for row in _rows(producers, slices, missing)]


def _rows(producers: int, slices: dict[str, list[Slice]], missing: dict[str, str]) -> list[Row]:
    name = f"appends, {producers} producer{'s' if producers > 1 else ''}"
    ours = slices.pop(OURS)
    per_s, p99_ms = [each.per_s for each in ours], [each.p99_ms for each in ours]
    found = []
    for who, theirs in slices.items():
        aim = AIMS[producers].get(who) if who == BARE else 1.0
        found.append(comparison.beside(name, "events/s", per_s, [each.per_s for each in theirs], who=who, aim=aim))
        if who != BARE or producers == 1:
            theirs_ms = [each.p99_ms for each in theirs]
            found.append(comparison.beside(f"{name}, p99", "ms", p99_ms, theirs_ms, who=who))
    found += [comparison.without(name, "events/s", per_s, who=who, why=why) for who, why in missing.items()]
    return found
