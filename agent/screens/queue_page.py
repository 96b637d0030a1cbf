"""The waiting room's display: numbers and no names, in all languages at once, for a screen that nobody touches."""

from collections.abc import Callable

from microdot import Microdot, Request, Response

from agent.counter import Counter
from agent.database import JournalError
from agent.view import StationView
from common.web.pages import Pages


class QueuePage:
    """The routes of `/queue`, on the citizen's listener."""

    def __init__(self, counter: Counter, pages: Pages, view: Callable[[], StationView]) -> None:
        self._counter = counter
        self._pages = pages
        self._view = view

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.get("/queue")(self.page)
        app.get("/queue/live")(self.live)

    async def page(self, request: Request) -> Response:
        """Show who is called, who is being served, and who comes next."""
        return self._pages.page(request, "queue.html", **self._values())

    async def live(self, request: Request) -> Response:
        """Show the part of it that changes."""
        return self._pages.fragment(request, "queue_live.html", **self._values())

    def _values(self) -> dict[str, object]:
        try:
            queue = self._counter.queue.view()
        except JournalError:
            queue = None
        return {"view": self._view(), "queue": queue, "N_": str, "both": self._pages.both}
