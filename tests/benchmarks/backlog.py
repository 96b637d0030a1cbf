"""A station's journal with walk-in records that wait: three events a record, one of them sealed."""

import asyncio
import hashlib
import time
from pathlib import Path

from agent.journal import Journal
from common import keyfiles
from common.clock import Clock
from common.events.calls import HelpRaised
from common.events.records import KeyIssued, RecordOpened, RecordStepped
from common.events.terms import Payload
from common.identifiers import uuid7
from sync import base64url
from sync.sealing import SUITE, SealingPublicKey, ShiftKey

PERSON = {"name": "慕容复兴", "sex": "男", "number": "110101199003077571", "phone": "13800138000"}
_TOGETHER = 300


def new_id() -> str:
    """Return an id of now."""
    return uuid7(wall_ms=time.time_ns() // 1_000_000)


def a_record(key: ShiftKey, number: int) -> list[tuple[Payload, str]]:
    """Return a record's three events, each with its id."""
    record = new_id()
    opened = RecordOpened(
        record=record,
        number=f"JW012-20261122-{number:04}",
        service="residence-permit",
        catalogue="2026-01",
        channel="window",
        state="registered",
        staff="officer-3",
        on_file=("name", "number", "phone"),
        sealed=key.seal(record, PERSON),  # type: ignore[arg-type] # msgspec checks it where it is read
    )
    steps = [
        RecordStepped(record=record, change=2, step="accept", state="accepted", staff="officer-3"),
        RecordStepped(record=record, change=3, step="handle", state="handling", staff="officer-3"),
    ]
    return [(opened, record), *((step, new_id()) for step in steps)]


async def fill(home: Path, station: str, events: int) -> int:
    """Fill a station's journal; return its head."""
    journal = await Journal.open(home / "data/station.db", source=f"/stations/{station}", clock=Clock())
    public = keyfiles.read_sealing_public(home / "headquarters.sealing.pub")
    key = ShiftKey.new(new_id())
    kem = base64url.encode(key.wrap(SealingPublicKey(public), station))
    to = base64url.encode(hashlib.sha256(public).digest()[:16])
    await journal.append(KeyIssued(kid=key.kid, suite=SUITE, to=to, kem=kem))
    payloads = [each for number in range((events + 2) // 3) for each in a_record(key, number)][: events - 1]
    for first in range(0, len(payloads), _TOGETHER):
        some = payloads[first : first + _TOGETHER]
        await asyncio.gather(*(journal.append(payload, event_id=event_id) for payload, event_id in some))
    head = (await journal.kept()).head
    await journal.stop()
    return head


def help_raised() -> HelpRaised:
    """Return a call for help."""
    return HelpRaised(call=new_id(), origin="panel")
