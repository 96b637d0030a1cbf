"""Headquarters' database: what is committed here is what stations are told is held.

All methods are synchronous and may be called from any thread; each is one transaction. A station's row is locked first
in every transaction that changes anything of that station, so that workers never see half of another's work.
"""

import contextlib
import functools
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from common.identifiers import is_identifier
from hq import births, epoch, overview, rehearsal, tables
from hq.alarms import AlarmKind, write_alarm
from hq.births import Birth, BirthVerdict
from hq.database import Database
from hq.figures import CITY
from hq.health import keep_health
from hq.journals import JournalLedger, JournalRow, chain_at_end, find_journal, journal_row, lock_station, lock_stations
from hq.metrics import Metrics, StationFacts
from hq.projections import Findings, Projection
from hq.view import Overview
from sync.batch import Batch, Settled, Standing, chain_start, settle

_SEEN_EVERY_MS = 10_000

_journals = tables.journals
_CLOSED = (
    select(_journals)
    .where(_journals.c.station == bindparam("of"), _journals.c.last_common > 0)
    .order_by(_journals.c.id)
)
_REVOKED = select(tables.stations.c.revoked_ms).where(tables.stations.c.station == bindparam("of"))
_ORDER_KEY = select(tables.stations.c.order_key).where(tables.stations.c.station == bindparam("of"))
_SIGN_WITH_NEWEST = update(tables.stations).where(tables.stations.c.station == bindparam("of")).values(order_key=None)
_SEE = (
    update(tables.stations)
    .where(
        tables.stations.c.station == bindparam("of"),
        tables.stations.c.revoked_ms.is_(None),
        (tables.stations.c.seen_ms < bindparam("before"))
        | (tables.stations.c.seen_ms > bindparam("at"))  # the wall clock was set back
        | (tables.stations.c.farewell_ms >= tables.stations.c.seen_ms),
    )
    .values(seen_ms=bindparam("at"))
)


class _UndoneError(Exception):
    """Rolls back what was only rehearsed."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a batch, and what the ack says: the standing, and the chain at the end of its first range.

    `session`: of the station's latest birth, read under the same lock; None before the first. `revoked`: the station
    is, so nothing was stored, and nothing is answered. `order_key`: id of the key that signs for the station, under
    the same lock; None for the newest.
    """

    settled: Settled
    standing: Standing
    chain: bytes
    session: str | None = None
    revoked: bool = False
    order_key: bytes | None = None


_NOTHING = Taken(Settled("held", Standing()), Standing(), b"", revoked=True)


