"""Bytes written to the disk for each event, beside bare sqlite3, persist-queue, sqlite-utils and the gateway's storage.

The first three are one producer with one commit an event, WAL, synchronous=FULL, checkpoints included; bare sqlite3
writes the same line and projection, the peers as many bytes and no projection. The gateway is given its events one by
one, and commits them when it likes. The figure is what the kernel charged each process (`write_bytes` of /proc/PID/io,
proc(5)); the gateway's has its log and what it deletes again once it is sent. Idle days are in `footprint`.
"""

import asyncio
import os
import tempfile
from pathlib import Path

from agent.journal import Journal
from common.clock import Clock
from tests.benchmarks import comparison, gateway, peers
from tests.benchmarks.appends import BARE, EVENT, PEERS, SCHEMA, SOURCE, Bare, project
from tests.benchmarks.comparison import Row
from tests.benchmarks.far_end import FarEnd
from tests.benchmarks.footprint import written_b

SECONDS = 30.0
AIM = 1.3
EVENTS = 1000
ROUNDS = 5


async def _ours(folder: Path) -> float:
    journal = await Journal.open(
        folder / "station.db",
        source=SOURCE,
        clock=Clock(),
        projectors={"device.changed": project},
        schema=(SCHEMA,),
    )
    before = written_b(os.getpid())
    for _ in range(EVENTS):
        await journal.append(EVENT)
    await journal.stop()
    return (written_b(os.getpid()) - before) / EVENTS


def _bare(folder: Path) -> float:
    bare = Bare(folder)
    before = written_b(os.getpid())
    for _ in range(EVENTS):
        bare.append()
    bare.connection.close()
    return (written_b(os.getpid()) - before) / EVENTS


def _peer(folder: Path, peer: str) -> float:
    with peers.Worker("peer_queues", peer, folder) as worker:
        return float(worker.ask(count=EVENTS)["written"])


def _gateway(folder: Path) -> float:
    with FarEnd(folder / "far") as far:
        theirs = gateway.Gateway(folder, far.port, tuned=False)
        try:
            theirs.start()
            line = theirs.line()
            line.give(-1)
            far.wait_for(lambda came: -1 in came, 60)
            before = written_b(theirs.pid)
            for number in range(EVENTS):
                line.give(number)
                line.hear()
            far.wait_for(lambda came: len(came) > EVENTS, 120)
            return (written_b(theirs.pid) - before) / EVENTS
        finally:
            theirs.close()


def rows(seconds: float) -> list[Row]:
    """Write a fixed number of events, in turns, five times or once when there is little time."""
    ours: list[float] = []
    theirs: dict[str, list[float]] = {}
    why: dict[str, str] = {}
    for _ in range(ROUNDS if seconds >= SECONDS / 2 else 1):
        with tempfile.TemporaryDirectory() as folder:
            theirs.setdefault(BARE, []).append(_bare(Path(folder)))
            ours.append(asyncio.run(_ours(Path(folder))))
            for peer in (*PEERS, gateway.PACKAGE):
                try:
                    who = peers.named(peer)
                except peers.Missing as problem:
                    why[peer] = str(problem)
                    continue
                measured = _gateway(Path(folder)) if peer == gateway.PACKAGE else _peer(Path(folder), peer)
                theirs.setdefault(who, []).append(measured)
    name = "disk, bytes written an event"
    found = [
        comparison.beside(name, "B", ours, each, who=who, aim=AIM if who == BARE else 1.0, at_most=True)
        for who, each in theirs.items()
    ]
    return found + [comparison.without(name, "B", ours, who=who, why=said) for who, said in why.items()]
