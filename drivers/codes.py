"""What a code scanner says: bytes -> the texts of codes, and what was none.

The text is a stranger's. Here it is held to a length, to characters that show as what they are, and to having come
whole, with the suffix behind it. Pure, and bounded: of a code that is too long nothing is kept.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

Suffix: TypeAlias = Literal["cr", "lf", "crlf"]

LONGEST: Final = 2953
"""Bytes in the largest QR code, 40-L (ISO/IEC 18004)."""

_SUFFIXES = {"cr": b"\r", "lf": b"\n", "crlf": b"\r\n"}
# Control characters; format characters, which hide text or turn it round; halves of a pair; what no standard has
# assigned; ends of line and paragraph. Private use is let through: rare Chinese characters are there.
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class NoCode:
    """Bytes that were no code: too long, or noise, which is no text, or broke off."""

    problem: Literal["length", "noise"]
    bytes: int


def text_of(code: bytes) -> str | None:
    """Return a code's text, or None when it is empty, no text, or has characters that do not show.

    UTF-8, else GB18030: of what is not ASCII hardly anything is both, and QR codes made in China are either.
    """
    for encoding in ("utf-8", "gb18030"):
        try:
            text = code.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text if text and not any(unicodedata.category(character) in _REFUSED for character in text) else None
    return None


class Decoder:
    """Takes a scanner's stream apart, cut into pieces anywhere.

    `suffix` as the scanner is set; with cr there may be a line feed behind it, with crlf there must. `longest`: bytes
    of a code, suffix not counted.
    """

    def __init__(self, suffix: Suffix = "cr", longest: int = LONGEST) -> None:
        self._suffix = _SUFFIXES[suffix]
        self._longest = longest
        self._begun = b""
        self._too_long = 0

    @property
    def waiting(self) -> int:
        """How many bytes of a code that has begun are held: `longest` and a suffix at most."""
        return len(self._begun)

    def feed(self, data: bytes) -> list[str | NoCode]:
        """Return the codes that end in `data`, and what was none, in order."""
        *ended, self._begun = (self._begun + data).split(self._suffix)
        taken = [self._taken(code) for code in ended]
        # A suffix may have been cut in two.
        if len(self._begun) > self._longest + len(self._suffix):
            self._too_long += len(self._begun)
            self._begun = b""
        return taken

    def break_off(self) -> NoCode | None:
        """Forget a code that has begun, and return it as what it was; a line feed alone is none."""
        begun, self._begun = self._begun, b""
        too_long, self._too_long = self._too_long, 0
        if too_long:
            return NoCode("length", too_long + len(begun))
        return None if begun in (b"", b"\n") else NoCode("noise", len(begun))

    def _taken(self, code: bytes) -> str | NoCode:
        too_long, self._too_long = self._too_long, 0
        if self._suffix == b"\r":
            code = code.removeprefix(b"\n")
        if too_long or len(code) > self._longest:
            return NoCode("length", too_long + len(code))
        return text_of(code) or NoCode("noise", len(code))


def told(stream: Iterable[bytes], suffix: Suffix = "cr") -> Iterator[dict[str, Any]]:
    """Tell a technician of a captured stream: `{"frame": "code", "text": …}`, or `{"problem": …, "bytes": n}`."""
    decoder = Decoder(suffix)
    for piece in stream:
        yield from map(_told, decoder.feed(piece))
    rest = decoder.break_off()
    if rest is not None:
        yield _told(rest)


def _told(taken: str | NoCode) -> dict[str, Any]:
    if isinstance(taken, NoCode):
        return {"problem": taken.problem, "bytes": taken.bytes}
    return {"frame": "code", "text": taken}
