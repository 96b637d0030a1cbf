import asyncio
import contextlib
import random

import pytest
from model import STATION, ListJournal, event_line

from sync import base64url
from sync.batch import chain_start
from sync.receiver import Ack, read_batch
from sync.sender import Sender
from sync.signed import MAX_OPEN_AT_HQ, Writer, open_message
from sync.signing import Pinned, SigningKey
from sync.window import START

KEY = SigningKey(bytes(range(32)))


def sealed(rng: random.Random) -> str:
    return base64url.encode(rng.randbytes(150))


def usual(_rng: random.Random) -> str:
    return "handled at the window, as always " * 5


def noise(rng: random.Random) -> str:
    return base64url.encode(rng.randbytes(3000))


async def first_messages(journal: ListJournal) -> list[bytes]:
    """What a sender sends in a new session before it hears more than the answer to its birth."""
    sent: list[bytes] = []

    def publish(_topic, payload, *, lane):
        sent.append(payload)
        return lane == "log"

    sender = await Sender.over(
        journal,
        station=STATION,
        direction="up",
        writer=Writer(KEY),
        publish=publish,
        open_limit=MAX_OPEN_AT_HQ,
        monotonic=lambda: 1000.0,
        on_close=lambda _: None,
        on_progress=lambda: None,
        rng=random.Random(1),
    )
    name = (await journal.kept()).journal
    sender.session_began("s")
    await sender.take_ack(Ack(name, "s", 0, (), (), chain_start(name)))
    running = asyncio.create_task(sender.run())
    for _ in range(50):
        await asyncio.sleep(0)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return sent


@pytest.mark.parametrize(("text", "least"), [(usual, 20), (sealed, 10), (noise, 1)])
async def test_the_first_batch_fills_much_of_the_window_however_well_its_lines_compress(text, least):
    rng = random.Random(7)
    journal = ListJournal(rng)
    for number in range(300):
        journal.append(event_line(f"id-{number}", "told", {"text": text(rng)}), urgent=False)
    sent = await first_messages(journal)
    assert sum(map(len, sent)) <= START
    opened = [
        open_message(
            payload, station=STATION, kinds=frozenset({"batch"}), limit=MAX_OPEN_AT_HQ, keys=Pinned([KEY.public])
        )
        for payload in sent
    ]
    batches = [read_batch(message) for message in opened]
    assert len(batches[0].lines) >= least
    assert [batch.first for batch in batches] == [1, *(batch.last + 1 for batch in batches[:-1])]
