"""A station's journals as headquarters holds them: rows, lines, and the lock they change under."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, case, insert, select, update
from sqlalchemy.exc import IntegrityError

from hq import tables
from hq.bulk import insert_rows
from hq.prepared import Prepared
from sync.batch import Line, Standing, chain_start
from sync.ranges import Ranges

_stations, _journals, _events = tables.stations, tables.journals, tables.events
ranges_of = msgspec.json.Decoder(Ranges).decode
"""Read a set of numbers as the `journals` table keeps it."""
_CHUNK: Final = 1024

_LOCK_AND_SEE = Prepared(
    update(_stations)
    .where(_stations.c.station == bindparam("of"))
    .values(seen_ms=case((_stations.c.revoked_ms.is_(None), bindparam("at")), else_=_stations.c.seen_ms))
    .returning(_stations)
)
_LOCK = Prepared(select(_stations).where(_stations.c.station == bindparam("of")).with_for_update())
_NEW_STATION = insert(_stations)
_JOURNAL = Prepared(
    select(_journals).where(_journals.c.station == bindparam("of"), _journals.c.journal == bindparam("id_"))
)
_NEW_JOURNAL = insert(_journals)
_MOVE = Prepared(
    update(_journals)
    .where(_journals.c.id == bindparam("row"))
    .values({name: bindparam(f"to_{name}") for name in ("rev", "held", "gone", "oldest")})
)
_CLOSE = (
    update(_journals)
    .where(_journals.c.id == bindparam("row"))
    .values(last_common=bindparam("common"), leftover=bindparam("left"))
)
_LINES = Prepared(
    select(_events.c.number, _events.c.line, _events.c.chain)
    .where(
        _events.c.journal_id == bindparam("row"),
        _events.c.number >= bindparam("first"),
        _events.c.number <= bindparam("last"),
    )
    .order_by(_events.c.number)
)
_LINE: Final = ("journal_id", "number", "line", "chain")
_NEW_LINE = Prepared(insert(_events), columns=_LINE)


class StationRevokedError(Exception):
    """A message of a station that is revoked: nothing of it is stored, and nothing answered."""


@dataclass(slots=True)
class JournalRow:
    """One journal's row. `last_common` is None until a `journal.opened` of a later one closed it.

    `leftover`: closed, and lines above `last_common` may be held that nothing has shown yet.
    """

    id: int
    journal: str
    standing: Standing
    last_common: int | None
    leftover: bool


class JournalLedger:
    """A `sync.batch.Ledger` over the row and the lines of one journal, for one transaction.

    `meanwhile` may be called while many lines are written (`hq.bulk.insert_rows`).
    """

    def __init__(
        self, connection: Connection, station: str, journal: str, *, meanwhile: Callable[[], None] | None = None
    ) -> None:
        self._connection = connection
        self._meanwhile = meanwhile
        found = find_journal(connection, station, journal)
        self.row = add_journal(connection, station, journal) if found is None else found

    def standing(self) -> Standing:
        """Return how the journal stands."""
        return self.row.standing

    def held(self, first: int, last: int) -> Sequence[Line]:
        """Return the held lines numbered `first` to `last` that are still kept, ascending."""
        return read_lines(self._connection, self.row, first, last)

    def keep(self, lines: Sequence[Line], standing: Standing) -> None:
        """Write new lines and the journal's new standing."""
        rows = [(self.row.id, line.number, line.line, line.chain) for line in lines]
        if len(rows) == 1:
            _NEW_LINE.run(self._connection, dict(zip(_LINE, rows[0], strict=True)))
        elif rows:
            insert_rows(self._connection, _events, _LINE, rows, meanwhile=self._meanwhile)
        _MOVE.run(
            self._connection,
            {
                "row": self.row.id,
                "to_rev": standing.rev,
                "to_held": _write_ranges(standing.held),
                "to_gone": _write_ranges(standing.gone),
                "to_oldest": standing.oldest,
            },
        )
        self.row.standing = standing


