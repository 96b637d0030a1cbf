"""Bytes on the wire for each event, both directions, beside paho-mqtt's one QoS 1 message an event, and the gateway.

A real station sends a backlog of records, three events each and one of them sealed, through a proxy that counts all
that passes: sessions, acks and PUBACKs included. thingsboard-gateway sends as many from its storage, tuned, without
TLS. A lone call for help is what its event adds: batch, acks and all.
"""

import asyncio
import tempfile
from pathlib import Path

from tests.benchmarks import backlog, comparison, gateway, plain_mqtt
from tests.benchmarks.comparison import Row
from tests.benchmarks.drain import PAHO, STATION, Watch, drained
from tests.benchmarks.far_end import FarEnd
from tests.faults.proxy import Proxy
from tests.headquarters import headquarters, station_of, until

SECONDS = 20.0
AIM = 0.3
AIM_LONE_B = 700
EVENTS = 3000


async def measure() -> tuple[float, float, int, int]:
    """Return our and the baseline's bytes an event, those a station sends for a lone call for help, and all of them."""
    with tempfile.TemporaryDirectory() as folder:
        async with headquarters(Path(folder), stations=(STATION,)) as hq, Proxy(hq.port) as line:
            head = await backlog.fill(hq.home(STATION), STATION, EVENTS)
            await drained(hq, {STATION: Watch(hq, STATION, head)}, port=line.port)
            ours = line.carried / head
            through = hq.broker(STATION, line.port)
            before = line.carried
            await asyncio.to_thread(plain_mqtt.publish, through, f"jt/1/{STATION}/health", EVENTS)
            theirs = (line.carried - before) / EVENTS
            async with station_of(hq, STATION, port=line.port) as station:
                await until(lambda: station.link.sessions.up and not station.waiting)
                await _quiet(line)
                before, sent_before = line.carried, line.carried_there
                await station.journal.append(backlog.help_raised())
                await until(lambda: not station.waiting)
                await _quiet(line)
                return ours, theirs, line.carried_there - sent_before, line.carried - before


async def of_gateway() -> float:
    """Return the gateway's bytes an event."""
    with tempfile.TemporaryDirectory() as folder, FarEnd(Path(folder) / "far") as far:
        async with Proxy(far.port) as line:
            theirs = gateway.Gateway(Path(folder), line.port, tuned=True)
            theirs.fill(EVENTS)
            theirs.start()
            try:
                await asyncio.to_thread(far.wait_for, lambda came: len(came) == EVENTS, 60)
                await _quiet(line)
            finally:
                theirs.close()
            return line.carried / EVENTS


async def _quiet(line: Proxy) -> None:
    """Wait until nothing has passed for half a second."""
    carried = -1
    while carried != line.carried:
        carried = line.carried
        await asyncio.sleep(0.5)


def rows(_seconds: float) -> list[Row]:
    """Measure once, since bytes hardly differ; seconds change nothing."""
    ours, theirs, sent, lone = asyncio.run(measure())
    aim_of_lone = {"aim": AIM_LONE_B, "at_most": True, "of_value": True}
    event, paho = "wire, an event, one in three sealed", {"who": PAHO}
    found = [comparison.beside(event, "B", [ours], [theirs], aim=AIM, at_most=True, **paho)]
    gateways, why = gateway.both()
    for who, tuned in gateways.items():
        if tuned:
            found.append(comparison.beside(event, "B", [ours], [asyncio.run(of_gateway())], who=who))
    if why:
        found.append(comparison.without(event, "B", [ours], who=gateway.PACKAGE, why=why))
    name = "wire, a lone help event, "
    return [
        *found,
        comparison.beside(name + "what the station sends", "B", [sent], [theirs], **paho, **aim_of_lone),
        comparison.beside(name + "with headquarters' ack", "B", [lone], [theirs], **paho, **aim_of_lone),
    ]
