"""What a picture's own first bytes say of its format and size: nobody believes the ending of its name.

PNG: W3C PNG 3rd edition, 5.2 and 11.2.1. JPEG: ITU-T T.81, B.1 and B.2.2. WebP: RFC 9649, 2.3 to 2.7.
"""

import struct
from typing import Final, Literal, NamedTuple

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF, without tables and what is reserved
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length


class Picture(NamedTuple):
    """A picture's media type, and its width and height in pixels."""

    type: Literal["image/png", "image/jpeg", "image/webp"]
    width: int
    height: int


def look_at(content: bytes) -> Picture | None:
    """Return what a picture is, or None for one of another format, an animated one, or a damaged one."""
    try:
        if content.startswith(_PNG):
            return _png(content)
        if content.startswith(_JPEG):
            return _jpeg(content)
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            return _webp(content)
    except (struct.error, IndexError):
        return None
    return None


def _png(content: bytes) -> Picture | None:
    width, height = struct.unpack(">II", content[16:24])
    if content[12:16] != b"IHDR" or b"acTL" in content or not content.endswith(b"IEND\xaeB\x60\x82"):
        return None
    return Picture("image/png", width, height)


def _jpeg(content: bytes) -> Picture | None:
    at = 2
    while content[at] == 0xFF:  # noqa: PLR2004 - every marker begins so
        marker = content[at + 1]
        if marker in _ALONE:
            at += 2
            continue
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return Picture("image/jpeg", width, height)
        at += 2 + int(struct.unpack(">H", content[at + 2 : at + 4])[0])
    return None


def _webp(content: bytes) -> Picture | None:
    kind = content[12:16]
    if kind == b"VP8X":
        animated = content[20] & 0x02
        width, height = (1 + int.from_bytes(content[at : at + 3], "little") for at in (24, 27))
        return None if animated else Picture("image/webp", width, height)
    if kind == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return Picture("image/webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", content[26:30])
        return Picture("image/webp", width & 0x3FFF, height & 0x3FFF)
    return None
