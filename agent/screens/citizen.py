"""The citizen's pages: help and the visit, on a listener of their own, from which no address leads to the duty desk."""

from collections.abc import Callable, Collection

from microdot import Request, Response, redirect
from microdot.microdot import HTTPException

from agent.counter import Counter
from agent.screens.desk import Desk
from agent.screens.forms import PATIENCE_S, TEMPLATES, Patience, event_id_of
from agent.screens.queue_page import QueuePage
from agent.screens.told import told
from agent.screens.visit_pages import VisitPages
from common.identifiers import uuid7
from common.web.pages import Pages
from common.web.server import LocalServer
from common.web.stream import HEARTBEAT_S, Stream


def build_citizen(
    desk: Desk,
    counter: Counter,
    *,
    allowed_hosts: Collection[str],
    wall_ms: Callable[[], int],
    heartbeat_s: float = HEARTBEAT_S,
) -> LocalServer:
    """Return the citizen's web application; `wall_ms` is the wall clock, for the ids of forms."""
    app = LocalServer()
    pages = Pages(app, templates=TEMPLATES, allowed_hosts=allowed_hosts)
    screen = _Screen(desk, counter, pages, Stream(desk.changed, heartbeat_s=heartbeat_s), wall_ms)
    screen.visit.serve(app)
    QueuePage(counter, pages, desk.view).serve(app)
    app.get("/")(screen.page)
    app.get("/live")(screen.live)
    app.get("/events")(screen.events)
    app.post("/help")(screen.help)
    return app


class _Screen:
    """Every route of the citizen's screen; each is a coroutine, since microdot runs plain functions in threads."""

    def __init__(self, desk: Desk, counter: Counter, pages: Pages, stream: Stream, wall_ms: Callable[[], int]) -> None:
        self.visit = VisitPages(counter)
        self._desk = desk
        self._pages = pages
        self._stream = stream
        self._wall_ms = wall_ms
        self._patience = Patience()

    async def page(self, request: Request) -> Response:
        return self._pages.page(request, "citizen.html", **self._values(), event_id=self._new_id())

    async def live(self, request: Request) -> Response:
        return self._pages.fragment(request, "citizen_live.html", **self._values())

    async def events(self, _request: Request) -> Response:
        return self._stream.response()

    async def help(self, request: Request) -> Response:
        # A press is never refused for the shape of its form: without a usable id it rings under a new one.
        try:
            event_id = event_id_of(request)
        except HTTPException:
            event_id = self._new_id()
        await self._patience.started(self._desk.press(event_id), within_s=PATIENCE_S)
        return redirect("/", 303)

    def _new_id(self) -> str:
        return uuid7(wall_ms=self._wall_ms())

    def _values(self) -> dict[str, object]:
        view = self._desk.view()
        return {"view": view, "told": told(view), "new_id": self._new_id} | self.visit.values(view)
