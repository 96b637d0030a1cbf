"""What can still be read of a damaged journal: its file and WAL searched page by page, without SQLite.

SQLite follows a tree from its root, so one torn page can hide all the others from it. But an event's row can be told
by its looks wherever it stands: a table cell (https://sqlite.org/fileformat2.html#b_tree_pages) whose record is a NULL,
for the number, which is the row's id; a blob that begins like every event of ours; and a blob of 32 bytes, the chain.
"""

import contextlib
import hashlib
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from agent import wal
from common.events import EVENTS, read_payload
from common.events.journal import Rescued
from common.identifiers import is_identifier
from sync import base64url
from sync.receiver import check_line

PAGE: Final = 4096
_HEAD: Final = b'{"specversion":'
_CHAIN_TYPE: Final = 0x4C  # serial type of a blob of 32 bytes: 12 + 2 * 32 (fileformat2.html, 2.1)
_CHAIN: Final = 32
# How much of a long record stands in its own page, and the least of it (fileformat2.html, 1.6; no reserved bytes).
_MOST_LOCAL: Final = PAGE - 35
_LEAST_LOCAL: Final = (PAGE - 12) * 32 // 255 - 23
_LONGEST_VARINT: Final = 9
# The only row of the table `journal`: NULL, text of 36, integer, blob of 32, integer; then the text itself.
_JOURNAL_ROW: Final = re.compile(
    rb"\x06\x00\x55(?P<oldest>[\x01-\x06\x08\x09])\x4c(?P<cursor>[\x01-\x06\x08\x09])(?P<id>[0-9a-f-]{36})", re.DOTALL
)
_INTEGER_BYTES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}


class Found(NamedTuple):
    """Where an event's row stands: its number, the page, and where in it the line begins; and the line's length."""

    number: int
    page: int
    at: int
    length: int


class Row(NamedTuple):
    """A row as it was found; nothing says yet that it is whole."""

    number: int
    line: bytes
    chain: bytes


class _File:
    """A file that may have holes: what the disk cannot read is empty. A file that is missing has no bytes.

    Raises OSError when it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb") if path.exists() else None
        self.size = path.stat().st_size if self._file else 0

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, at: int, size: int) -> bytes:
        if self._file is None:
            return b""
        try:
            return os.pread(self._file.fileno(), size, at)
        except OSError:
            return b""


class Pages:
    """The pages of a database as its last commit left them: those in the WAL before those in the file.

    Of the WAL no checksum is looked at: what is wrong in a page shows in its rows. Raises OSError.
    """

    def __init__(self, path: Path) -> None:
        self._file = _File(path)
        self._wal = _File(path.with_name(path.name + "-wal"))
        frames = wal.frames(self._wal.read, self._wal.size)
        last = max((index for index, frame in enumerate(frames) if frame.commits), default=-1)
        self._frames = {frame.page: frame.at for frame in frames[: last + 1]}
        # A page number that the disk has garbled names no page there ever was.
        known = self._file.size // PAGE + self._wal.size // PAGE
        self.count = max(self._file.size // PAGE, max((page for page in self._frames if page <= known), default=0))

    def close(self) -> None:
        """Let go of the files."""
        self._file.close()
        self._wal.close()

    def __getitem__(self, number: int) -> bytes:
        """Return page `number`, from 1; short, or empty, where it is not there or cannot be read."""
        frame = self._frames.get(number)
        if frame is not None:
            return self._wal.read(frame, PAGE)
        return self._file.read((number - 1) * PAGE, PAGE) if number > 0 else b""


class Wreck:
    """A damaged journal file of the station whose events have this `source`. Raises OSError.

    `journal` and `cursor` are its id and the remembered cursor; None and 0 when they cannot be read.
    """

    def __init__(self, path: Path, source: str) -> None:
        self._source = source
        self._pages = Pages(path)
        self.journal, self.cursor = _identity(path, self._pages)
        self._found = sorted(self._search())

    def close(self) -> None:
        """Let go of the files."""
        self._pages.close()

    def sound(self, *, only: Callable[[bytes], bool] | None = None) -> Iterator[tuple[Row, dict[str, Any]]]:
        """Yield the rows that can be believed, in the order of their numbers; each event once, by its id.

        Beside each stands its event, or the one that a `rescued` event carries. `only` saves the time to look into
        lines that nobody asks for. The same for the same file, always.
        """
        ids: set[str] = set()
        for row, contradicted in _judged(self._rows()):
            if contradicted or (only is not None and not only(row.line)):
                continue
            event = self._event(row.line)
            if event is not None and event["id"] not in ids:
                ids.add(event["id"])
                yield row, event

    def _event(self, line: bytes) -> dict[str, Any] | None:
        """Return the event of a line, or the one it carries, if it is a whole one of this station, else None."""
        try:
            event = check_line(line)
            payload = read_payload(EVENTS, event)
            if isinstance(payload, Rescued):
                event = check_line(base64url.decode(payload.line))
        except ValueError:
            return None
        return event if event["source"] == self._source else None

    def _rows(self) -> Iterator[Row]:
        for found in self._found:
            payload = self._payload(found)
            if payload is not None:
                yield Row(found.number, payload[: found.length], payload[found.length :])

    def _search(self) -> Iterator[Found]:
        for number in range(1, self._pages.count + 1):
            page = self._pages[number]
            at = page.find(_HEAD)
            while at >= 0:
                cell = _cell_before(page, at)
                if cell is not None:
                    yield Found(cell[0], number, at, cell[1])
                at = page.find(_HEAD, at + 1)

    def _payload(self, found: Found) -> bytes | None:
        """Return line and chain, the record's blobs; None where they are not all there."""
        page = self._pages[found.page]
        blobs = found.length + _CHAIN
        header = _record_header(found.length)
        record = header + blobs
        if record <= _MOST_LOCAL:
            payload = page[found.at : found.at + blobs]
            return payload if len(payload) == blobs else None
        local = _LEAST_LOCAL + (record - _LEAST_LOCAL) % (PAGE - 4)
        local = (local if local <= _MOST_LOCAL else _LEAST_LOCAL) - header
        parts, rest = [page[found.at : found.at + local]], blobs - local
        following = int.from_bytes(page[found.at + local : found.at + local + 4], "big")
        while rest > 0:
            page = self._pages[following]
            part = page[4 : 4 + rest]
            if not part:
                return None
            parts.append(part)
            rest -= len(part)
            following = int.from_bytes(page[:4], "big")
        return b"".join(parts)


