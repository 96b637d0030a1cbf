"""A small honest world for the link's state machines: journals in lists, headquarters in dicts, a channel that lies."""

import json
import random
import uuid
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

from sync import base64url
from sync.batch import Batch, Line, Standing, chain_next, chain_start, settle
from sync.receiver import ack_header
from sync.session import OrdersHeld
from sync.source import CloseCause, Kept

STATION = "sjz-001"


def event_line(event_id: str, event_type: str, data: dict[str, Any]) -> bytes:
    event = {"specversion": "1.0", "id": event_id, "source": f"/stations/{STATION}", "type": event_type, "data": data}
    return json.dumps(event, separators=(",", ":")).encode()


def inner_event(line: bytes) -> dict[str, Any]:
    """The event of a line, or, of a rescued one, the event inside."""
    event: dict[str, Any] = json.loads(line)
    if event["type"] == "rescued":
        event = json.loads(base64url.decode(event["data"]["line"]))
    return event


class ListJournal:
    """A station's journal kept in a list: `sync.source.Source`, closing and rescuing as the contract says."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.journal = self._new_id()
        self.lines: list[tuple[bytes, bool]] = []
        self.chains: list[bytes] = [chain_start(self.journal)]
        self.cursor = 0
        self.closed: dict[str, dict[int, tuple[bytes, bool]]] = {}

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128)))

    def append(self, line: bytes, *, urgent: bool) -> int:
        self.lines.append((line, urgent))
        self.chains.append(chain_next(self.chains[-1], line))
        return len(self.lines)

    async def kept(self) -> Kept:
        return Kept(journal=self.journal, oldest=1, head=len(self.lines), cursor=self.cursor)

    async def read(self, first: int, *, count: int, size: int) -> Sequence[Line]:
        lines: list[Line] = []
        for number in range(first, min(first + count, len(self.lines) + 1)):
            line = self.lines[number - 1][0]
            size -= len(line)
            if lines and size < 0:
                break
            lines.append(Line(number, line, self.chains[number]))
        return lines

    async def chain(self, number: int) -> bytes | None:
        return self.chains[number] if 0 <= number < len(self.chains) else None

    async def urgent(self, after: int) -> Sequence[int]:
        return [number for number, (_, urgent) in enumerate(self.lines, 1) if urgent and number > after]

    async def acknowledged(self, cursor: int) -> None:
        self.cursor = cursor

    async def close(self, cause: CloseCause, last_common: int) -> None:
        previous, old = self.journal, dict(enumerate(self.lines, 1))
        self.journal, self.lines, self.cursor = self._new_id(), [], 0
        self.chains = [chain_start(self.journal)]
        opened = {"previous": previous, "reason": cause, "last_common": last_common}
        self.append(event_line(self._new_id(), "journal.opened", opened), urgent=False)
        self.closed[previous] = {n: kept for n, kept in old.items() if n <= last_common}
        for number in range(last_common + 1, len(old) + 1):
            self._rescue(*old[number])

    def _rescue(self, line: bytes, urgent: bool) -> None:
        if json.loads(line)["type"] != "rescued":
            line = event_line(self._new_id(), "rescued", {"line": base64url.encode(line)})
        self.append(line, urgent=urgent)

    async def withhold(self, number: int) -> None:
        raise AssertionError(f"nothing here is malformed, yet {number} was withheld")

    async def recall(self, journal: str, cursor: int) -> None:
        kept = self.closed.get(journal, {})
        for number in sorted(n for n in kept if n > cursor):
            self._rescue(*kept.pop(number))

    def ids(self) -> set[str]:
        """Ids of everything this card still keeps, wrapped or not, closed or open."""
        lines = [line for line, _ in self.lines]
        lines += [line for rows in self.closed.values() for line, _ in rows.values()]
        return {inner_event(line)["id"] for line in lines}


@dataclass
class ListLedger:
    """One journal in headquarters' memory."""

    now: Standing = field(default_factory=Standing)
    lines: dict[int, Line] = field(default_factory=dict)

    def standing(self) -> Standing:
        return self.now

    def held(self, first: int, last: int) -> Sequence[Line]:
        return [self.lines[n] for n in range(first, last + 1) if n in self.lines]

    def keep(self, lines: Sequence[Line], standing: Standing) -> None:
        self.lines.update({line.number: line for line in lines})
        self.now = standing


class MemoryOrders:
    """Received orders in memory: `sync.session.Orders`."""

    def __init__(self) -> None:
        self.journal: str | None = None
        self.highest = 0
        self.ledger = ListLedger()

    async def take(self, batch: Batch) -> Literal["stored", "held", "fork", "other-journal"]:
        if batch.journal != self.journal:
            if batch.generation is None or batch.generation <= self.highest:
                return "other-journal"
            self.journal, self.highest, self.ledger = batch.journal, batch.generation, ListLedger()
        return settle(self.ledger, batch).verdict

    async def held(self) -> OrdersHeld:
        if self.journal is None:
            return OrdersHeld(None, Standing(), None)
        stored = self.ledger.now.stored
        chain = self.ledger.lines[stored[0][1]].chain if stored else chain_start(self.journal)
        return OrdersHeld(self.journal, self.ledger.now, chain)

    async def generation(self) -> int:
        return self.highest


@dataclass
class Headquarters:
    """A database of headquarters: all that a restore brings back to an older day."""

    ledgers: dict[str, ListLedger] = field(default_factory=dict)
    shown: dict[str, int] = field(default_factory=dict)
    closed: dict[str, int] = field(default_factory=dict)
    births: list[dict[str, Any]] = field(default_factory=list)

    def copy(self) -> "Headquarters":
        return deepcopy(self)

    @property
    def session(self) -> str | None:
        return self.births[-1]["session"] if self.births else None

    def take(self, batch: Batch) -> tuple[str, ListLedger]:
        ledger = self.ledgers.setdefault(batch.journal, ListLedger())
        settled = settle(ledger, batch)
        for number in settled.fresh:
            self._project(ledger.lines[number].line)
        return settled.verdict, ledger

    def _project(self, line: bytes) -> None:
        event = inner_event(line)
        if event["type"] == "journal.opened":
            self.closed[event["data"]["previous"]] = event["data"]["last_common"]
        if event["id"] in self.shown:
            return
        self.shown[event["id"]] = 1

    def birth(self, header: dict[str, Any]) -> list[dict[str, Any]]:
        """Take a birth; return the acks that answer it."""
        if any(header["session"] == birth["session"] for birth in self.births[:-1]) or header["journal"] in self.closed:
            return []
        self.births.append(header)
        acks = [self.ack(header["journal"])]
        for journal, last_common in self.closed.items():
            stored = self.ledgers.setdefault(journal, ListLedger()).now.stored
            if (stored[0][1] if stored else 0) < last_common:
                acks.append(self.ack(journal))
        return [ack for ack in acks if ack is not None]

    def ack(self, journal: str, refusal: Any = None) -> dict[str, Any] | None:
        if self.session is None:
            return None
        ledger = self.ledgers.setdefault(journal, ListLedger())
        stored = ledger.now.stored
        chain = ledger.lines[stored[0][1]].chain if stored else chain_start(journal)
        return ack_header(
            station=STATION,
            session=self.session,
            time="2026-11-22T00:00:00.000Z",
            journal=journal,
            standing=ledger.now,
            chain=chain,
            refusal=refusal,
        )
