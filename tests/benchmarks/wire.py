"""Bytes on the wire for each event, both directions, beside paho-mqtt's one QoS 1 message an event.

A real station sends a backlog of records, three events each and one of them sealed, through a proxy that counts all
that passes: sessions, acks and PUBACKs included. A lone call for help is what its event adds: batch, acks and all.
"""

import asyncio
import tempfile
from pathlib import Path

from tests.benchmarks import backlog, plain_mqtt
from tests.benchmarks.drain import STATION, Watch, drained
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


async def _quiet(line: Proxy) -> None:
    """Wait until nothing has passed for half a second."""
    carried = -1
    while carried != line.carried:
        carried = line.carried
        await asyncio.sleep(0.5)


def rows(_seconds: float) -> list[dict[str, object]]:
    """Measure once; seconds change nothing."""
    ours, theirs, sent, lone = asyncio.run(measure())
    return [
        {
            "name": "wire, an event, one in three sealed",
            "value": round(ours, 1),
            "unit": "B",
            "baseline": round(theirs, 1),
            "ratio": round(ours / theirs, 2),
            "aim": AIM,
            "met": ours / theirs <= AIM,
        },
        {
            "name": "wire, a lone help event, what the station sends",
            "value": sent,
            "unit": "B",
            "baseline": round(theirs, 1),
            "ratio": round(sent / theirs, 2),
            "aim": AIM_LONE_B,
            "met": sent <= AIM_LONE_B,
        },
        {
            "name": "wire, a lone help event, with headquarters' ack",
            "value": lone,
            "unit": "B",
            "baseline": round(theirs, 1),
            "ratio": round(lone / theirs, 2),
            "aim": AIM_LONE_B,
            "met": lone <= AIM_LONE_B,
        },
    ]
