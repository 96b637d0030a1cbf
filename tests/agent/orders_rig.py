"""What the orders' tests share: an orders journal as headquarters sends it, and an applier that keeps a tally."""

import json
import uuid

from journal_rig import StillClock

from common.events import URGENT_ORDERS, encode_event
from common.events.calls import HelpAnswered
from common.events.journal import OrdersOpened
from sync.batch import Batch, Line, chain_lines, chain_start

DONE = "CREATE TABLE IF NOT EXISTS done(id TEXT, call TEXT)"


def order_id(n: int) -> str:
    return f"018f0000-0000-7000-8000-{n:012x}"


class Headquarters:
    """An orders journal as headquarters would send it."""

    def __init__(self, generation: int = 1, *, journal: str | None = None) -> None:
        self.journal = journal or str(uuid.uuid4())
        self.generation = generation
        self.raw: list[bytes] = []
        self.lines: tuple[Line, ...] = ()
        self.add(OrdersOpened(generation=generation), 0xFFFF)

    def add(self, payload, n: int) -> None:
        self.add_line(
            encode_event(
                payload, event_id=order_id(n), source="/hq", time="", boot=StillClock.boot, mono=1, unsure=False
            )
        )

    def add_line(self, line: bytes) -> None:
        self.raw.append(line)
        self.lines = chain_lines(chain_start(self.journal), 1, self.raw)

    def add_unknown(self, n: int, **event) -> None:
        event = {"specversion": "1.0", "id": order_id(n), "source": "/hq", "type": "rota.changed", "data": {}} | event
        self.add_line(json.dumps(event).encode())

    def answer(self, n: int, **fields) -> None:
        self.add(HelpAnswered(call=order_id(0xCA11), by="monitor", **fields), n)

    def is_urgent(self, number: int) -> bool:
        return json.loads(self.raw[number - 1])["type"] in URGENT_ORDERS

    def batch(self, first: int, last: int | None = None, *, oldest: int = 1) -> Batch:
        last = last or len(self.lines)
        return Batch(
            station="sjz-001",
            signer=b"h" * 16,
            journal=self.journal,
            first=first,
            oldest=oldest,
            prev=self.lines[first - 2].chain if first > 1 else chain_start(self.journal),
            lines=self.lines[first - 1 : last],
            events=tuple(json.loads(line.line) for line in self.lines[first - 1 : last]),
            generation=self.generation,
        )


def note(pen, done_id, payload) -> None:
    pen.connection.execute("INSERT INTO done VALUES (?, ?)", (done_id, payload.call))