def _judged(rows: Iterator[Row]) -> Iterator[tuple[Row, bool]]:
    """Yield each row, and whether its neighbours prove that its line is not what was hashed.

    They do when the chain before it is proved by the line before, and its own chain by the line behind.
    """
    before: tuple[Row, bool] | None = None
    row = next(rows, None)
    while row is not None:
        behind = next(rows, None)
        proved = before is not None and _follows(before[0], row)
        vouched = behind is not None and _follows(row, behind)
        yield row, before is not None and before[1] and before[0].number == row.number - 1 and vouched and not proved
        before, row = (row, proved or vouched), behind


def _follows(row: Row, behind: Row) -> bool:
    return behind.number == row.number + 1 and hashlib.sha256(row.chain + behind.line).digest() == behind.chain


def _cell_before(page: bytes, at: int) -> tuple[int, int] | None:
    """Return row id and length of the line that begins at `at`, from the cell's head before it; None for no event."""
    if at < 6 or page[at - 1] != _CHAIN_TYPE:  # noqa: PLR2004 - the shortest head: two varints, then size and types
        return None
    for size in (1, 2, 3):  # bytes of the blob's serial type
        start = at - 1 - size
        if start < 4 or page[start - 1] != 0 or page[start - 2] != size + 3:  # noqa: PLR2004
            continue
        kind, end = _varint(page, start)
        length = (kind - 12) // 2
        if end != at - 1 or kind < 12 or kind % 2:  # noqa: PLR2004 - blobs are even from 12 on
            continue
        record = size + 3 + length + _CHAIN
        # Backwards the bytes of a varint cannot be told from those of the one before; the record's size tells it.
        for id_at in range(start - 3, max(-1, start - 3 - _LONGEST_VARINT), -1):
            number, id_end = _varint(page, id_at)
            if id_end == start - 2 and any(
                _varint(page, size_at) == (record, id_at) for size_at in range(max(0, id_at - 3), id_at)
            ):
                return number, length
    return None


def _record_header(length: int) -> int:
    """Bytes of the header of an event's record: its size, NULL, the line's type, the chain's."""
    kind = 12 + 2 * length
    return 3 + (1 if kind < 1 << 7 else 2 if kind < 1 << 14 else 3)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the variable-length integer at `at`, and where it ends (fileformat2.html, 1.6); -1 where there is none."""
    value = 0
    for index in range(at, min(at + _LONGEST_VARINT - 1, len(data))):
        value = value << 7 | data[index] & 0x7F
        if data[index] < 0x80:  # noqa: PLR2004 - the high bit says that it goes on
            return value, index + 1
    return -1, -1


def _identity(path: Path, pages: Pages) -> tuple[str | None, int]:
    """Return the journal's id and the remembered cursor: from SQLite if it can, else from what looks like the row."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(_read_only(path)) as connection:
        row = connection.execute("SELECT id, cursor FROM journal").fetchone()
        if row is not None and is_identifier(row[0]) and isinstance(row[1], int):
            return row[0], row[1]
    cursors: dict[str, list[int]] = {}
    for number in range(1, pages.count + 1):
        page = pages[number]
        for match in _JOURNAL_ROW.finditer(page):
            oldest, cursor = (int(match[name][0]) for name in ("oldest", "cursor"))
            at = match.end() + _INTEGER_BYTES[oldest] + _CHAIN
            value = page[at : at + _INTEGER_BYTES[cursor]]
            journal = match["id"].decode()
            if is_identifier(journal):
                known = {8: 0, 9: 1}.get(cursor, int.from_bytes(value, "big"))
                cursors.setdefault(journal, []).append(known)
    if len(cursors) != 1:
        return None, 0
    [(journal, known_cursors)] = cursors.items()
    return journal, min(known_cursors)


def _read_only(path: Path) -> sqlite3.Connection:
    # Without a WAL nothing else has to be made beside the file either.
    has_wal = path.with_name(path.name + "-wal").exists()
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{'' if has_wal else '&immutable=1'}", uri=True)
