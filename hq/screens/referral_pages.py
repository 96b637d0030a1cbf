"""Open referrals on headquarters' pages, those due first. `jingting hq order receipt` says that one was signed for."""

import asyncio
from collections.abc import Callable

from microdot import Microdot, Request, Response

from common.web.pages import Pages
from hq import referrals
from hq.database import Database
from hq.screens.door import Door
from hq.working_days import Calendar


class ReferralPages:
    """The route of `/referrals`."""

    def __init__(
        self, database: Database, door: Door, pages: Pages, calendar: Calendar, wall_ms: Callable[[], int]
    ) -> None:
        self._database = database
        self._door = door
        self._pages = pages
        self._calendar = calendar
        self._wall_ms = wall_ms

    def serve(self, app: Microdot) -> None:
        """Take in the route."""
        app.get("/referrals")(self._door.only("watch", self.all))

    async def all(self, request: Request) -> Response:
        """Show them."""
        found = await asyncio.to_thread(referrals.read, self._database, self._calendar.day(self._wall_ms()))
        return self._pages.page(request, "referrals.html", **self._door.values(request.g.seat), referrals=found)
