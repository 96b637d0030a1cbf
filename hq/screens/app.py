"""Headquarters' page: open calls with one-click answers, every station, and the numbers for Prometheus."""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec
from microdot import Request, Response, redirect
from microdot.microdot import HTTPException

from common.identifiers import is_identifier, uuid7
from common.web.pages import Pages, form_of
from common.web.stream import HEARTBEAT_S, Stream
from hq.screens.city import city, has_trouble
from hq.screens.desk import Desk
from hq.screens.server import AsgiServer
from hq.view import is_self_test_wrong

SEAT = "headquarters"
"""Who answers, as long as nobody signs in."""


def build(
    desk: Desk,
    *,
    allowed_hosts: Collection[str],
    wall_ms: Callable[[], int],
    stopping: asyncio.Event,
    heartbeat_s: float = HEARTBEAT_S,
) -> AsgiServer:
    """Return headquarters' web application, for an ASGI server; `wall_ms` is the wall clock, for ids and ages.

    Set `stopping` when the server is asked to stop: it ends the streams that open pages hold, and for which an ASGI
    server would wait.
    """
    app = AsgiServer()
    pages = Pages(app, templates=Path(__file__).parent / "templates", allowed_hosts=allowed_hosts)
    screens = _Screens(desk, pages, Stream(desk.changed, heartbeat_s=heartbeat_s, stopping=stopping), wall_ms)
    app.get("/")(screens.city)
    app.get("/live")(screens.city_live)
    app.get("/events")(screens.events)
    app.post("/stations/<station>/calls/<call>/answer")(screens.answer)
    app.get("/overview.json")(screens.overview)
    app.get("/metrics")(screens.metrics)
    return app


class _Screens:
    """Every route of headquarters; each is a coroutine, since microdot runs plain functions in threads."""

    def __init__(self, desk: Desk, pages: Pages, stream: Stream, wall_ms: Callable[[], int]) -> None:
        self._desk = desk
        self._pages = pages
        self._stream = stream
        self._wall_ms = wall_ms

    async def city(self, request: Request) -> Response:
        return self._pages.page(request, "city.html", **await self._values())

    async def city_live(self, request: Request) -> Response:
        return self._pages.fragment(request, "city_live.html", **await self._values())

    async def events(self, _request: Request) -> Response:
        return self._stream.response()

    async def answer(self, request: Request, station: str, call: str) -> Response:
        event_id = form_of(request).get("event_id", "")
        if not is_identifier(event_id):
            raise HTTPException(400, "event_id must be a UUID")
        if not is_identifier(call):
            raise HTTPException(404)
        await self._desk.answer(station, call, event_id, SEAT)
        return redirect("/", 303)

    async def overview(self, _request: Request) -> Response:
        body = msgspec.json.encode(await self._desk.overview())
        return Response(body, headers={"Content-Type": "application/json; charset=utf-8"})

    async def metrics(self, _request: Request) -> Response:
        body, content_type = self._desk.metrics()
        return Response(body, headers={"Content-Type": content_type})

    async def _values(self) -> dict[str, object]:
        overview = await self._desk.overview()
        wall_ms = self._wall_ms()
        return {
            "overview": overview,
            "seat": SEAT,
            "city": city(overview, wall_ms=wall_ms),
            "has_trouble": has_trouble,
            "is_self_test_wrong": is_self_test_wrong,
            "new_id": lambda: uuid7(wall_ms=self._wall_ms()),
        }
