"""Durable events per second through Journal.append, beside bare sqlite3 doing the same with one commit each.

Both write the same lines and the same projection, in the same folder, on WAL with synchronous=FULL and the same
page settings; the bare loop gets its lines and chain values for nothing. Slices alternate, so that a disk whose mood
changes changes it for both; medians are compared.
"""

import asyncio
import gc
import os
import sqlite3
import tempfile
import time
from pathlib import Path
from statistics import median

from agent.database import connect, open_database
from agent.entry import Envelope
from agent.journal import Journal
from common.clock import Clock
from common.events import DeviceChanged

SECONDS = 30.0
AIMS = {1: 0.7, 8: None, 64: 4.0}
REPEATS = 9
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

    def events_per_s(self, seconds: float) -> float:
        before, start = self.number, time.perf_counter()
        while time.perf_counter() - start < seconds:
            self.append()
        return (self.number - before) / (time.perf_counter() - start)


async def events_per_s(journal: Journal, producers: int, seconds: float) -> float:
    async def produce() -> int:
        count = 0
        while time.perf_counter() < end:
            await journal.append(EVENT)
            count += 1
        return count

    start = time.perf_counter()
    end = start + seconds
    counts = await asyncio.gather(*(produce() for _ in range(producers)))
    return sum(counts) / (time.perf_counter() - start)


async def measure(folder: Path, seconds: float) -> dict[int, tuple[float, float]]:
    """Return, by producers, the medians of the journal's and of the bare loop's events per second."""
    bare = Bare(folder)
    journal = await Journal.open(
        folder / "station.db",
        source=SOURCE,
        clock=Clock(),
        projectors={"device.changed": project},
        schema=(SCHEMA,),
    )
    slice_s = seconds / (REPEATS * len(AIMS) * 2)
    results: dict[int, tuple[list[float], list[float]]] = {producers: ([], []) for producers in AIMS}
    for _ in range(REPEATS):
        for producers, (ours, theirs) in results.items():
            gc.collect()
            theirs.append(bare.events_per_s(slice_s))
            ours.append(await events_per_s(journal, producers, slice_s))
    await journal.stop()
    bare.connection.close()
    return {producers: (median(ours), median(theirs)) for producers, (ours, theirs) in results.items()}


def rows(seconds: float) -> list[dict[str, object]]:
    """Measure for about `seconds`; one row for each number of producers."""
    with tempfile.TemporaryDirectory() as folder:
        measured = asyncio.run(measure(Path(folder), seconds))
    return [
        {
            "name": f"appends, {producers} producer{'s' if producers > 1 else ''}",
            "value": round(ours),
            "unit": "events/s",
            "baseline": round(theirs),
            "ratio": round(ours / theirs, 2),
            "aim": AIMS[producers],
            "met": None if (aim := AIMS[producers]) is None else ours / theirs >= aim,
        }
        for producers, (ours, theirs) in measured.items()
    ]
