"""What the station remembers of content packs: which are coming, which are whole, which are not to be taken again."""

import sqlite3
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from agent.pen import Pen
from common.pack import bits_of, chunk_sizes, numbers_of

SCHEMA: Final = """
-- state: offered (nothing was done for it yet), coming (its file lies there, with holes), whole (it was checked).
CREATE TABLE IF NOT EXISTS content_packs(
    pack TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    way TEXT NOT NULL,
    size INTEGER NOT NULL,
    chunks BLOB NOT NULL,   -- SHA-256 of each, one behind the other
    missing BLOB NOT NULL   -- a bit for each, as content.wanted has them
) WITHOUT ROWID;
-- Not to be taken again, whoever brings them.
CREATE TABLE IF NOT EXISTS content_gone(pack TEXT PRIMARY KEY, why TEXT NOT NULL) WITHOUT ROWID;
"""

State: TypeAlias = Literal["offered", "coming", "whole"]
Way: TypeAlias = Literal["order", "usb"]

_HASH: Final = 32
_COLUMNS: Final = "pack, state, way, size, chunks, missing"
_MOST_GONE: Final = 1000


@dataclass(frozen=True, slots=True)
class PackRow:
    """One pack; `chunks` and `missing` as in the table."""

    pack: str
    state: State
    way: Way
    size: int
    chunks: bytes
    missing: bytes

    @property
    def lacks(self) -> list[int]:
        """The chunks that have not come, ascending."""
        return numbers_of(self.missing, len(chunk_sizes(self.size)))

    def hash_of(self, chunk: int) -> bytes:
        """Return the SHA-256 of one of its chunks."""
        return self.chunks[chunk * _HASH : (chunk + 1) * _HASH]

    def where(self, digest: bytes) -> list[int]:
        """Return which of its chunks have that SHA-256."""
        return [chunk for chunk in range(len(self.chunks) // _HASH) if self.hash_of(chunk) == digest]


def packs(connection: sqlite3.Connection) -> list[PackRow]:
    """Return every pack, coming or whole."""
    return [PackRow(*row) for row in connection.execute(f"SELECT {_COLUMNS} FROM content_packs ORDER BY pack")]  # noqa: S608 - a constant


def find(connection: sqlite3.Connection, pack: str) -> PackRow | None:
    """Return one pack, or None."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM content_packs WHERE pack = ?", (pack,)).fetchone()  # noqa: S608 - a constant
    return row and PackRow(*row)


def keep(pen: Pen, row: PackRow) -> None:
    """Write a pack as it stands now, new or not."""
    values = (row.pack, row.state, row.way, row.size, row.chunks, row.missing)
    pen.connection.execute("INSERT OR REPLACE INTO content_packs VALUES (?, ?, ?, ?, ?, ?)", values)


def lack_no_more(pen: Pen, row: PackRow, chunks: list[int]) -> None:
    """Note that chunks of a pack lie in its file."""
    missing = bits_of(set(row.lacks) - set(chunks), len(chunk_sizes(row.size)))
    pen.connection.execute("UPDATE content_packs SET missing = ? WHERE pack = ?", (missing, row.pack))


def remove(pen: Pen, pack: str) -> bool:
    """Forget a pack; False if it was none. Its file is removed by whoever keeps the files."""
    return pen.connection.execute("DELETE FROM content_packs WHERE pack = ?", (pack,)).rowcount == 1


def refuse_for_good(pen: Pen, pack: str, why: str) -> None:
    """Remember that a pack is not to be taken; of very many the smallest names are forgotten."""
    pen.connection.execute("INSERT OR REPLACE INTO content_gone VALUES (?, ?)", (pack, why))
    spare = "DELETE FROM content_gone WHERE pack IN (SELECT pack FROM content_gone ORDER BY pack LIMIT max(0, ?))"
    (count,) = pen.connection.execute("SELECT count(*) FROM content_gone").fetchone()
    pen.connection.execute(spare, (count - _MOST_GONE,))


def why_refused(connection: sqlite3.Connection, pack: str) -> str | None:
    """Return why a pack is not to be taken, or None."""
    row = connection.execute("SELECT why FROM content_gone WHERE pack = ?", (pack,)).fetchone()
    return row and str(row[0])
