"""How many stations at ten times their load one headquarters keeps up with, and how soon a thousand are back.

`FLEET` stations (1,000 unless the environment says otherwise) are light clients with a certificate, a connection, a key
and a journal each, in this process; headquarters and the broker are the real ones, on the same machine. All load is
theirs together: that of 3,000 stations first, then of twice as many, and so on, each for a while, until acks take over
a second or a backlog stays. A station's tenfold load is a hundred and thirty incidents a week, four events each, and a
health sample a minute.
"""

import asyncio
import itertools
import logging
import os
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Final

import psutil

from common.clock import rfc3339
from common.events.calls import HelpAcknowledged, HelpClosed, HelpRaised
from common.events.terms import Payload
from sync.sealing import ShiftKey
from tests.benchmarks.backlog import a_record, new_id
from tests.light_stations import Fleet, LightStation, fleet

SECONDS: Final = 60.0
AIM: Final = 3_000
BACK_S: Final = 60.0
ACKED_S: Final = 1.0
WEEK_S: Final = 7 * 24 * 3600
EVENTS: Final = 130 * 4 / WEEK_S
"""Events a second of one station at ten times its load."""
_TICK_S: Final = 0.02
_DOUBLINGS: Final = 6


@dataclass
class Told:
    """What a load came to: how long each ack took (seconds), CPU seconds a second, and whether all was acknowledged."""

    stations: int
    acked_s: list[float] = field(default_factory=list)
    hq_cpu: float = 0.0
    broker_cpu: float = 0.0
    whole: bool = True

    @property
    def p99_s(self) -> float:
        """Seconds within which 99 of 100 events were acknowledged by headquarters."""
        return sorted(self.acked_s)[ceil(len(self.acked_s) * 0.99) - 1]

    @property
    def sustained(self) -> bool:
        """Whether headquarters kept up."""
        return self.whole and self.p99_s <= ACKED_S


class Talk:
    """What stations say: of eight incidents, seven are records and one is a call for help."""

    def __init__(self) -> None:
        self._key = ShiftKey.new(new_id())
        self._number = itertools.count()

    def __iter__(self) -> Iterator[Payload]:
        """Yield one event after the other, for ever."""
        while True:
            for _ in range(7):
                yield from (payload for payload, _ in a_record(self._key, next(self._number)))
            call = new_id()
            yield HelpRaised(call=call, origin="screen")
            yield HelpAcknowledged(call=call, after_ms=4000)
            yield HelpClosed(call=call, reason="helped")


async def laden(stations: Fleet, worth: int, seconds: float, chance: random.Random) -> Told:
    """Let the fleet say together what so many stations say at ten times their load, for so long."""
    told, waiting = Told(worth), dict[tuple[LightStation, int], float]()
    processes = {name: psutil.Process(stations.hq.processes[name].pid) for name in ("hq", "broker")}
    before = {name: _cpu_s(process) for name, process in processes.items()}
    talk, sample = iter(Talk()), {"agent": "bench", "unsent": 0, "journal_ok": True, "devices": {"panel": True}}
    began = last = time.monotonic()
    events = samples = 0.0
    while (now := time.monotonic()) < began + seconds or (waiting and now < began + seconds + 5 * ACKED_S):
        if now < began + seconds:
            events += worth * EVENTS * (now - last)
            samples += worth / 60 * (now - last)
        last = now
        while events >= 1:
            events -= 1
            one = chance.choice(stations.stations)
            one.say(next(talk))
            waiting[one, len(one.journal.lines)] = time.monotonic()
        while samples >= 1:
            samples -= 1
            chance.choice(stations.stations).sessions.health(
                sample | {"time": rfc3339(time.time_ns() // 1_000_000)}, urgent=False
            )
        for (one, number), at in list(waiting.items()):
            if one.sender.outbox.holds(number):
                told.acked_s.append(time.monotonic() - at)
                del waiting[one, number]
        await asyncio.sleep(_TICK_S)
    passed = time.monotonic() - began
    told.whole = not waiting
    told.hq_cpu, told.broker_cpu = ((_cpu_s(processes[name]) - before[name]) / passed for name in ("hq", "broker"))
    return told


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure(count: int, seconds: float) -> tuple[list[Told], float]:
    """Return what each load came to, the last of them perhaps too much, and after how long all were back (seconds)."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="jingting-") as folder:
        async with fleet(Path(folder), count, 1) as stations:

            async def broker() -> None:
                process = stations.hq.processes["broker"]
                process.kill()
                await process.ended()
                process.start()

            await stations.suffer("the broker was killed", broker)
            loads: list[Told] = []
            while len(loads) < _DOUBLINGS and (not loads or loads[-1].sustained):
                loads.append(await laden(stations, AIM * 2 ** len(loads), seconds / _DOUBLINGS, chance))
    return loads, stations.came_back_s["the broker was killed"][-1]


def rows(seconds: float, count: int | None = None) -> list[dict[str, object]]:
    """Measure for about `seconds` beside what it takes to connect all, `count` or `FLEET`; one row for each figure."""
    logging.getLogger("sync").setLevel(logging.ERROR)  # a fleet whose links are cut says so a thousand times
    count = count or int(os.environ.get("FLEET", "1000"))
    loads, back_s = asyncio.run(measure(count, seconds))
    kept_up = [told for told in loads if told.sustained]
    first, most = loads[0], max((told.stations for told in kept_up), default=0)
    still = "" if len(kept_up) < len(loads) else " or more"
    figures = [
        (f"stations at ten times their load, {count} connections{still}", most, "stations", AIM, most >= AIM),
        (f"p99 of the ack, load of {AIM}", round(first.p99_s * 1000, 1), "ms", ACKED_S * 1000, first.sustained),
        (f"CPU of headquarters, load of {AIM}", round(first.hq_cpu * 1000, 1), "ms/s", None, None),
        (f"CPU of the broker, load of {AIM}", round(first.broker_cpu * 1000, 1), "ms/s", None, None),
        (f"{count} back after the broker was killed", round(back_s, 1), "s", BACK_S, back_s <= BACK_S),
    ]
    return [
        {
            "name": f"fleet, {name}",
            "value": value,
            "unit": unit,
            "baseline": None,
            "ratio": None,
            "aim": aim,
            "met": met,
        }
        for name, value, unit, aim, met in figures
    ]
