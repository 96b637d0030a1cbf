"""Makes `link.json`, the golden vectors of `docs/link.md`: `python -m tests.vectors.make`.

Keys, ids and times are fixed and Ed25519 is deterministic, so the file is the same however often it is made; only the
`zstd` forms may differ with the library's version, and the wrapped key is the one that the file already has. How to
read the file stands in its `about`.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, TypeAlias

from common.events.calls import HelpAnswered, HelpRaised, Press
from common.events.equipment import DeviceChanged
from common.events.journal import JournalOpened, OrdersOpened, Rescued, StationStarted
from sync import base64url
from sync.batch import Standing, chain_lines, chain_start
from sync.receiver import ack_header
from sync.signed import Refusal
from tests.vectors import frames, limits, seals
from tests.vectors.texts import (
    BOOT,
    JOURNAL,
    KEYS,
    OK,
    OLD_JOURNAL,
    ORDERS,
    SESSION,
    STATION,
    TIME,
    batch_header,
    case,
    event,
    identifier,
    written,
)

Spans: TypeAlias = list[list[int]]

FILE = Path(__file__).with_name("link.json")
ABOUT = [
    "keys: fixed Ed25519 pairs. What the station sends is signed by `station`, what HQ sends by `hq`; nobody knows",
    "`stranger`. Binary values are base64url without padding.",
    "A text is a JSON string (its UTF-8 bytes), or a list of parts put one behind the other: a string;",
    "{bytes: base64url}; {repeat: text, times: n}.",
    "messages, limits: one message each, come on `topic`. `plain` is its plain form, a text, to be tried as it is and",
    "in one zstd frame of the reader's own, unless `form` names the only one to try; `zstd`, where given, is one",
    "compressed form of it; `wire` instead of `plain` is what came, byte for byte. `result` is ok, ignored (an unknown",
    "version or kind) or refused; then `rejected` is what the ack that answers it says.",
    "sealing: HQ's sealing key, private and public, and the shift key `kid` with its secret. wraps: `kem` of a",
    "key.issued of `station`, and whether it opens to that secret. boxes: `data.sealed` of `event`, and what is in it;",
    "without `fields` it must not open.",
    "stories: batches of `messages` that one receiver settles in this order, and how it then stands.",
]


def _messages() -> list[dict[str, Any]]:
    press = Press(panel="panel-1", epoch=7, number=3)
    raised = event(2, HelpRaised(call=identifier(2), origin="panel", press=press, age_ms=40))
    lines = [
        event(1, StationStarted(agent="0.1.0")),
        raised,
        event(3, DeviceChanged(device="panel-1", kind="panel", state="ready")),
    ]
    chained = chain_lines(chain_start(JOURNAL), 1, lines)
    fork = event(9, DeviceChanged(device="panel-1", kind="panel", state="absent"))
    rescued = [
        event(
            10,
            JournalOpened(previous=OLD_JOURNAL, reason="fork", last_common=1),
        ),
        event(11, Rescued(line=base64url.encode(raised))),
    ]
    reopened = "018f3b2a-0000-7000-8000-000000000002"
    orders = [
        event(20, OrdersOpened(generation=4), "/hq"),
        event(21, HelpAnswered(call=identifier(2), by="desk-1"), "/hq"),
    ]
    second = {"first": 2, "prev": chained[0].chain}
    held = Standing(rev=77, held=((1, 3),), oldest=1)
    ack = {"station": STATION, "session": SESSION, "time": TIME}
    rejecting = Refusal(
        "malformed", "", header={"first": 5, "count": 1}, sha256=hashlib.sha256(b"a malformed line").digest()
    )
    life = {"station": STATION, "session": SESSION, "boot": BOOT}
    birth = {"journal": JOURNAL, "oldest": 1, "head": 3, "generation": 3, "agent": "0.1.0", "time": TIME}
    standing = Standing(rev=4, held=((1, 1), (4, 6), (9, 9)), gone=((2, 3), (7, 7)), oldest=4)
    none = Standing()
    return [
        case("batch", "up/log", OK, **written(batch_header(lines), lines)),
        case("urgent batch", "up/urgent", OK, **written(batch_header([raised], **second), [raised])),
        case("first of three", "up/log", OK, **written(batch_header(lines[:1]), lines[:1])),
        case("last of three", "up/log", OK, **written(
            batch_header(lines[2:], first=3, prev=chained[1].chain), lines[2:])),
        case("fork by a line", "up/log", OK, **written(batch_header([raised, fork], **second), [raised, fork])),
        case("fork by what stands before", "up/log", OK, **written(
            batch_header([fork], first=2, prev=hashlib.sha256(b"elsewhere").digest()), [fork])),
        case("fork by what follows", "up/urgent", OK, **written(batch_header([fork], **second), [fork])),
        case("pruned", "up/log", OK, **written(
            batch_header(lines[2:], first=3, oldest=3, prev=chained[1].chain), lines[2:])),
        case("rescued batch", "up/log", OK, **written(batch_header(rescued, journal=reopened), rescued)),
        case("orders", "down/log", OK, **written(
            batch_header(orders, journal=ORDERS, generation=4), orders, key="hq")),
        case("orders opened", "down/urgent", OK, **written(
            batch_header(orders[:1], journal=ORDERS, generation=4), orders[:1], key="hq")),
        case("ack", "up/ack", OK, **written(
            ack_header(**ack, journal=JOURNAL, standing=held, chain=chained[-1].chain), key="hq")),
        case("ack with gaps and gone", "up/ack", OK, **written(
            ack_header(**ack, journal=JOURNAL, standing=standing, chain=hashlib.sha256(b"6").digest()), key="hq")),
        case("ack with rejected", "up/ack", OK, **written(
            ack_header(**ack, journal=JOURNAL, standing=held, chain=chained[-1].chain, refusal=rejecting), key="hq")),
        case("ack of nothing yet", "up/ack", OK, **written(
            ack_header(**ack, journal=JOURNAL, standing=none, chain=chain_start(JOURNAL)), key="hq")),
        case("ack without an orders journal", "down/ack", OK, **written(
            ack_header(**ack, journal=None, standing=none, chain=None))),
        case("birth", "state", OK, **written({"kind": "birth", **life, **birth})),
        case("farewell", "state", OK, **written({"kind": "farewell", **life})),
    ]  # fmt: skip


def _stories() -> list[dict[str, Any]]:
    def story(
        name: str, steps: list[tuple[str, str]], stored: list[list[int]], gone: list[list[int]]
    ) -> dict[str, Any]:
        return {
            "name": name,
            "steps": [{"message": message, "verdict": verdict} for message, verdict in steps],
            "stored": stored,
            "gone": gone,
        }

    return [
        story("the same batch twice", [("batch", "stored"), ("batch", "held")], [[1, 3]], []),
        story("urgent before its turn", [("urgent batch", "stored"), ("batch", "stored")], [[1, 3]], []),
        story("a gap closes", [("first of three", "stored"), ("last of three", "stored"), ("urgent batch", "stored")],
              [[1, 3]], []),
        story("a gap stays", [("first of three", "stored"), ("last of three", "stored")], [[1, 1], [3, 3]], []),
        story("another line under a held number", [("batch", "stored"), ("fork by a line", "fork")], [[1, 3]], []),
        story("another past", [("first of three", "stored"), ("fork by what stands before", "fork")], [[1, 1]], []),
        story("another future", [("last of three", "stored"), ("fork by what follows", "fork")], [[3, 3]], []),
        story("pruned before it came", [("first of three", "stored"), ("pruned", "stored")], [[1, 3]], [[2, 2]]),
        story("gone, and there after all", [("pruned", "stored"), ("batch", "stored")], [[1, 3]], []),
        story("orders", [("orders opened", "stored"), ("orders", "stored")], [[1, 2]], []),
    ]  # fmt: skip


def vectors() -> dict[str, Any]:
    """Return all of `link.json`."""
    return {
        "about": " ".join(ABOUT),
        "keys": {
            name: {
                "private": base64url.encode(bytes([number]) * 32),
                "public": base64url.encode(KEYS[name].public.raw),
                "id": base64url.encode(KEYS[name].public.id),
            }
            for number, name in enumerate(KEYS, 1)
        },
        "sealing": seals.vectors(FILE),
        "messages": _messages(),
        "stories": _stories(),
        "limits": limits.cases() + frames.cases(),
    }


def text() -> str:
    """Return the file's text, one case a line."""
    made = vectors()
    blocks = []
    for key, value in made.items():
        if isinstance(value, list):
            rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in value)
            blocks.append(f" {json.dumps(key)}: [\n{rows}\n ]")
        else:
            blocks.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
