"""What it costs to sign a batch, and to verify it at headquarters, beside the bare Ed25519 of the same header.

The lines are a backlog's: three events a record, one of them sealed. Signing is what the sender does with lines that it
has read: the header's JSON, Ed25519, zstd. Verifying is what headquarters does before it settles a batch: zstd, the
header, Ed25519, each line parsed and hashed into the chain. An event's row is its share of the batch, beside a
signature of its own. The bare way gets its header for nothing.
"""

import json
import os
from functools import partial
from itertools import chain, islice

from agent.entry import Envelope
from common.clock import Clock
from sync import base64url
from sync.batch import chain_lines, chain_start
from sync.receiver import read_batch
from sync.sealing import ShiftKey
from sync.signed import MAX_OPEN_AT_HQ, Writer, open_message
from sync.signing import Pinned, SigningKey
from tests.benchmarks import backlog
from tests.benchmarks.side_by_side import row, side_by_side

SECONDS = 8.0
SIZES = (1, 64)
STATION = "sjz-001"


def lines(count: int) -> list[bytes]:
    """Return so many lines of a journal."""
    envelope, key = Envelope(f"/stations/{STATION}", Clock()), ShiftKey.new(backlog.new_id())
    records = (backlog.a_record(key, number) for number in range(count))
    return [envelope.entry(*event).line for event in islice(chain.from_iterable(records), count)]


def header(of: list[bytes]) -> dict[str, object]:
    """Return the header of the first batch of a journal."""
    journal = backlog.new_id()
    prev = chain_start(journal)
    return {
        "kind": "batch",
        "station": STATION,
        "journal": journal,
        "first": 1,
        "count": len(of),
        "oldest": 1,
        "prev": base64url.encode(prev),
        "chain": base64url.encode(chain_lines(prev, 1, of)[-1].chain),
    }


def measure(count: int, seconds: float) -> dict[str, tuple[float, float]]:
    """Return our and the bare µs of a batch of `count` events, signed and verified."""
    key, of = SigningKey(os.urandom(32)), lines(count)
    head, writer, keys = header(of), Writer(key), Pinned([key.public])
    wire = writer.write(head, of)

    def verified():
        message = open_message(wire, station=STATION, kinds=frozenset({"batch"}), limit=MAX_OPEN_AT_HQ, keys=keys)
        return read_batch(message)

    assert [line.line for line in verified().lines] == of
    text = json.dumps({"v": 1, **head, "signer": base64url.encode(key.public.id)}, separators=(",", ":")).encode()
    signature = key.sign(text)
    assert key.public.verifies(signature, text)
    return {
        "signed": side_by_side(partial(writer.write, head, of), partial(key.sign, text), seconds / 2),
        "verified": side_by_side(verified, partial(key.public.verifies, signature, text), seconds / 2),
    }


def rows(seconds: float) -> list[dict[str, object]]:
    """Measure for about `seconds`; a batch, and an event's share of it, each way."""
    result = []
    for count in SIZES:
        for done, (ours, bare) in measure(count, seconds / len(SIZES)).items():
            events = "a lone event" if count == 1 else f"a batch of {count}"
            result.append(row(f"signing, {events}, {done}", ours, bare))
            if count > 1:
                result.append(row(f"signing, an event of {count}, {done}", ours / count, bare))
    return result
