"""Messages on each side of every limit of size, and zstd frames nobody should send (RFC 8878, section 3.1.1)."""

import json
from typing import Any

import zstandard

from sync import base64url
from tests.vectors.texts import (
    KEYS,
    OK,
    Part,
    batch_header,
    build,
    case,
    loose,
    padded,
    plain,
    raw,
    refused,
    sign,
)

_MAGIC = b"\x28\xb5\x2f\xfd"
_WINDOW_4_MIB = 0x60
_BLOCK = 128 * 1024


def _blocks(data: bytes) -> bytes:
    pieces = [data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK)]
    return b"".join(
        (len(piece) << 3 | (number == len(pieces))).to_bytes(3, "little") + piece
        for number, piece in enumerate(pieces, 1)
    )


def _frame(data: bytes, *, window: int = _WINDOW_4_MIB, stated: int | None = None) -> bytes:
    if stated is None:
        return _MAGIC + bytes([0x00, window]) + _blocks(data)
    return _MAGIC + bytes([0x80, window]) + stated.to_bytes(4, "little") + _blocks(data)


def cases() -> list[dict[str, Any]]:
    """Return the cases."""
    line = loose()
    message = build(plain(batch_header([line.encode()]), [line]))
    broken = refused("malformed", 0, 0)
    whole = _frame(message)

    def frame(name: str, outcome: dict[str, Any], *parts: Any) -> dict[str, Any]:
        return case(name, "up/log", outcome, wire=[raw(p) if isinstance(p, bytes) else p for p in parts])

    def bulk(name: str, outcome: dict[str, Any], size: int, form: str, topic: str = "up/log") -> dict[str, Any]:
        """Return the case of a message of exactly `size` bytes in all, in lines of 31 KiB and a last one."""
        key = "hq" if topic.startswith("down") else "station"
        more = {"generation": 4} if key == "hq" else {}
        full = padded(31 * 1024)
        count = -(-size // (31 * 1024))
        room = size - (count - 1) * (31 * 1024 + 1) - 1
        last: Part = padded(400)
        for _ in range(3):  # the header's length depends on nothing but the number of digits
            lines = [build(full)] * (count - 1) + [build(last)]
            header = batch_header(lines, **more)
            text = json.dumps({"v": 1, "signer": base64url.encode(KEYS[key].public.id)} | header, separators=(",", ":"))
            head = f"{text}\n{sign(text.encode(), KEYS[key])}"
            last = padded(room - len(head))
        made: Part = [head + "\n", {"repeat": [full, "\n"], "times": count - 1}, *last]
        assert len(build(made)) == size
        if outcome["result"] == "ok":
            assert len(build(last)) <= 32 * 1024
        return case(name, topic, outcome, plain=made, form=form)

    empty_block, bomb_block = b"\x00\x00\x00", bytes([0x02, 0x00, 0x10]) + b"x"
    bomb: Part = {"repeat": raw(bomb_block), "times": 60_000}
    end = b"\x01\x00\x00"
    return [
        bulk("256 KiB on the wire", OK, 256 * 1024, "plain"),
        bulk("256 KiB and a byte on the wire", broken, 256 * 1024 + 1, "plain"),
        bulk("4 MiB decompressed at headquarters", OK, 4 * 1024 * 1024, "zstd"),
        bulk("4 MiB and a byte decompressed at headquarters", broken, 4 * 1024 * 1024 + 1, "zstd"),
        bulk("256 KiB decompressed at a station", OK, 256 * 1024, "zstd", "down/log"),
        bulk("256 KiB and a byte decompressed at a station", broken, 256 * 1024 + 1, "zstd", "down/log"),
        frame("no size stated", OK, whole),
        frame("the right size stated", OK, _frame(message, stated=len(message))),
        frame("a size stated that is too small", broken, _frame(message, stated=len(message) - 1)),
        frame("a size stated that is too large", broken, _frame(message, stated=len(message) + 1)),
        frame("a small size stated over 7.8 GB", broken, _MAGIC + bytes([0x80, 0x60, 1, 0, 0, 0]), bomb, end),
        frame("no size stated over 7.8 GB", broken, _MAGIC + bytes([0x00, 0x60]), bomb, end),
        frame("an empty block in front", OK, _MAGIC + bytes([0x00, 0x60]) + empty_block + _blocks(message)),
        frame("a window of 4 MiB and an eighth", broken, _frame(message, window=_WINDOW_4_MIB + 1)),
        frame("a checksum", OK, zstandard.ZstdCompressor(write_checksum=True).compress(message)),
        frame("a wrong checksum", broken, _MAGIC + bytes([0x04, 0x60]) + _blocks(message) + bytes(4)),
        frame("a dictionary asked for", broken, _MAGIC + bytes([0x01, 0x60, 0x07]) + _blocks(message)),
        frame("half a frame", broken, whole[: len(whole) // 2]),
        frame("a frame without its last block", broken, _MAGIC + bytes([0x00, 0x60]) + empty_block),
        frame("a byte after the frame", broken, whole + b"\n"),
        frame("two frames", broken, whole + whole),
        frame("an empty frame behind", broken, whole + _frame(b"x" * 0) + b"\x01\x00\x00"),
        frame("a skippable frame behind", broken, whole + b"\x50\x2a\x4d\x18\x01\x00\x00\x00x"),
        frame("a skippable frame in front", broken, b"\x50\x2a\x4d\x18\x01\x00\x00\x00x" + whole),
        frame("a space in front", broken, b" " + message),
        frame("nothing", broken),
    ]
