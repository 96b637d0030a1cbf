"""Dispatches on headquarters' pages: which were sent where, and how each stands. `jingting hq order dispatch` sends."""

import asyncio

from microdot import Microdot, Request, Response

from common.web.pages import Pages
from hq.database import Database
from hq.dispatches import newest
from hq.screens.door import Door


class DispatchPages:
    """The route of `/dispatches`."""

    def __init__(self, database: Database, door: Door, pages: Pages) -> None:
        self._database = database
        self._door = door
        self._pages = pages

    def serve(self, app: Microdot) -> None:
        """Take in the route."""
        app.get("/dispatches")(self._door.only("watch", self.all))

    async def all(self, request: Request) -> Response:
        """Show the newest ones."""
        found = await asyncio.to_thread(newest, self._database)
        return self._pages.page(request, "dispatches.html", **self._door.values(request.g.seat), dispatches=found)
