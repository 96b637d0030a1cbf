"""Messages that nobody honest sends: made with our own codec where a signature is wanted, byte by byte where not."""

import json
import struct
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zstandard

from common import keyfiles
from sync import base64url
from sync.batch import chain_lines, chain_start
from sync.signed import Writer
from sync.signing import SigningKey

NOBODYS = SigningKey(bytes(range(32)))
"""A key that neither headquarters nor a station has ever heard of."""

_MAGIC = b"\x28\xb5\x2f\xfd"
_RLE, _LAST = 1, 1
_BLOCK = 128 * 1024


def zstd_bomb(blocks: int, *, states: int | None) -> bytes:
    """A zstd frame (RFC 8878, 3.1.1) of so many blocks, each 128 KiB of zeros in four bytes, stating any size."""
    window_of_4_mib = bytes([12 << 3])
    if states is None:
        head = _MAGIC + b"\x00" + window_of_4_mib
    else:
        head = _MAGIC + b"\xc0" + window_of_4_mib + struct.pack("<Q", states)
    block = struct.pack("<I", _BLOCK << 3 | _RLE << 1)[:3] + b"\0"
    last = struct.pack("<I", _BLOCK << 3 | _RLE << 1 | _LAST)[:3] + b"\0"
    return head + block * (blocks - 1) + last


BOMBS = (
    zstd_bomb(60_000, states=None),  # 7.3 GiB in 235 KiB
    zstd_bomb(60_000, states=100),
    zstd_bomb(60_000, states=2**62),
    zstd_bomb(2_000, states=2_000 * _BLOCK),  # an honest size, and too much all the same
)


def event_line(event_type: str, data: Any, station: str) -> bytes:
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": f"/stations/{station}",
        "type": event_type,
        "time": "2026-11-23T08:00:00.000Z",
        "data": data,
    }
    return json.dumps(event, separators=(",", ":")).encode()


def batch(
    key: SigningKey, station: str, lines: Sequence[bytes], *, journal: str | None = None, **changed: Any
) -> bytes:
    """A batch from number 1, right in every field that is not `changed`."""
    journal = journal or str(uuid.uuid4())
    start = chain_start(journal)
    header = {
        "kind": "batch",
        "station": station,
        "journal": journal,
        "first": 1,
        "count": len(lines),
        "oldest": 1,
        "prev": base64url.encode(start),
        "chain": base64url.encode(chain_lines(start, 1, lines)[-1].chain),
    }
    return Writer(key).write(header | changed, lines)


def birth(key: SigningKey, station: str, **changed: Any) -> bytes:
    header = {
        "kind": "birth",
        "station": station,
        "session": "hostile",
        "boot": str(uuid.uuid4()),
        "journal": str(uuid.uuid4()),
        "oldest": 1,
        "head": 1,
        "generation": 1_000_000,
        "agent": "hostile",
        "time": "2026-11-23T08:00:00.000Z",
    }
    return Writer(key).write(header | changed)


def ack(key: SigningKey, station: str, *, journal: str | None, session: str, **changed: Any) -> bytes:
    header = {
        "kind": "ack",
        "station": station,
        "journal": journal,
        "session": session,
        "rev": 1_000_000,
        "stored": [[1, 1_000_000]],
        "gone": [],
        "chain": base64url.encode(bytes(32)),
        "time": "2026-11-23T08:00:00.000Z",
    }
    return Writer(key).write(header | changed)


def damaged(message: bytes) -> bytes:
    """The message as it would be with one number of its header changed on the way, behind its signer's back."""
    return opened(message).replace(b'"first":1', b'"first":3', 1)


def opened(message: bytes) -> bytes:
    """The message as it is before it is compressed."""
    return message if message[:1] == b"{" else zstandard.ZstdDecompressor().decompressobj().decompress(message)


def signing_key(path: Path) -> SigningKey:
    return SigningKey(keyfiles.read_private(path))


NONSENSE = (
    b"",
    b"\n",
    b"{",
    b"{}" * 10,
    b"\x00\xff" * 500,
    b"[" * 100_000,
    b'{"v":1,"kind":"batch","kind":"ack"}\n',
    b'{"v":1,"kind":"batch","station":"\xff"}',
    b"{" + b" " * 5000 + b"}",
    _MAGIC + b"cut short",
    b"{" * (300 * 1024),
    *BOMBS,
)
"""Malformed for everybody, whoever may have signed; a few of them over a limit of size."""

FUTURE = b'{"v":2,"kind":"batch","station":"jt-001"}\nwhat a later version says'
