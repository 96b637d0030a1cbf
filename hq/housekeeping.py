"""Lets headquarters forget what it has had for long enough, a little at a time, while everything else goes on.

It runs in a thread of its own, in one short transaction after the other with a pause in between: a call for help waits
for one at most. Nothing is forgotten while the clock is not to be trusted.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from sqlalchemy import select

from common.clock import Clock
from hq import audit, content, forgetting, retention, tables
from hq.orders import Orders
from hq.patience import Patience
from hq.settings import RetentionSettings
from hq.store import Store

log = logging.getLogger(__name__)

EVERY_S: Final = 6 * 3600.0
"""How long from the end of one sweep to the next."""
_PAUSE_S: Final = 0.05
_BREATH_S: Final = 0.005
_DAY_MS: Final = 24 * 3600 * 1000
_NOT_TRUSTED: Final = "not synchronised: nothing is forgotten until it is"
_WHO: Final = "headquarters, by age"
_BY_HEADERS: Final[tuple[forgetting.Kind, ...]] = (
    "calls",
    "follow_ups",
    "dispatch_steps",
    "notice_reads",
    "books",
    "shelved_alarms",
    "refused_lines",
)
_BY_AUDIT: Final[tuple[forgetting.Kind, ...]] = ("ids", "record_ids")

_STATIONS = select(tables.stations.c.station).order_by(tables.stations.c.station)
_JOURNALS = select(tables.journals.c.id, tables.journals.c.station).order_by(tables.journals.c.id)


class Housekeeping:
    """Headquarters' housekeeping; keep `run()` alive on a loop that may wait for the database."""

    def __init__(self, store: Store, orders: Orders, clock: Clock, settings: RetentionSettings) -> None:
        self._store = store
        self._orders = orders
        self._clock = clock
        self._trusted = True
        self._header_ms = settings.header_days * _DAY_MS
        self._audit_ms = settings.audit_days * _DAY_MS

    async def run(self) -> None:
        """Sweep now and then, for ever."""
        sweep = Patience(lambda: None).over(self.sweep)
        while True:
            await sweep()
            await asyncio.sleep(EVERY_S)

    async def sweep(self, *, pause_s: float = _PAUSE_S) -> None:
        """Forget what is due, with a pause after each transaction that forgot something. Raises FAILURES."""
        if self._clock.trusted() != self._trusted:
            self._trusted = not self._trusted
            log.warning("The clock is %s.", "synchronised again" if self._trusted else _NOT_TRUSTED)
        if not self._trusted:
            return
        for what, forget in self._jobs(self._clock.wall_ms()):
            while count := forget():
                self._store.metrics.forgot(what, count)
                await asyncio.sleep(pause_s)
            await asyncio.sleep(min(pause_s, _BREATH_S))  # it may have written down that nothing is due yet
        self._store.database.tidy()

    def _jobs(self, now_ms: int) -> Iterator[tuple[str, Callable[[], int]]]:
        """Yield what there is to do, the lines first: a record's sealed ones are put beside until it goes itself."""
        database = self._store.database
        before, ids_before = now_ms - self._header_ms, now_ms - self._audit_ms
        with database.read() as connection:
            stations = list(connection.execute(_STATIONS).scalars())
            journals = connection.execute(_JOURNALS).all()
        for journal, station in journals:
            yield "lines", self._lines(station, journal, now_ms)
        for station in stations:
            yield "records", partial(forgetting.forget_records, database, station, before_ms=before, now_ms=now_ms)
            for kind in _BY_HEADERS:
                yield kind, partial(forgetting.forget, database, station, kind, before_ms=before)
            for kind in _BY_AUDIT:
                yield kind, partial(forgetting.forget, database, station, kind, before_ms=ids_before)
            yield "orders", partial(forgetting.forget_orders, database, station, before_ms=before, now_ms=now_ms)
            forgetting.renew_orders(database, self._orders, station, before_ms=before)
            yield "order_lines", partial(forgetting.forget_order_lines, database, station, before_ms=before)
            yield "keys", partial(forgetting.forget_keys, database, station, before_ms=before)
        yield "content", partial(self._content, before, now_ms)
        yield "audit", partial(self._audit, now_ms)

    def _lines(self, station: str, journal: int, now_ms: int) -> Callable[[], int]:
        above = 0

        def forget() -> int:
            nonlocal above
            with self._store.database.write() as connection:
                forgotten = retention.forget_lines(
                    connection,
                    station,
                    journal,
                    above=above,
                    now_ms=now_ms,
                    age_ms=self._header_ms,
                    zone=self._store.zone,
                )
            above = forgotten.last
            return forgotten.lines

        return forget

    def _content(self, before_ms: int, now_ms: int) -> int:
        with self._store.database.write() as connection:
            return content.forget(connection, before_ms=before_ms, now_ms=now_ms)

    def _audit(self, now_ms: int) -> int:
        with self._store.database.write() as connection:
            return audit.forget(connection, before_ms=now_ms - self._audit_ms, who=_WHO, at_ms=now_ms)
