"""Golden vectors of sealed boxes and wrapped shift keys.

A wrap is made with chance, so the one in `link.json` stays there: it is taken over, and made anew only when the file
has none. A box is made here with a fixed nonce, by AES-256-GCM itself.
"""

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync import base64url
from sync.sealing import SUITE, SealingKey, ShiftKey
from tests.vectors.texts import STATION, identifier

PRIVATE = bytes([4]) * 64 + bytes([5]) * 32
SECRET = bytes([6]) * 32
NONCE = bytes([7]) * 12
KID = identifier(30)
EVENT = identifier(31)
FIELDS = {"name": "张三", "number": "11010119900307123X"}


def vectors(file: Path) -> dict[str, Any]:
    """Return the `sealing` part; the wrap comes from `file` where that has one."""
    key = SealingKey(PRIVATE)
    kem = _kept(file) or ShiftKey(KID, SECRET).wrap(key.public, STATION)
    return {
        "private": base64url.encode(PRIVATE),
        "public": base64url.encode(key.public.raw),
        "id": base64url.encode(key.public.id),
        "kid": KID,
        "secret": base64url.encode(SECRET),
        "suite": SUITE,
        "wraps": _wraps(kem),
        "boxes": _boxes(),
    }


def _kept(file: Path) -> bytes | None:
    try:
        sealing = json.loads(file.read_text(encoding="utf-8"))["sealing"]
    except (FileNotFoundError, KeyError):
        return None
    return base64url.decode(sealing["wraps"][0]["kem"])


def _wraps(kem: bytes) -> list[dict[str, Any]]:
    def wrap(name: str, kem: bytes = kem, *, opens: bool = False, **changes: str) -> dict[str, Any]:
        return {"name": name, "station": STATION, "kid": KID, "kem": base64url.encode(kem), "opens": opens} | changes

    return [
        wrap("a shift key", opens=True),
        wrap("as another station's", station="sjz-002"),
        wrap("as another key's", kid=identifier(32)),
        wrap("another lattice part", _flipped(kem, 0)),
        wrap("another share", _flipped(kem, 1088)),
        wrap("another key in it", _flipped(kem, 1120)),
        wrap("another tag", _flipped(kem, -1)),
        wrap("a byte short", kem[:-1]),
        wrap("a byte long", kem + b"\0"),
        wrap("only its enc", kem[:1120]),
        wrap("nothing", b""),
    ]


def _boxes() -> list[dict[str, Any]]:
    def box(
        name: str, sealed: bytes | str, *, fields: Any = None, event: str = EVENT, key: str = KID
    ) -> dict[str, Any]:
        text = sealed if isinstance(sealed, str) else base64url.encode(sealed)
        case = {"name": name, "event": event, "sealed": {"key": key, "box": text}}
        return case | ({} if fields is None else {"fields": fields})

    good = _sealed(json.dumps(FIELDS, separators=(",", ":"), ensure_ascii=False).encode())
    return [
        box("fields", good, fields=FIELDS),
        box("no fields", _sealed(b"{}"), fields={}),
        box("with white space", _sealed(b' {"a" : 1}\n'), fields={"a": 1}),
        box("of another event", good, event=identifier(33)),
        box("of another key", good, key=identifier(32)),
        box("another nonce", _flipped(good, 0)),
        box("another text", _flipped(good, 12)),
        box("another tag", _flipped(good, -1)),
        box("a byte short", good[:-1]),
        box("a byte long", good + b"\0"),
        box("shorter than nonce and tag", good[:27]),
        box("nothing", b""),
        box("padded", base64url.encode(_sealed(b'{"a":1}')) + "="),
        box("another alphabet", "+" + base64url.encode(good)[1:]),
        box("a list in it", _sealed(b"[]")),
        box("a duplicate key in it", _sealed(b'{"a":1,"a":2}')),
        box("no UTF-8 in it", _sealed(b'{"a":"\xff"}')),
    ]


def _sealed(plain: bytes) -> bytes:
    return NONCE + AESGCM(SECRET).encrypt(NONCE, plain, EVENT.encode())


def _flipped(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)