def lock_station(connection: Connection, station: str, *, seen_ms: int | None = None) -> Any:
    """Lock a station's row until the transaction ends, creating it if need be, and return it.

    `seen_ms`: something signed by the station came then; of one that is revoked that is not noted.
    """
    parameters = {"of": station} if seen_ms is None else {"of": station, "at": seen_ms}
    statement = _LOCK if seen_ms is None else _LOCK_AND_SEE
    row = statement.one(connection, parameters)
    if row is not None:
        return row
    try:
        with connection.begin_nested():
            connection.execute(_NEW_STATION, {"station": station})
    except IntegrityError:  # another worker was faster
        pass
    return statement.one(connection, parameters)


def lock_stations(connection: Connection, stations: Iterable[str], *, seen_ms: int) -> dict[str, Any]:
    """Lock the rows of several stations as `lock_station` does, always in the same order: so nobody waits in a circle.

    Who locks several may hold none before.
    """
    return {station: lock_station(connection, station, seen_ms=seen_ms) for station in sorted(set(stations))}


def lock_admitted(connection: Connection, station: str) -> Any:
    """Lock a station's row as `lock_station` does, for a message of its own. Raises StationRevokedError."""
    row = lock_station(connection, station)
    if row.revoked_ms is not None:
        raise StationRevokedError(station)
    return row


def find_journal(connection: Connection, station: str, journal: str) -> JournalRow | None:
    """Return a journal's row, or None if it was never heard of."""
    row = _JOURNAL.one(connection, {"of": station, "id_": journal})
    return None if row is None else journal_row(row)


def journal_row(row: Any) -> JournalRow:
    """Read one row of the `journals` table."""
    return JournalRow(
        row.id,
        row.journal,
        Standing(rev=row.rev, held=ranges_of(row.held), gone=ranges_of(row.gone), oldest=row.oldest),
        row.last_common,
        row.leftover,
    )


def add_journal(connection: Connection, station: str, journal: str) -> JournalRow:
    """Add the row of a journal of which nothing is held yet."""
    values = {"station": station, "journal": journal, "rev": 0, "held": "[]", "gone": "[]", "oldest": 1}
    key = connection.execute(_NEW_JOURNAL, values).inserted_primary_key
    assert key is not None
    return JournalRow(key[0], journal, Standing(), None, leftover=False)


def close_journal(connection: Connection, row: JournalRow, *, last_common: int, leftover: bool) -> None:
    """Write that a journal is closed, and whether lines above `last_common` wait to be shown."""
    connection.execute(_CLOSE, {"row": row.id, "common": last_common, "left": leftover})
    row.last_common, row.leftover = last_common, leftover


def read_lines(connection: Connection, row: JournalRow, first: int, last: int) -> list[Line]:
    """Return the held lines numbered `first` to `last` that are still kept, ascending; see `sync.batch.Line`."""
    found = _LINES.all(connection, {"row": row.id, "first": first, "last": last})
    return [Line(number, line, chain) for number, line, chain in found]


def each_line(connection: Connection, row: JournalRow, above: int, last: int) -> Iterator[Line]:
    """Yield the lines that are kept with numbers over `above`, up to `last`, ascending; some at a time in memory."""
    for first, end in row.standing.held:
        for start in range(max(first, above + 1), min(end, last) + 1, _CHUNK):
            for line in read_lines(connection, row, start, min(start + _CHUNK - 1, end, last)):
                if line.line:
                    yield line


def chain_at_end(connection: Connection, row: JournalRow) -> bytes:
    """Return the chain where the first stored range ends: what an ack shows. chain(0) when nothing is stored."""
    stored = row.standing.stored
    if not stored:
        return chain_start(row.journal)
    (line,) = read_lines(connection, row, stored[0][1], stored[0][1])
    return line.chain


def _write_ranges(ranges: Ranges) -> str:
    return msgspec.json.encode(ranges).decode()
