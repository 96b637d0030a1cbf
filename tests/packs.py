"""Content packs as headquarters would sign them, whole or wrong in one way."""

import hashlib
import json
import random

from common.pack import CHUNK
from sync import base64url
from sync.signing import SigningKey

KEY, STRANGER = SigningKey(bytes([1]) * 32), SigningKey(bytes([2]) * 32)


def make_pack(
    *,
    pictures: int = 1,
    size: int = 3 * CHUNK,
    seed: int = 0,
    key: SigningKey = KEY,
    signer: SigningKey | None = None,
    html: str = "",
    change: dict[str, object] | None = None,
) -> bytes:
    """A pack with a page a picture; `signer` signs in the name of `key`; `change` is put over the header."""
    rng = random.Random(seed)
    contents: list[tuple[str, bytes]] = []
    pages = []
    for number in range(max(1, pictures)):
        shown = ""
        if pictures:
            picture = rng.randbytes(size)
            contents.append(("image/png", picture))
            shown = f'<img src="/content/{hashlib.sha256(picture).hexdigest()}" alt="x">'
        pages.append({"zh": len(contents), "en": len(contents) + 1})
        contents.append(("text/html", f"<h2>第{number}页</h2><p>{shown}{html}</p>".encode()))
        contents.append(("text/html", f"<h2>Page {number} of {seed}</h2><p>{shown}</p>".encode()))
    head = {
        "v": 1,
        "kind": "pack",
        "signer": base64url.encode(key.public.id),
        "id": "pack",
        "version": 1,
        "made": "2026-09-01T00:00:00.000Z",
        "title": {"zh": "试", "en": "Trial"},
        "begins": "2026-09-01",
        "ends": "2026-09-30",
        "seconds": 10,
        "pages": pages,
        "files": [
            {"sha256": hashlib.sha256(content).hexdigest(), "type": kind, "size": len(content)}
            for kind, content in contents
        ],
    } | (change or {})
    line = json.dumps(head).encode()
    signature = base64url.encode((signer or key).sign(line)).encode()
    return b"\n".join((line, signature, b"".join(content for _, content in contents)))


def name(pack: bytes) -> str:
    return hashlib.sha256(pack).hexdigest()


def pieces(pack: bytes) -> list[bytes]:
    return [pack[at : at + CHUNK] for at in range(0, len(pack), CHUNK)]
