"""What a station's journal would send, made by hand: lines, batches and births for headquarters' store."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.events import encode_event
from common.events.calls import HelpRaised
from common.events.journal import JournalOpened, Rescued
from common.events.terms import Payload
from hq import tables
from hq.store import Store
from sync import base64url
from sync.batch import Batch, chain_lines, chain_start
from sync.receiver import check_line

STATION = "sjz-001"
BOOT = "0f8fad5b-d9cb-469f-a165-70867728950e"
NOW = 1_790_000_000_000
TIME = "2026-09-21T13:33:20.000Z"


class FakeClock:
    boot = BOOT

    def __init__(self) -> None:
        self.now = NOW

    def wall_ms(self) -> int:
        return self.now

    def mono_ns(self) -> int:
        return 1_000

    def trusted(self) -> bool:
        return True


def new_id() -> str:
    return str(uuid.uuid4())


def line_of(payload: Payload, *, event_id: str | None = None, unsure: bool = False, time: str = TIME) -> bytes:
    return encode_event(
        payload,
        event_id=event_id or new_id(),
        source=f"/stations/{STATION}",
        time=time,
        boot=BOOT,
        mono=5,
        unsure=unsure,
    )


def raw_line(event_type: str, data: str = "{}", event_id: str | None = None) -> bytes:
    return (
        f'{{"specversion":"1.0","id":"{event_id or new_id()}","source":"/stations/{STATION}",'
        f'"type":"{event_type}","time":"{TIME}","data":{data}}}'
    ).encode()


class StationJournal:
    """A journal at a station: lines are appended, any span of them can be sent."""

    def __init__(self, station: str = STATION, journal: str | None = None) -> None:
        self.station = station
        self.id = journal or new_id()
        self.lines: list[bytes] = []
        self.oldest = 1

    def add(self, *lines: bytes | Payload) -> "StationJournal":
        self.lines += [line if isinstance(line, bytes) else line_of(line) for line in lines]
        return self

    def fork_at(self, number: int, *lines: bytes | Payload) -> "StationJournal":
        other = StationJournal(self.station, self.id)
        other.lines = self.lines[: number - 1]
        return other.add(*lines)

    def chain(self, number: int) -> bytes:
        chained = chain_lines(chain_start(self.id), 1, self.lines[:number])
        return chained[-1].chain if chained else chain_start(self.id)

    def batch(self, first: int = 1, last: int | None = None) -> Batch:
        chained = chain_lines(chain_start(self.id), 1, self.lines)[first - 1 : last]
        return Batch(
            station=self.station,
            signer=bytes(16),
            journal=self.id,
            first=first,
            oldest=self.oldest,
            prev=self.chain(first - 1),
            lines=chained,
            events=tuple(check_line(line.line) for line in chained),
        )

    def birth(self, session: str, *, head: int | None = None, generation: int = 0) -> dict[str, Any]:
        return {
            "v": 1,
            "kind": "birth",
            "station": self.station,
            "session": session,
            "boot": BOOT,
            "journal": self.id,
            "oldest": self.oldest,
            "head": len(self.lines) if head is None else head,
            "generation": generation,
            "agent": "0.1.0",
            "time": TIME,
        }


def raised(call: str | None = None) -> HelpRaised:
    return HelpRaised(call=call or new_id(), origin="panel")


def rescued(line: bytes) -> Rescued:
    return Rescued(line=base64url.encode(line))


def opened(previous: StationJournal, last_common: int) -> JournalOpened:
    return JournalOpened(previous=previous.id, reason="fork", last_common=last_common)


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def send_all(store: Store, journal: StationJournal, spans: Sequence[tuple[int, int]] | None = None) -> None:
    for first, last in spans or [(1, len(journal.lines))]:
        store.take(journal.batch(first, last), received_ms=NOW)


def rows(store: Store, table: Any) -> list[dict[str, Any]]:
    with store.database.read() as connection:
        return [dict(row._mapping) for row in connection.execute(table.select())]


def alarms(store: Store) -> dict[str, int]:
    return {row["kind"]: row["count"] for row in rows(store, tables.alarms)}


def calls(store: Store) -> dict[str, dict[str, Any]]:
    return {row["call"]: row for row in rows(store, tables.help_calls)}


def unprojected(store: Store, event_type: str) -> float:
    return store.metrics.registry.get_sample_value("jt_unprojected_total", {"type": event_type}) or 0
