"""What the tests of records share: a station with records and real seals, on a real journal, that can be restarted."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from agent import record_rows
from agent.journal import Journal
from agent.queue import Queue
from agent.rating import Ratings
from agent.record_form import Header
from agent.records import Records
from agent.reveals import Reveals
from agent.shift_keys import ShiftKeys
from common import catalogue
from common.identifiers import uuid7
from sync import base64url
from sync.sealing import SealingKey, SealingPublicKey, new_sealing_key

BOOT, OTHER_BOOT = "6a1d0d0e-6f6c-4a8e-9a58-2f6f3a3f0a01", "0b9f7c55-0f0e-4d5c-8a43-6f0b1d7f9a02"
PRIVATE, PUBLIC = new_sealing_key()
CATALOGUE = catalogue.load()
SHANGHAI = ZoneInfo("Asia/Shanghai")

PLANTED = {
    "name": "欧阳甲测",
    "sex": "m",
    "document": "resident",
    "number": "11010119900307651X",
    "phone": "13900001234",
    "address": "某市某区虚构路一百零八号",
    "represents": "司马乙测",
    "need": "想补办证件，老人行动不便",
}
"""Nobody's: invented, with a number that begins in a district and ends in its right check character."""

NEEDS = {
    "missing": ("other",),
    "until": "2099-12-31",
    "due": "2099-12-31",
    "result": "handled",
    "duplicate_of": "JW012-20260101-0001",
    "reason": "citizen-returned",
}


class MovingClock:
    """All clocks of one machine; they move when a test says so."""

    def __init__(self) -> None:
        self.boot = BOOT
        self.wall = int(datetime(2026, 11, 22, 4, 0, tzinfo=UTC).timestamp() * 1000)  # noon in Shanghai
        self.mono = 100_000_000_000
        self.synchronised = True

    def wall_ms(self) -> int:
        return self.wall

    def mono_ns(self) -> int:
        return self.mono

    def trusted(self) -> bool:
        return self.synchronised

    def advance(self, seconds: float) -> None:
        self.wall += int(seconds * 1_000)
        self.mono += int(seconds * 1_000_000_000)


class Station:
    """Records on the journal in `folder`."""

    schema: tuple[str, ...] = (record_rows.SCHEMA,)

    def __init__(self, folder: Path, clock: MovingClock | None = None) -> None:
        self.path = folder / "station.db"
        self.clock = clock or MovingClock()

    async def start(self) -> "Station":
        self.journal = await Journal.open(
            self.path,
            source="/stations/sjz-001",
            clock=self.clock,
            projectors=record_rows.projectors(),
            schema=self.schema,
        )
        self.keys = ShiftKeys(self.journal, station="sjz-001", to=SealingPublicKey(PUBLIC), clock=self.clock)
        self.records = Records(
            self.journal, self.clock, catalogue=CATALOGUE, code="JW012", zone=SHANGHAI, seals=self.keys
        )
        self.queue = Queue(self.journal, self.clock)
        self.ratings = Ratings(self.journal, self.clock, CATALOGUE, gives_way=lambda: False)
        self.reveals = Reveals(self.records, self.journal, self.clock, seals=self.keys)
        return self

    async def restart(self) -> None:
        await self.journal.stop()
        await self.start()

    def new_id(self) -> str:
        return uuid7(wall_ms=self.clock.wall_ms())

    async def open(self, service: str = "QZ-01", **options):
        options.setdefault("channel", "window")
        header = Header(service=service, **options.pop("header", {}))
        return await self.records.open(options.pop("event_id", self.new_id()), header=header, **options)

    def state(self, record: str) -> str:
        return self.records.get(record).state

    def events(self, prefix: str = "record.") -> list[dict]:
        def look(connection: sqlite3.Connection) -> list[dict]:
            return [json.loads(line) for (line,) in connection.execute("SELECT line FROM events ORDER BY number")]

        return [event for event in self.journal.query(look) if event["type"].startswith(prefix)]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]

    def unsealed(self) -> list[dict]:
        """Return what headquarters would find in the boxes, in order."""
        keys = {}
        for event in self.events("key.issued"):
            data = event["data"]
            keys[data["kid"]] = SealingKey(PRIVATE).unwrap("sjz-001", data["kid"], base64url.decode(data["kem"]))
        sealed = [event for event in self.events() if "sealed" in event["data"]]
        return [keys[e["data"]["sealed"]["key"]].open(e["id"], e["data"]["sealed"]) for e in sealed]

    def tables(self) -> dict[str, list]:
        return self.journal.query(tables)


def tables(connection: sqlite3.Connection) -> dict[str, list]:
    """Return every row that the projectors of records have written."""
    names = ("records", "record_events", "record_boxes", "record_days", "queue", "service_times", "records_done")
    return {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in names}
