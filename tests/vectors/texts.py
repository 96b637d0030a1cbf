"""What the golden vectors are made of: texts, signed messages, and what becomes of them."""

import hashlib
import json
from typing import Any, TypeAlias

import zstandard

from common.events import encode_event
from common.events.terms import Payload
from sync import base64url
from sync.batch import chain_lines, chain_start
from sync.signed import Writer
from sync.signing import SigningKey

Part: TypeAlias = "str | dict[str, Any] | list[Part]"

STATION = "sjz-001"
TIME = "2026-03-01T08:00:00.000Z"
BOOT = "5d3f2c1b-9a87-4e65-8f43-21f0e1d2c3b4"
JOURNAL = "018f3b2a-0000-7000-8000-000000000001"
OLD_JOURNAL = "018f3b2a-0000-7000-8000-000000000000"
ORDERS = "018f3b2a-0000-7000-8000-0000000000aa"
SESSION = "c2Vzc2lvbi0wMQ"


def key_pair(number: int) -> SigningKey:
    """Return the fixed key pair of that number."""
    return SigningKey(bytes([number]) * 32)


KEYS = {"station": key_pair(1), "hq": key_pair(2), "stranger": key_pair(3)}


# -- texts ---------------------------------------------------------------------------------------------------


def build(part: Part) -> bytes:
    """Return the bytes that a text of `link.json` stands for."""
    if isinstance(part, str):
        return part.encode()
    if isinstance(part, list):
        return b"".join(build(piece) for piece in part)
    if "bytes" in part:
        return base64url.decode(part["bytes"])
    return build(part["repeat"]) * int(part["times"])


def raw(data: bytes) -> Part:
    return {"bytes": base64url.encode(data)}


def identifier(number: int) -> str:
    return f"018f3b2a-{number:04x}-7000-8000-0123456789ab"


def event(number: int, payload: Payload, source: str = f"/stations/{STATION}") -> bytes:
    return encode_event(
        payload,
        event_id=identifier(number),
        source=source,
        time=TIME,
        boot=BOOT,
        mono=1_000_000_000 * number,
        unsure=False,
    )


def loose(data: str = "{}", **attributes: Any) -> str:
    """Write an event by hand, its `data` as given, byte for byte."""
    event = {"specversion": "1.0", "id": identifier(1), "source": f"/stations/{STATION}", "type": "test.vector"}
    text = json.dumps(event | attributes, separators=(",", ":"))
    return f'{text[:-1]},"data":{data}}}'


def padded(size: int, **attributes: Any) -> Part:
    """Write an event of exactly `size` bytes."""
    head, tail = loose('{"pad":"@"}', **attributes).split("@")
    return [head, {"repeat": "x", "times": size - len(head) - len(tail)}, tail]


# -- messages ------------------------------------------------------------------------------------------------


def batch_header(lines: list[bytes], *, prev: bytes | None = None, **changes: Any) -> dict[str, Any]:
    first, journal = int(changes.get("first", 1)), changes.get("journal", JOURNAL)
    start = chain_start(journal) if prev is None else prev
    header: dict[str, Any] = {
        "kind": "batch",
        "station": STATION,
        "journal": journal,
        "first": first,
        "count": len(lines),
        "oldest": 1,
        "prev": base64url.encode(start),
        "chain": base64url.encode(chain_lines(start, first, lines)[-1].chain),
    }
    return header | changes


def sign(text: bytes, key: SigningKey) -> str:
    return base64url.encode(key.sign(text))


def plain(header: dict[str, Any] | str, lines: list[Part], *, key: str = "station", tail: str = "") -> Part:
    """Return a plain message as a text; a header given as a string is signed as it stands."""
    signer = KEYS[key]
    if isinstance(header, dict):
        header = json.dumps({"v": 1, "signer": base64url.encode(signer.public.id)} | header, separators=(",", ":"))
    parts: list[Part] = [f"{header}\n{sign(header.encode(), signer)}"]
    for line in lines:
        parts += ["\n", *(line if isinstance(line, list) else [line])]
    merged: list[Part] = []
    for part in [*parts, tail]:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return merged[0] if len(merged) == 1 else merged


def written(header: dict[str, Any], lines: list[bytes] | None = None, *, key: str = "station") -> dict[str, Any]:
    """Return both forms of what the project's own writer makes."""
    wire = Writer(KEYS[key]).write(header, lines or [])
    if wire.startswith(b"{"):
        return {"plain": wire.decode(), "zstd": base64url.encode(zstandard.ZstdCompressor().compress(wire))}
    return {"plain": zstandard.ZstdDecompressor().decompress(wire).decode(), "zstd": base64url.encode(wire)}


def refused(reason: str, first: int = 1, count: int = 1, **more: str) -> dict[str, Any]:
    return {"result": "refused", "rejected": {"first": first, "count": count, "reason": reason, **more}}


OK = {"result": "ok"}
IGNORED = {"result": "ignored"}


def case(name: str, topic: str, outcome: dict[str, Any], **message: Any) -> dict[str, Any]:
    return {"name": name, "topic": f"jt/1/{STATION}/{topic}", **message, **outcome}


def lone(name: str, line: Part, reason: str | None = None, *, topic: str = "up/log", tail: str = "") -> dict[str, Any]:
    """Return the case of a batch of this one line; a malformed one is answered with its SHA-256."""
    data = build(line)
    outcome = refused(reason, sha256=base64url.encode(hashlib.sha256(data).digest())) if reason else OK
    return case(name, topic, outcome, plain=plain(batch_header([data]), [line], tail=tail))
