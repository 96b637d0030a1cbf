"""Orders given on headquarters' pages: a dispatch, a notice; and who has read the notices.

Each form carries an id from which its orders' ids follow: submitted again, it orders nothing again.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from zoneinfo import ZoneInfo

from microdot import Microdot, Request, Response, redirect
from microdot.microdot import HTTPException

from common.identifiers import is_identifier, uuid7
from common.notice import LONGEST, MOST_DAYS
from common.web.pages import Pages, form_of
from hq import notices, order_forms
from hq.database import Database
from hq.order_forms import MOST_MINUTES, Problem, WrongOrderError
from hq.ordering import UnknownStationsError, order_id
from hq.screens.desk import Desk
from hq.screens.dispatch_pages import local
from hq.screens.door import Door


class OrderPages:
    """The routes of `/orders` and `/notices`."""

    def __init__(
        self, desk: Desk, database: Database, door: Door, pages: Pages, *, zone: ZoneInfo, wall_ms: Callable[[], int]
    ) -> None:
        self._desk = desk
        self._database = database
        self._door = door
        self._pages = pages
        self._zone = zone
        self._wall_ms = wall_ms

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.get("/orders")(self._door.only("order", self.ask))
        app.post("/orders/dispatch")(self._door.only("order", self.dispatch, kind="form"))
        app.post("/orders/notice")(self._door.only("order", self.notice, kind="form"))
        app.get("/notices")(self._door.only("watch", self.read))

    async def ask(self, request: Request) -> Response:
        """Show both forms."""
        return await self._forms(request)

    async def dispatch(self, request: Request) -> Response:
        """Send somebody, or say what is wrong with the form."""
        form, order_id = form_of(request), _id_of(request)
        try:
            station, order = order_forms.dispatch(form, self._wall_ms())
            await self._desk.order(order, (station,), by=_by(request), order_id=lambda _station: order_id)
        except WrongOrderError as error:
            return await self._forms(request, "dispatch", form, error.mistakes)
        except UnknownStationsError:
            return await self._forms(request, "dispatch", form, {"station": "unknown"})
        return redirect("/dispatches", 303)

    async def notice(self, request: Request) -> Response:
        """Tell desks a few words, or say what is wrong with the form."""
        form, notice_id = form_of(request), _id_of(request)
        try:
            stations, order = order_forms.notice_to(form, notice_id, self._wall_ms())
            await self._desk.order(
                order, stations, by=_by(request), order_id=lambda station: order_id(notice_id, station)
            )
        except WrongOrderError as error:
            return await self._forms(request, "notice", form, error.mistakes)
        except UnknownStationsError:
            return await self._forms(request, "notice", form, {"stations": "unknown"})
        return redirect("/notices", 303)

    async def read(self, request: Request) -> Response:
        """Show the newest notices, and who has read them."""
        found = await asyncio.to_thread(notices.newest, self._database)
        return self._pages.page(
            request,
            "notices.html",
            **self._door.values(request.g.seat),
            notices=found,
            local=partial(local, zone=self._zone),
        )

    async def _forms(
        self,
        request: Request,
        which: str = "",
        typed: Mapping[str, str] | None = None,
        mistakes: Mapping[str, Problem] | None = None,
    ) -> Response:
        wrong = dict(mistakes or {})
        # What looks like somebody's number is not sent back to stand on a screen.
        kept = {name: text for name, text in (typed or {}).items() if wrong.get(name) != "personal"}
        overview = await self._desk.overview()
        response = self._pages.page(
            request,
            "orders.html",
            **self._door.values(request.g.seat),
            stations=[row.station for row in overview.stations if not row.revoked],
            typed={"dispatch": {}, "notice": {}} | {which: kept},
            wrong={"dispatch": {}, "notice": {}} | {which: wrong},
            new_id=lambda: uuid7(wall_ms=self._wall_ms()),
            longest=LONGEST,
            most_days=MOST_DAYS,
            most_minutes=MOST_MINUTES,
        )
        if wrong:
            response.status_code = 400
        return response


def _id_of(request: Request) -> str:
    event_id = form_of(request).get("event_id", "")
    if not is_identifier(event_id):
        raise HTTPException(400, "event_id must be a UUID")
    return event_id


def _by(request: Request) -> str:
    return f"{request.g.seat.name} at the pages"
