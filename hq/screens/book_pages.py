"""The books of the desks on headquarters' pages: who is on patrol, what is lent, what was found and is kept."""

import asyncio
from collections.abc import Callable
from functools import partial
from zoneinfo import ZoneInfo

from microdot import Microdot, Request, Response

from common import things
from common.web.pages import Pages
from hq import books
from hq.database import Database
from hq.screens.dispatch_pages import local
from hq.screens.door import Door


class BookPages:
    """The route of `/books`."""

    def __init__(
        self, database: Database, door: Door, pages: Pages, *, zone: ZoneInfo, wall_ms: Callable[[], int]
    ) -> None:
        self._database = database
        self._door = door
        self._pages = pages
        self._zone = zone
        self._wall_ms = wall_ms
        # A city's own codes, which its stations alone know the names of, are shown as they are.
        self._names = things.load()

    def serve(self, app: Microdot) -> None:
        """Take in the route."""
        app.get("/books")(self._door.only("watch", self.all))

    async def all(self, request: Request) -> Response:
        """Show what is open, overdue entries first."""
        found = await asyncio.to_thread(books.read, self._database, self._wall_ms())
        return self._pages.page(
            request,
            "books.html",
            **self._door.values(request.g.seat),
            books=found,
            names={"loan": self._names.lent, "found": self._names.found},
            local=partial(local, zone=self._zone),
        )
