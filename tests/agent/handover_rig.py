"""What the handovers' tests share: a station with records, calls and devices, whose shifts hand over to each other."""

import json
import sqlite3
from pathlib import Path

from record_rig import CATALOGUE, NEEDS, PUBLIC, SHANGHAI, MovingClock

from agent import calls, dispatches, found, handover_rows, loans, notices, patrols, record_rows
from agent.handovers import Handovers
from agent.journal import Journal
from agent.record_form import Filled, Header
from agent.records import Records
from agent.shift_keys import ShiftKeys
from agent.view import DeviceView
from common.events.calls import HelpAcknowledged, HelpClosed, HelpEscalated, HelpRaised
from common.identifiers import uuid7
from sync.sealing import SealingPublicKey

PROJECTORS = (
    calls.projectors()
    | notices.projectors()
    | patrols.projectors()
    | record_rows.projectors()
    | handover_rows.projectors()
)
SCHEMAS = (
    calls.SCHEMA,
    dispatches.SCHEMA,
    found.SCHEMA,
    loans.SCHEMA,
    notices.SCHEMA,
    patrols.SCHEMA,
    record_rows.SCHEMA,
    handover_rows.SCHEMA,
)
TABLES = (
    "handovers",
    "handover_checks",
    "handover_stays",
    "handover_notes",
    "handover_told",
    "handover_events",
)


class Station:
    """A station in `folder`; `teams` and `devices` are what the test says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = MovingClock()
        self.teams: tuple[str, str] | None = ("甲", "乙")
        self.devices: dict[str, str] = {}

    async def start(self) -> "Station":
        self.journal = await Journal.open(
            self.folder / "station.db",
            source="/stations/sjz-001",
            clock=self.clock,
            projectors=PROJECTORS,
            schema=SCHEMAS,
        )
        keys = ShiftKeys(self.journal, station="sjz-001", to=SealingPublicKey(PUBLIC), clock=self.clock)
        self.records = Records(self.journal, self.clock, catalogue=CATALOGUE, code="JW012", zone=SHANGHAI, seals=keys)
        self.handovers = Handovers(self.journal, teams=lambda: self.teams, devices=self.views)
        return self

    async def restart(self) -> None:
        await self.journal.stop()
        await self.start()

    def new_id(self) -> str:
        return uuid7(wall_ms=self.clock.wall_ms())

    def views(self) -> tuple[DeviceView, ...]:
        return tuple(DeviceView(name=n, kind="panel", state=s, reason="") for n, s in sorted(self.devices.items()))

    # -- what happens at a station -----------------------------------------------------------------------------------

    async def somebody_comes(self) -> str:
        return (await self.records.open(self.new_id(), channel="window", header=Header(service="QZ-01"))).id

    async def ends(self, record: str) -> None:
        assert await self.records.step(record, "withdraw", self.new_id(), Filled())

    async def opens_again(self, record: str) -> None:
        assert await self.records.step(record, "reopen", self.new_id(), Filled(reason=NEEDS["reason"]))

    async def calls(self) -> str:
        call = self.new_id()
        await self.journal.append(HelpRaised(call=call, origin="screen"), event_id=call)
        return call

    async def nobody_answers(self, call: str) -> None:
        await self.journal.append(HelpEscalated(call=call, after_ms=30_000))

    async def is_helped(self, call: str) -> None:
        await self.journal.append(HelpAcknowledged(call=call, after_ms=1000))
        await self.journal.append(HelpClosed(call=call, reason="helped"))

    # -- handing over ------------------------------------------------------------------------------------------------

    async def begin(self) -> str:
        handover = self.new_id()
        await self.handovers.begin(handover)
        return handover

    async def check(self, key, *, accepted=True, reason="not finished", handover=None):
        handover = handover or self.handovers.sheet().id
        return await self.handovers.check(self.new_id(), handover, key, accepted=accepted, reason=reason)

    async def sign(self, handover=None, *, giving="1001", receiving="2001"):
        handover = handover or self.handovers.sheet().id
        return await self.handovers.sign(self.new_id(), handover, giving=giving, receiving=receiving)

    async def hand_over(self, *refused) -> None:
        """Begin, accept everything but what is refused, and sign."""
        await self.begin()
        for item in self.handovers.sheet().items:
            assert await self.check(item.key, accepted=item.key not in refused) == "done"
        assert await self.sign() == "done"

    def keys(self) -> list[tuple[str, str]]:
        return [item.key for item in self.handovers.sheet().items]

    def events(self, prefix: str = "") -> list[dict]:
        def look(connection: sqlite3.Connection) -> list[dict]:
            return [json.loads(line) for (line,) in connection.execute("SELECT line FROM events ORDER BY number")]

        return [event for event in self.journal.query(look) if event["type"].startswith(prefix)]

    def rows(self) -> dict[str, list]:
        return self.journal.query(rows)


def rows(connection: sqlite3.Connection) -> dict[str, list]:
    """Return every row that the projectors of handovers have written."""
    return {name: sorted(connection.execute(f"SELECT * FROM {name}")) for name in TABLES}