class Store:
    """The database of headquarters. Make one with `open`."""

    def __init__(self, database: Database, metrics: Metrics, wall_ms: Callable[[], int]) -> None:
        self.database = database
        self.metrics = metrics
        self.on_change: Callable[[int], None] = lambda _version: None
        self.on_tested: Callable[[str, str], object] = lambda _station, _test: None
        self.zone = CITY
        self._wall_ms = wall_ms
        self._version = 0
        self._version_lock = threading.Lock()

    @classmethod
    def open(cls, url: str, *, metrics: Metrics | None = None, wall_ms: Callable[[], int] | None = None) -> "Store":
        """Open the database at an SQLAlchemy URL, making or migrating its tables.

        `wall_ms` (milliseconds since 1970) stamps when a help call is committed. Set `on_change` to be called, in the
        thread that made it, after each change, with the version that `overview` will show at least, and `on_tested`
        likewise with a station and the id of each of its help.tested that was committed, to be answered; figures
        are of days in `zone`.
        Raises SchemaTooNewError for a database of a newer Jingting, DatabaseUnreachableError if it cannot be opened.
        """
        database = Database(url)
        try:
            database.migrate()
        except BaseException:
            database.close()
            raise
        return cls(database, metrics or Metrics(), wall_ms or (lambda: time.time_ns() // 1_000_000))

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    def take(self, batch: Batch, *, received_ms: int) -> Taken:
        """Settle a batch and project what it brings, in one transaction; when this returns, it is committed."""
        (taken,) = self.take_all((batch,), received_ms=received_ms)
        return taken

    def take_all(
        self, batches: Sequence[Batch], *, received_ms: int, meanwhile: Callable[[], None] | None = None
    ) -> list[Taken]:
        """Take several batches, of any stations, one after the other in one transaction: all are committed, or none.

        What came of each is its own affair: a fork among them stores nothing and hinders none of the others.
        `meanwhile` may be called, any number of times, while the database works; it must neither use it nor raise.
        """
        with self.database.write() as connection:
            taken, findings = self._take(connection, batches, received_ms, meanwhile)
        for station, found in findings.items():
            self._tell(station, found)
        return taken

    def _take(
        self,
        connection: Connection,
        batches: Sequence[Batch],
        received_ms: int,
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[list[Taken], dict[str, Findings]]:
        homes = lock_stations(connection, (batch.station for batch in batches), seen_ms=received_ms)
        now = self._wall_ms()
        projections = {
            station: Projection(
                connection,
                station,
                received_ms=received_ms,
                committed_ms=now,
                meanwhile=meanwhile,
                zone=self.zone,
            )
            for station in homes
        }
        taken = []
        for batch in batches:
            if homes[batch.station].revoked_ms is not None:
                taken.append(_NOTHING)
                continue
            projection = projections[batch.station]
            ahead = functools.partial(projection.read_ahead, batch)
            ledger = JournalLedger(connection, batch.station, batch.journal, meanwhile=ahead)
            taken.append(_settle(connection, batch, ledger, projection, homes[batch.station]))
        return taken, {station: projection.finish() for station, projection in projections.items()}

    def rehearse(self) -> None:
        """Do once, and undo, what the first messages after a start would else have to wait for (`hq.rehearsal`)."""
        journal, now = str(uuid.uuid4()), self._wall_ms()
        with contextlib.suppress(_UndoneError), self.database.write() as connection:
            births.record_birth(connection, rehearsal.STATION, rehearsal.birth(journal), received_ms=now)
            self._take(connection, rehearsal.batches(journal), now)
            raise _UndoneError

    def standing(self, station: str, journal: str) -> Taken:
        """Return how a journal stands, for an ack that answers no batch."""
        with self.database.read() as connection:
            return _taken(connection, find_journal(connection, station, journal), journal)

    def knows(self, station: str, journal: str) -> bool:
        """Tell whether this station's journal was ever heard of; what is no journal's name never was."""
        if not is_identifier(journal):
            return False
        with self.database.read() as connection:
            return find_journal(connection, station, journal) is not None

    def closed_short(self, station: str) -> list[tuple[str, Taken]]:
        """Return the closed journals of which less is held than was common: headquarters was restored since."""
        with self.database.read() as connection:
            rows = [journal_row(row) for row in connection.execute(_CLOSED, {"of": station}).all()]
            return [
                (row.journal, _taken(connection, row, row.journal))
                for row in rows
                if row.last_common is not None and row.standing.cursor < row.last_common
            ]

    def birth(self, station: str, header: dict[str, Any], *, received_ms: int) -> BirthVerdict:
        """Record a birth, and begin its session.

        `replaced`: headquarters has already replaced that session; `closed`: it names a journal known to be closed.
        Both are recorded, alarmed and ignored. Raises ValueError for a header whose `session` is not 1 to 128 printable
        characters, or whose `boot` or `journal` is no UUID; StationRevokedError.
        """
        with self.database.write() as connection:
            verdict, home = births.record_birth(connection, station, header, received_ms=received_ms)
            projection = Projection(
                connection, station, received_ms=received_ms, committed_ms=self._wall_ms(), zone=self.zone
            )
            if verdict == "accepted":
                projection.leftovers(find_journal(connection, station, home.journal), home.head)
            findings = projection.finish()
        self._tell(station, findings)
        return verdict

    def farewell(self, station: str, header: dict[str, Any], *, received_ms: int) -> bool:
        """Record a farewell; False, and nothing, if it is not the current session's.

        Raises ValueError for a header whose `session` is not 1 to 128 printable characters.
        """
        with self.database.write() as connection:
            current = births.record_farewell(connection, station, header, received_ms=received_ms)
        if current:
            self.changed()
        return current

    def latest_birth(self, station: str) -> Birth | None:
        """Return the latest accepted birth; None before the first, and of a station that is revoked."""
        with self.database.read() as connection:
            return births.read_latest(connection, station)

    def seen(self, station: str, *, received_ms: int) -> None:
        """Note that something signed in the current session came which is neither a batch nor a birth."""
        values = {"of": station, "at": received_ms, "before": received_ms - _SEEN_EVERY_MS}
        with self.database.write() as connection:
            changed = connection.execute(_SEE, values).rowcount == 1
        if changed:
            self.changed()

    def health(self, station: str, sample: dict[str, Any], *, received_ms: int) -> None:
        """Keep a health sample in place of the one before; it is a hint, and proves no presence.

        Raises StationRevokedError.
        """
        with self.database.write() as connection:
            keep_health(connection, station, sample, received_ms=received_ms)
        self.changed()

    def alarm(self, station: str, kind: AlarmKind, detail: str, *, at_ms: int) -> None:
        """Raise an alarm about a station; `detail` carries nothing personal."""
        with self.database.write() as connection:
            lock_station(connection, station)
            write_alarm(connection, station, kind, detail, at_ms=at_ms)
        self.changed()

    def beat(self, worker: str, now_ms: int) -> None:
        """Write that a worker is there; to be repeated every 60 s."""
        with self.database.write() as connection:
            epoch.beat(connection, worker, now_ms)

    def epoch_at_start(self, worker: str, now_ms: int) -> str:
        """Return the epoch for a worker that starts: renewed if no other worker has beaten for 180 s."""
        with self.database.write() as connection:
            return epoch.at_start(connection, worker, now_ms)

    def epoch(self) -> str | None:
        """Return the current epoch; another worker, or a restore, may have renewed it."""
        with self.database.read() as connection:
            return epoch.read(connection)

    def new_epoch(self) -> str:
        """Renew the epoch, after a restore: every station begins a new session and is asked what it keeps."""
        with self.database.write() as connection:
            return epoch.renew(connection)

    def order_key(self, station: str) -> bytes | None:
        """Return the id of the order key that signs for a station, None for the newest."""
        with self.database.read() as connection:
            found: bytes | None = connection.execute(_ORDER_KEY, {"of": station}).scalar()
            return found

    def sign_with_newest(self, station: str) -> None:
        """Sign for a station with the newest order key from here on: it is new, or says that it knows no other."""
        with self.database.write() as connection:
            connection.execute(_SIGN_WITH_NEWEST, {"of": station})

    def has_heard_of(self, station: str) -> bool:
        """Tell whether anything was ever stored of a station, or decided about it."""
        with self.database.read() as connection:
            return connection.execute(_REVOKED, {"of": station}).first() is not None

    def is_revoked(self, station: str) -> bool:
        """Tell whether a station is revoked."""
        with self.database.read() as connection:
            return connection.execute(_REVOKED, {"of": station}).scalar() is not None

    def overview(self, now_ms: int, *, broker_connected: bool = True) -> Overview:
        """Return the city as it stands, worst first."""
        with self._version_lock:
            version = self._version
        with self.database.read() as connection:
            return overview.read_overview(connection, now_ms, version=version, broker_connected=broker_connected)

    def facts(self, now_ms: int) -> list[StationFacts]:
        """Return what `Metrics.expose` shows of the stations."""
        with self.database.read() as connection:
            return overview.read_facts(connection, now_ms)

    def changed(self) -> None:
        """Count a change that was committed in this database, and tell it."""
        with self._version_lock:
            self._version += 1
            version = self._version
        self.on_change(version)

    def _tell(self, station: str, findings: Findings) -> None:
        for event_type, count in findings.unprojected.items():
            self.metrics.unprojected(event_type, count)
        for seconds in findings.acknowledged_s:
            self.metrics.help_acknowledged(station, seconds)
        for test in findings.tested:
            self.on_tested(station, test)
        self.changed()


def _settle(connection: Connection, batch: Batch, ledger: JournalLedger, projection: Projection, home: Any) -> Taken:
    before = ledger.row.standing.cursor
    settled = settle(ledger, batch)
    if settled.verdict == "fork":
        projection.refused(batch)
    else:
        projection.stored(batch, settled, ledger.row, before=before, home=home)
    chain = _chain(connection, ledger.row, settled, batch)
    return Taken(settled, settled.standing, chain, home.session, order_key=home.order_key)


def _taken(connection: Connection, row: JournalRow | None, journal: str) -> Taken:
    if row is None:
        return Taken(Settled("held", Standing()), Standing(), chain_start(journal))
    return Taken(Settled("held", row.standing), row.standing, chain_at_end(connection, row))


def _chain(connection: Connection, row: JournalRow, settled: Settled, batch: Batch) -> bytes:
    """Return the chain at the end of the first stored range, from the batch where that is held and carries it."""
    stored = row.standing.stored
    if settled.verdict != "fork" and stored and batch.first <= stored[0][1] <= batch.last:
        return batch.lines[stored[0][1] - batch.first].chain
    return chain_at_end(connection, row)
