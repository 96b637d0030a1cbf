"""Dispatches on headquarters' pages: which were sent where, and how each stands. `/orders` sends."""

import asyncio
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from microdot import Microdot, Request, Response

from common.web.pages import Pages
from hq.database import Database
from hq.dispatches import newest
from hq.screens.door import Door


class DispatchPages:
    """The route of `/dispatches`."""

    def __init__(self, database: Database, door: Door, pages: Pages, *, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone
        self._door = door
        self._pages = pages

    def serve(self, app: Microdot) -> None:
        """Take in the route."""
        app.get("/dispatches")(self._door.only("watch", self.all))

    async def all(self, request: Request) -> Response:
        """Show the newest ones."""
        found = await asyncio.to_thread(newest, self._database)
        seat = self._door.values(request.g.seat)
        return self._pages.page(
            request, "dispatches.html", **seat, dispatches=found, local=partial(local, zone=self._zone)
        )


def local(time: str, zone: ZoneInfo) -> str:
    """Return an RFC 3339 time as the city reads it, an unsure one with its `~`."""
    unsure, moment = time[: time.startswith("~")], time.removeprefix("~")
    try:
        return unsure + datetime.fromisoformat(moment).astimezone(zone).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):  # a station may have sent any digits
        return time
