"""What headquarters does once with the first of everything, done before it counts.

The first birth and the first batches after a start compile their statements, fill the caches of a PostgreSQL session,
and take ten times as long as the second. So at the start they are taken from a station that is not there, and undone.
"""

import uuid
from typing import Any, Final

from common.events import encode_event
from common.events.calls import HelpRaised
from common.events.records import RecordOpened, RecordStepped
from common.events.terms import Payload
from sync.batch import Batch, chain_lines, chain_start
from sync.receiver import check_line

STATION: Final = "rehearsal"
_TIME: Final = "2026-01-01T00:00:00.000Z"


def birth(journal: str) -> dict[str, Any]:
    """Return the header of a birth with this journal."""
    return {
        "kind": "birth",
        "station": STATION,
        "session": "rehearsal",
        "boot": str(uuid.uuid4()),
        "journal": journal,
        "oldest": 1,
        "head": 3,
        "generation": 0,
        "agent": "rehearsal",
        "time": _TIME,
    }


def batches(journal: str) -> list[Batch]:
    """Return a call for help by itself, as the urgent lane brings it, and a record with a step, as the log does."""
    record = str(uuid.uuid4())
    opened = RecordOpened(
        record=record,
        number="JW000-20260101-0001",
        service="rehearsal",
        catalogue="rehearsal",
        channel="window",
        state="registered",
    )
    call = HelpRaised(call=str(uuid.uuid4()), origin="screen")
    first = _batch(journal, 1, chain_start(journal), [(call, str(uuid.uuid4()))])
    step = RecordStepped(record=record, change=2, step="accept", state="accepted")
    return [first, _batch(journal, 2, first.lines[-1].chain, [(opened, record), (step, str(uuid.uuid4()))])]


def _batch(journal: str, number: int, prev: bytes, told: list[tuple[Payload, str]]) -> Batch:
    lines = [
        encode_event(
            payload, event_id=event_id, source=f"/stations/{STATION}", time=_TIME, boot=journal, mono=0, unsure=False
        )
        for payload, event_id in told
    ]
    chained = chain_lines(prev, number, lines)
    events = tuple(check_line(line) for line in lines)
    return Batch(STATION, bytes(16), journal, number, 1, prev, chained, events)
