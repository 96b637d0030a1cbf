"""Headquarters behind its page: reads the overview, gives orders, tells of changes."""

import asyncio
import dataclasses
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST

from common.changes import Changes
from common.clock import Clock
from hq.expiry import Whose, expiring, seconds_left
from hq.link import Link
from hq.ordering import Given, give
from hq.orders import Order, Orders
from hq.station_staff import StationStaff
from hq.store import Store
from hq.view import Health, Overview, SignIn


class Desk:
    """What `hq.screens` asks for; every commit and every change of the link counts as a change."""

    def __init__(
        self,
        store: Store,
        orders: Orders,
        link: Link,
        changes: Changes,
        clock: Clock,
        *,
        certificates: Mapping[Whose, Path],
        enrolled: Callable[[], Collection[str]],
    ) -> None:
        self._store = store
        self._certificates = certificates
        self._enrolled = enrolled
        self._orders = orders
        self._link = link
        self._changes = changes
        self._clock = clock

    async def overview(self) -> Overview:
        """Return the city as it stands now, worst first."""
        version, now, connected = self._changes.version, self._clock.wall_ms(), self._link.connected
        shown = await asyncio.to_thread(self._store.overview, now, broker_connected=connected)
        return dataclasses.replace(shown, version=version, expiring=expiring(self._left(now)))

    async def answer(self, station: str, call: str, event_id: str, by: str) -> bool:
        """Answer a call: an order to its station, durable when this returns."""
        return await asyncio.to_thread(self._orders.answer, station, call, by, event_id)

    async def order(
        self, order: Order, stations: Collection[str] | None, *, by: str, order_id: Callable[[str], str]
    ) -> Given:
        """Give an order to stations, None means all, durable when this returns. Raises UnknownStationsError."""
        return await asyncio.to_thread(self._order, order, stations, by, order_id)

    def staff(self, by: str) -> StationStaff:
        """Return the lists of who may sign in where; `by` stands in the audit."""
        return StationStaff(self._store, self._orders, self._clock.wall_ms, who=by)

    async def changed(self, since: int) -> int:
        """Wait until the version is above `since`."""
        return await self._changes.after(since)

    def health(self) -> Health:
        """Return whether headquarters can do its work."""
        return Health(broker_connected=self._link.connected)

    def signed_in(self, outcome: SignIn) -> None:
        """Count an attempt to sign in."""
        self._store.metrics.signed_in(outcome)

    def metrics(self) -> tuple[bytes, str]:
        """Return what Prometheus scrapes."""
        now = self._clock.wall_ms()
        return self._store.metrics.expose(self._store.facts(now), self._left(now)), CONTENT_TYPE_LATEST

    def _order(self, order: Order, stations: Collection[str] | None, by: str, order_id: Callable[[str], str]) -> Given:
        given = give(
            self._store,
            self._clock,
            order,
            stations=stations,
            enrolled=self._enrolled(),
            who=by,
            order_id=order_id,
        )
        for station in given.stations:
            self._orders.on_append(station)
        return given

    def _left(self, now_ms: int) -> dict[Whose, int]:
        """Return for how many seconds each certificate is good."""
        ends_s = self._link.broker_certificate_ends_s
        return seconds_left(self._certificates, broker_ends_s=ends_s, now_s=now_ms // 1000)
