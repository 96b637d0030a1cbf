"""Killed with -9: how many events of those it had confirmed never came.

While it takes events: our journal, and thingsboard-gateway, are given events as fast as they confirm them, killed after
some hundred confirmations, started again, and asked for all. While a backlog drains: a station with 20,000 events, and
a bridge that has confirmed as many, are killed in the midst and started again. While the far end is away: the same,
killed before anything was sent.
"""

import asyncio
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from jingting.child import Child, jingting
from tests.benchmarks import backlog, bridge, comparison, gateway
from tests.benchmarks.comparison import Row
from tests.benchmarks.drain import STATION, Watch
from tests.benchmarks.far_end import FarEnd
from tests.headquarters import Headquarters, headquarters, until

SECONDS = 90.0
ROUNDS = 5
BACKLOG = 20_000
_QUIET_S = 1.5
_LONGEST_S = 60.0


class Round(NamedTuple):
    """What was confirmed, and how many of it never came."""

    confirmed: int
    lost: int


def ours_while_taking(after: int) -> Round:
    """Kill our journal after so many confirmations, and look what it has when it is opened again."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "station.db"
        command = [sys.executable, "-m", "tests.benchmarks.confirming", str(database)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        confirmed = [int(process.stdout.readline()) for _ in range(after)]
        process.kill()
        confirmed += [int(line) for line in process.communicate()[0].splitlines() if line.isdigit()]
        with closing(sqlite3.connect(database)) as opened:
            kept = {json.loads(line)["data"]["agent"] for (line,) in opened.execute("SELECT line FROM events")}
        return Round(len(confirmed), sum(str(number) not in kept for number in confirmed))


def gateway_while_taking(after: int) -> Round:
    """Kill the gateway after so many events that it said it took, and start it again until nothing more comes."""
    with tempfile.TemporaryDirectory() as folder, FarEnd(Path(folder) / "far") as far:
        theirs = gateway.Gateway(Path(folder), far.port, tuned=True)
        try:
            theirs.start()
            line = theirs.line()
            line.give(-1)
            far.wait_for(lambda came: -1 in came, _LONGEST_S)
            for number in range(after):
                line.give(number)
                line.hear()
            theirs.kill()
            theirs.start()
            theirs.line().give(-2)  # the last of all: what it kept goes first
            far.wait_for(lambda came: -2 in came, _LONGEST_S)
            far.wait_until_quiet(_QUIET_S)
        finally:
            theirs.close()
        return Round(len(line.taken), sum(number not in far.came for number in line.taken))


async def ours_while_draining(hq: Headquarters, events: int, before: int) -> tuple[Round, int]:
    """Kill the station once headquarters has acknowledged something; return also the journal's head."""
    head = await backlog.fill(hq.home(STATION), STATION, events)
    station = Child(
        "station",
        jingting("station", "--config", hq.home(STATION) / "station.toml"),
        log=hq.folder / "logs/station.log",
    )
    watch = Watch(hq, STATION, head, before)
    try:
        station.start()
        await until(lambda: watch.acks)
        station.kill()
        await station.ended()
        station.start()
        await watch.wait()
    finally:
        await station.stop()
        watch.stop()
    with closing(sqlite3.connect(hq.folder / "hq/data/hq.db")) as opened:
        (held,) = opened.execute(
            "SELECT count(*) FROM events WHERE number > ? AND number <= ?", (before, head)
        ).fetchone()
    return Round(head - before, head - before - held), head


def bridge_killed(events: int, *, draining: bool) -> Round:
    """Kill a bridge that has confirmed so many: while they drain, or before the far end is there."""
    with tempfile.TemporaryDirectory() as folder:
        far = FarEnd(Path(folder) / "far")
        far.start()  # its session is there from now on
        far.stop()
        with bridge.Bridge(Path(folder) / "near", far.port) as near:
            near.publish(range(events))
            if not draining:
                near.kill()
                near.start()
            with far:
                if draining:
                    far.wait_for(lambda came: len(came) >= events // 20, _LONGEST_S)
                    near.kill()
                    near.start()
                near.publish(range(events, events + 1))
                far.wait_for(lambda came: events in came, _LONGEST_S)
                far.wait_until_quiet(_QUIET_S)
            return Round(events, sum(number not in far.came for number in range(events)))


async def _ours_draining(rounds: int, events: int) -> list[Round]:
    found, head = [], 0
    with tempfile.TemporaryDirectory() as folder:
        async with headquarters(Path(folder), stations=(STATION,)) as hq:
            for _ in range(rounds):
                each, head = await ours_while_draining(hq, events, head)
                found.append(each)
    return found


def rows(seconds: float) -> list[Row]:
    """Kill each as often; fewer events and one round when there is little time."""
    rounds, events = (ROUNDS, BACKLOG) if seconds >= SECONDS / 2 else (1, 600)
    seed = random.randrange(2**32)
    print(f"killed: seed {seed}", file=sys.stderr)
    draw = random.Random(seed)
    after = [draw.randrange(200, 1000) for _ in range(rounds)]
    taking = [ours_while_taking(each) for each in after]
    gateways, why = gateway.both()
    found = []
    for who in (name for name, tuned in gateways.items() if tuned):  # as shipped it loses as much, and takes longer
        theirs = [gateway_while_taking(each) for each in after]
        found.append(_row("while it takes events", taking, theirs, who))
    if why:
        found.append(
            comparison.without(_name("while it takes events", taking), "lost", [0.0], who=gateway.PACKAGE, why=why)
        )
    draining = asyncio.run(_ours_draining(rounds, events))
    for told, is_draining in (("while a backlog drains", True), ("while the far end is away", False)):
        theirs = [bridge_killed(events, draining=is_draining) for _ in range(rounds)]
        found.append(_row(told, draining if is_draining else taking, theirs, bridge.NAME))
    return found


def _name(told: str, ours: list[Round]) -> str:
    return f"killed {len(ours)} times {told}: of {sum(each.confirmed for each in ours):,} confirmed"


def _row(told: str, ours: list[Round], theirs: list[Round], who: str) -> Row:
    """Return a round's losses; of theirs, `who` says how many of how many in all."""
    of_all = f"{sum(each.lost for each in theirs):,} of {sum(each.confirmed for each in theirs):,}"
    lost, lost_there = [float(each.lost) for each in ours], [float(each.lost) for each in theirs]
    return comparison.beside(
        _name(told, ours), "lost", lost, lost_there, who=f"{who}, {of_all}", aim=0, at_most=True, of_value=True
    )
