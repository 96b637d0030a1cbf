"""What headquarters' page needs of headquarters, and nothing more."""

from collections.abc import Callable, Collection
from typing import Protocol

from hq.ordering import Given
from hq.orders import Order
from hq.station_staff import StationStaff
from hq.view import Health, Overview, SignIn


class Desk(Protocol):
    """Headquarters behind the page."""

    async def overview(self) -> Overview:
        """Return the city as it stands now, worst first."""

    async def answer(self, station: str, call: str, event_id: str, by: str) -> bool:
        """Answer a call: an order to its station, durable when this returns.

        `event_id` is the order's id; the same id a second time changes nothing. False: there is no such open call,
        or it has been answered.
        """

    async def order(
        self, order: Order, stations: Collection[str] | None, *, by: str, order_id: Callable[[str], str]
    ) -> Given:
        """Give an order to stations, None means all, durable when this returns; `by` stands in the audit.

        `order_id`: its id for a station; one that was given before is not given again. Raises UnknownStationsError.
        """

    def staff(self, by: str) -> StationStaff:
        """Return the lists of who may sign in where; `by` stands in the audit. Its methods wait for the database."""

    async def changed(self, since: int) -> int:
        """Wait until the overview's version is above `since`, and return it."""

    def health(self) -> Health:
        """Return whether headquarters can do its work, for programs that watch over it."""

    def signed_in(self, outcome: SignIn) -> None:
        """Count somebody's attempt to sign in."""

    def metrics(self) -> tuple[bytes, str]:
        """Return what Prometheus scrapes, and its content type."""
