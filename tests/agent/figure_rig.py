"""What the tests of figures share: a station's journal that counts, and whatever may happen at a station."""

import json
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from agent import calls, dispatches, figure_rows, record_rows, salvage
from agent.journal import Journal
from common.events.calls import HelpAcknowledged, HelpClosed, HelpPressedAgain, HelpRaised
from common.events.errands import DispatchStepped
from common.events.records import RecordOpened, RecordStepped
from common.identifiers import uuid7
from sync import base64url
from tests.agent.record_rig import BOOT, OTHER_BOOT, MovingClock

ZONE = ZoneInfo("Asia/Shanghai")
FIRST, LAST = "0000", "9999"


class Counting:
    """A journal that counts, on a clock that moves and may be wrong, restarted at will."""

    def __init__(self, folder):
        self.path = Path(folder) / "station.db"
        self.clock = MovingClock()
        self.calls, self.records = [], {}

    async def start(self, *, counting=True):
        projectors = calls.projectors() | record_rows.projectors() | dispatches.projectors()
        schema = (calls.SCHEMA, record_rows.SCHEMA, dispatches.SCHEMA)
        self.journal = await Journal.open(
            self.path,
            source="/stations/sjz-001",
            clock=self.clock,
            projectors=figure_rows.counting(projectors, ZONE) if counting else projectors,
            schema=(*schema, figure_rows.SCHEMA, salvage.SCHEMA) if counting else schema,
        )
        if counting:
            await self.journal.run(partial(figure_rows.build, zone=ZONE))
        return self

    async def restart(self, **options):
        await self.journal.stop()
        return await self.start(**options)

    async def append(self, payload, event_id=None):
        return (await self.journal.append(payload, event_id=event_id)).id

    async def press(self, *, age_ms=0):
        call = uuid7(wall_ms=self.clock.wall_ms())
        await self.append(HelpRaised(call=call, origin="screen", age_ms=age_ms), call)
        self.calls.append(call)
        return call

    async def open(self, service="QZ-01"):
        record = uuid7(wall_ms=self.clock.wall_ms())
        day = datetime.fromtimestamp(self.clock.wall_ms() / 1000, ZONE).strftime("%Y%m%d")
        number = f"JW012-{day}-{len(self.records) + 1:04d}"
        opened = RecordOpened(
            record=record, number=number, service=service, catalogue="1", channel="window", state="registered"
        )
        await self.append(opened, record)
        self.records[record] = 1
        return record

    async def step(self, record, name, state, **filled):
        self.records[record] += 1
        stepped = RecordStepped(record=record, change=self.records[record], step=name, state=state, **filled)
        return await self.append(stepped)

    def figures(self, first=FIRST, last=LAST):
        return self.journal.query(partial(figure_rows.read, first=first, last=last))

    def table(self):
        rows = "SELECT day, what, which, count FROM figures ORDER BY 1, 2, 3"
        return self.journal.query(lambda connection: connection.execute(rows).fetchall())

    def lines(self):
        found = self.journal.query(lambda c: c.execute("SELECT line FROM events ORDER BY number").fetchall())
        return [line for (line,) in found]


STEPS = {
    "registered": ("accept", "withdraw"),
    "accepted": ("refer", "handle"),
    "referred": ("sign", "take_back"),
    "received": ("finish",),
    "handling": ("finish", "refer"),
    "closed": ("reopen",),
}
LEADS = {
    "accept": ("accepted", {}),
    "withdraw": ("closed", {}),
    "refer": ("referred", {"target": "police-office", "due": "2026-12-01"}),
    "handle": ("handling", {}),
    "sign": ("received", {"target": "police-office", "due": "2026-12-01"}),
    "take_back": ("handling", {}),
    "finish": ("closed", {"result": "handled"}),
    "reopen": ("handling", {"reason": "citizen-returned"}),
}
WHAT = [
    *("press", "press", "again", "take", "take", "close", "test", "open", "open", "step", "step", "step"),
    *("dispatch", "hours", "boot", "unsure", "restart", "rescue"),
]
ACTS = st.lists(st.tuples(st.sampled_from(WHAT), st.integers(min_value=0, max_value=10_000)), max_size=40)


def kind_of(line):
    """Return the type of a line's event, or of the one that it rescued."""
    event = json.loads(line)
    return kind_of(base64url.decode(event["data"]["line"])) if event["type"] == "rescued" else event["type"]


async def act(station, what, which):
    """Do something that may happen at a station; `which` chooses among what there is."""
    call = station.calls[which % len(station.calls)] if station.calls else None
    match what:
        case "press":
            await station.press(age_ms=which)
        case "again" if call:
            await station.append(HelpPressedAgain(call=call, origin="screen"))
        case "take" if call:
            await station.append(HelpAcknowledged(call=call, after_ms=which * 7))
        case "close" | "test" if call:
            await station.append(HelpClosed(call=call, reason="helped" if what == "close" else "test"))
        case "open":
            station.states = getattr(station, "states", {}) | {await station.open(f"QZ-0{which % 3}"): "registered"}
        case "step" if station.records:
            record = list(station.records)[which % len(station.records)]
            names = STEPS[station.states[record]]
            name = names[which % len(names)]
            station.states[record], filled = LEADS[name]
            await station.step(record, name, station.states[record], **filled)
        case "dispatch":
            step = ("receive", "set_out", "arrive", "report")[which % 4]
            result = "handled" if step == "report" else None
            await station.append(DispatchStepped(dispatch=uuid7(wall_ms=which), step=step, result=result))
        case "hours":
            station.clock.advance(which % 9 * 3600)
        case "boot":
            station.clock.boot = BOOT if station.clock.boot == OTHER_BOOT else OTHER_BOOT
        case "unsure":
            station.clock.synchronised = not station.clock.synchronised
        case "restart":
            await station.restart()
        case "rescue":
            await station.journal.close("disagrees", 0)
        case _:
            pass
