"""Bytes written to the disk for each event, beside bare sqlite3 that writes the same line and the same projection.

Both are one producer with one commit an event, WAL, synchronous=FULL, checkpoints included; the figure is what the
kernel charged this process (`write_bytes` of /proc/self/io, proc(5)).
"""

import asyncio
import tempfile
from pathlib import Path

from agent.journal import Journal
from common.clock import Clock
from tests.benchmarks.appends import EVENT, SCHEMA, SOURCE, Bare, project

SECONDS = 10.0
AIM = 1.3
EVENTS = 3000


def _written() -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["write_bytes"])


async def _ours(folder: Path) -> float:
    journal = await Journal.open(
        folder / "station.db",
        source=SOURCE,
        clock=Clock(),
        projectors={"device.changed": project},
        schema=(SCHEMA,),
    )
    before = _written()
    for _ in range(EVENTS):
        await journal.append(EVENT)
    await journal.stop()
    return (_written() - before) / EVENTS


def _bare(folder: Path) -> float:
    bare = Bare(folder)
    before = _written()
    for _ in range(EVENTS):
        bare.append()
    bare.connection.close()
    return (_written() - before) / EVENTS


def rows(_seconds: float) -> list[dict[str, object]]:
    """Write a fixed number of events on either side; seconds change nothing."""
    with tempfile.TemporaryDirectory() as folder:
        theirs = _bare(Path(folder))
        ours = asyncio.run(_ours(Path(folder)))
    return [
        {
            "name": "disk, bytes written an event",
            "value": round(ours),
            "unit": "B",
            "baseline": round(theirs),
            "ratio": round(ours / theirs, 2),
            "aim": AIM,
            "met": ours / theirs <= AIM,
        }
    ]
