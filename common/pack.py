"""A content pack: one signed file of pages and pictures for the idle screen (`docs/content.md`). Pure, but for reading.

    header line, JSON           what is in it, when it is shown, who signed it
    signature line              base64url, over the header line; whoever reads it checks it before all else
    the files, end to end       as the header lists them: fragments of HTML, pictures

Its name is the SHA-256 of the whole file. It travels in chunks, each known by its own SHA-256.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Annotated, BinaryIO, Final, Literal, NamedTuple, TypeAlias

import msgspec

from common.events.terms import Day, Digest, Instant, Name, Number

CHUNK: Final = 16 * 1024
MAX_CHUNKS: Final = 640
"""So that the list of their hashes fits into one order (32 KiB)."""
MAX_PACK: Final = MAX_CHUNKS * CHUNK
MAX_HEADER: Final = 64 * 1024
MAX_PAGES: Final = 40
MAX_FRAGMENT: Final = 16 * 1024
MAX_PICTURE: Final = 512 * 1024
SECONDS: Final = (5, 60)
"""How long a page may stay, at least and at most."""

HTML: Final = "text/html"
FileType: TypeAlias = Literal["text/html", "image/png", "image/jpeg", "image/webp"]
OfDay: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")]

_TAG: Final = re.compile(
    r"</?(?:h2|h3|p|ul|ol|li|strong|em|blockquote)>|<br>|<hr>"
    r'|<img src="/content/([0-9a-f]{64})" alt="[^"<>]*">'
)
_HASH_BYTES: Final = 32


class PackError(ValueError):
    """A file is no pack that may be taken, and why."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a pack; `size` in bytes."""

    sha256: Digest
    type: FileType
    size: Number


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """The same in Chinese and in English."""

    zh: Name
    en: Name


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page: which of the pack's files it is in Chinese, and in English."""

    zh: Annotated[int, msgspec.Meta(ge=0)]
    en: Annotated[int, msgspec.Meta(ge=0)]


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """From when until when of a day; over midnight if `until` is not later."""

    begin: OfDay
    until: OfDay


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a pack says of itself. `begins`, `ends`: its first and last day; `seconds`: how long a page stays.

    Of two with the same `id` the higher `version` counts. `made`: when, for people.
    """

    v: Literal[1]
    kind: Literal["pack"]
    signer: str
    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}\Z")]
    version: Number
    made: Instant
    title: Words
    begins: Day
    ends: Day
    hours: Hours | None = None
    seconds: Annotated[int, msgspec.Meta(ge=SECONDS[0], le=SECONDS[1])] = 15
    pages: Annotated[tuple[Page, ...], msgspec.Meta(min_length=1, max_length=MAX_PAGES)]
    files: Annotated[tuple[File, ...], msgspec.Meta(min_length=1, max_length=4 * MAX_PAGES)]

    def is_due(self, local: datetime) -> bool:
        """Tell whether it is shown at a local time."""
        if not self.begins <= local.date().isoformat() <= self.ends:
            return False
        if self.hours is None:
            return True
        begin, until = time.fromisoformat(self.hours.begin), time.fromisoformat(self.hours.until)
        now = local.time()
        return begin <= now < until if begin < until else now >= begin or now < until

    def has_ended(self, local: datetime) -> bool:
        """Tell whether it is not shown any more, ever."""
        return local.date().isoformat() > self.ends


class Opened(NamedTuple):
    """The first two lines of a pack, and where in the file its files begin."""

    head: Head
    line: bytes
    signature: str
    body: int

    def place(self, index: int) -> tuple[int, int]:
        """Return where one of the files begins, and how long it is."""
        before = sum(file.size for file in self.head.files[:index])
        return self.body + before, self.head.files[index].size


def open_pack(file: BinaryIO) -> Opened:
    """Read header and signature line; neither is checked yet against a key. Raises PackError."""
    start = file.read(MAX_HEADER)
    line, first, rest = start.partition(b"\n")
    signature, second, _ = rest.partition(b"\n")
    if not first or not second:
        raise PackError("no pack")
    try:
        head = msgspec.json.decode(line, type=Head)
        date.fromisoformat(head.begins)
        date.fromisoformat(head.ends)
        text = signature.decode("ascii")
    except ValueError:
        raise PackError("its header cannot be read") from None
    used = [index for page in head.pages for index in (page.zh, page.en)]
    if max(used) >= len(head.files) or any(head.files[index].type != HTML for index in used):
        raise PackError("a page is missing")
    return Opened(head, line, text, len(line) + len(signature) + 2)


def check_files(file: BinaryIO, opened: Opened) -> None:
    """Read what stands behind the header, a file at a time, and compare it with what that says. Raises PackError."""
    file.seek(opened.body)
    known = {entry.sha256 for entry in opened.head.files if entry.type != HTML}
    for entry in opened.head.files:
        if entry.size > (MAX_FRAGMENT if entry.type == HTML else MAX_PICTURE):
            raise PackError("one of its files is too large")
        content = file.read(entry.size)
        if len(content) != entry.size or hashlib.sha256(content).hexdigest() != entry.sha256:
            raise PackError("one of its files is damaged")
        if entry.type == HTML:
            check_fragment(content, known)
    if file.read(1):
        raise PackError("something stands behind its last file")


def check_fragment(content: bytes, pictures: Iterable[str]) -> None:
    """Let through nothing but the few tags of a page, and pictures of its own pack. Raises PackError."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise PackError("a page is not UTF-8") from None
    used = {found for found in _TAG.findall(text) if found}
    if not used <= set(pictures):
        raise PackError("a page shows a picture that is not in the pack")
    rest = _TAG.sub("", text)
    if "<" in rest or ">" in rest:
        raise PackError("a page has more than its few tags")


def name_of(file: BinaryIO) -> str:
    """Return a pack's name, the SHA-256 of all of it, reading a little at a time."""
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(CHUNK):
        digest.update(piece)
    return digest.hexdigest()


def chunk_sizes(size: int) -> list[int]:
    """Return how many bytes each chunk of a pack of `size` bytes has."""
    whole, rest = divmod(size, CHUNK)
    return [CHUNK] * whole + ([rest] if rest else [])


def join_hashes(chunks: Iterable[bytes]) -> bytes:
    """Return the SHA-256 of each chunk, one behind the other."""
    return b"".join(hashlib.sha256(chunk).digest() for chunk in chunks)


def split_hashes(joined: bytes, size: int) -> list[bytes]:
    """Return the hashes of a pack's chunks; raises PackError when there are not as many as `size` bytes need."""
    count = len(chunk_sizes(size))
    if not 1 <= count <= MAX_CHUNKS or len(joined) != count * _HASH_BYTES:
        raise PackError("it has another number of chunks")
    return [joined[at : at + _HASH_BYTES] for at in range(0, len(joined), _HASH_BYTES)]


def bits_of(numbers: Iterable[int], count: int) -> bytes:
    """Return a bit for each of `count` chunks, 1 for those in `numbers`; the first is the highest of the first byte."""
    bits = bytearray((count + 7) // 8)
    for number in numbers:
        bits[number // 8] |= 0x80 >> number % 8
    return bytes(bits)


def numbers_of(bits: bytes, count: int) -> list[int]:
    """Return the chunks whose bit is 1, ascending."""
    return [number for number in range(min(count, 8 * len(bits))) if bits[number // 8] & 0x80 >> number % 8]
