"""Headquarters' pages: open calls with one-click answers, every station, and the numbers for Prometheus."""

import asyncio
import time
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec
from microdot import Request, Response, redirect
from microdot.microdot import HTTPException

from common.identifiers import is_identifier, uuid7
from common.web.pages import Pages, form_of
from common.web.stream import HEARTBEAT_S, Stream
from hq.accounts import Accounts
from hq.database import Database
from hq.follow_ups import FollowUps
from hq.screens.book_pages import BookPages
from hq.screens.city import city, has_trouble
from hq.screens.desk import Desk
from hq.screens.dispatch_pages import DispatchPages
from hq.screens.door import Door, Doorway
from hq.screens.equipment_pages import EquipmentPages
from hq.screens.figure_pages import FigurePages
from hq.screens.follow_up_pages import FollowUpPages
from hq.screens.order_pages import OrderPages
from hq.screens.papers import Papers
from hq.screens.referral_pages import ReferralPages
from hq.screens.server import AsgiServer
from hq.screens.station_pages import StationPages
from hq.view import is_self_test_wrong
from hq.working_days import Calendar


def build(
    desk: Desk,
    database: Database,
    doorway: Doorway,
    *,
    calendar: Calendar,
    allowed_hosts: Collection[str],
    wall_ms: Callable[[], int],
    stopping: asyncio.Event,
    monotonic: Callable[[], float] = time.monotonic,
    heartbeat_s: float = HEARTBEAT_S,
) -> AsgiServer:
    """Return headquarters' web application, for an ASGI server.

    `calendar` says when a follow-up is due. `wall_ms` is the wall clock, for ids, ages and sessions; `monotonic` counts
    seconds, for guesses at passwords.
    Set `stopping` when the server is asked to stop: it ends the streams that open pages hold, and for which an ASGI
    server would wait.
    """
    app = AsgiServer(secure=doorway.secure)
    pages = Pages(app, templates=Path(__file__).parent / "templates", allowed_hosts=allowed_hosts, proven=True)
    accounts = Accounts(database, wall_ms)
    door = Door(accounts, pages, doorway, wall_ms=wall_ms, monotonic=monotonic, counted=desk.signed_in)
    stream = Stream(desk.changed, heartbeat_s=heartbeat_s, subscribers=128, stopping=stopping)
    follow_ups = FollowUps(database, calendar, wall_ms)
    screens = _Screens(desk, pages, door, follow_ups, stream, wall_ms=wall_ms)
    door.serve(app)
    FollowUpPages(follow_ups, door, pages).serve(app)
    DispatchPages(database, door, pages, zone=calendar.zone).serve(app)
    EquipmentPages(database, door, pages, zone=calendar.zone).serve(app)
    BookPages(database, door, pages, zone=calendar.zone, wall_ms=wall_ms).serve(app)
    OrderPages(desk, database, door, pages, zone=calendar.zone, wall_ms=wall_ms).serve(app)
    StationPages(desk, door, pages, wall_ms=wall_ms).serve(app)
    ReferralPages(database, door, pages, calendar, wall_ms).serve(app)
    FigurePages(database, door, pages, calendar, wall_ms).serve(app)
    Papers(database, accounts, door, pages).serve(app)
    app.get("/")(door.only("watch", screens.city))
    app.get("/live")(door.only("watch", screens.city_live, kind="live"))
    app.get("/events")(door.only("watch", screens.events, kind="data"))
    app.post("/stations/<station>/calls/<call>/answer")(door.only("answer", screens.answer, kind="form"))
    app.get("/overview.json")(door.for_programs_or("watch", screens.overview))
    app.get("/health.json")(door.for_programs(screens.health))
    app.get("/metrics")(door.for_programs(screens.metrics))
    return app


class _Screens:
    """Every route of headquarters; each is a coroutine, since microdot runs plain functions in threads."""

    def __init__(
        self, desk: Desk, pages: Pages, door: Door, follow_ups: FollowUps, stream: Stream, *, wall_ms: Callable[[], int]
    ) -> None:
        self._desk = desk
        self._follow_ups = follow_ups
        self._pages = pages
        self._door = door
        self._stream = stream
        self._wall_ms = wall_ms

    async def city(self, request: Request) -> Response:
        return self._pages.page(request, "city.html", **await self._values(request))

    async def city_live(self, request: Request) -> Response:
        return self._pages.fragment(request, "city_live.html", **await self._values(request))

    async def events(self, request: Request) -> Response:
        seat = request.g.seat  # one browser signs in once for all its pages; an address may be that of many
        return self._stream.response(f"{seat.name} {seat.began_ms}", request.args.get("since", ""))

    async def answer(self, request: Request, station: str, call: str) -> Response:
        event_id = form_of(request).get("event_id", "")
        if not is_identifier(event_id):
            raise HTTPException(400, "event_id must be a UUID")
        if not is_identifier(call):
            raise HTTPException(404)
        await self._desk.answer(station, call, event_id, request.g.seat.name)
        return redirect("/", 303)

    async def overview(self, _request: Request) -> Response:
        return _as_json(await self._desk.overview())

    async def health(self, _request: Request) -> Response:
        return _as_json(self._desk.health())

    async def metrics(self, _request: Request) -> Response:
        body, content_type = self._desk.metrics()
        return Response(body, headers={"Content-Type": content_type})

    async def _values(self, request: Request) -> dict[str, object]:
        overview = await self._desk.overview()
        wall_ms = self._wall_ms()
        seat = self._door.values(request.g.seat)
        return seat | {
            "follow_ups": await self._follow_ups.standing()
            if "follow-up" in self._door.could(request.g.seat)
            else None,
            "overview": overview,
            "city": city(overview, wall_ms=wall_ms),
            "has_trouble": has_trouble,
            "is_self_test_wrong": is_self_test_wrong,
            "new_id": lambda: uuid7(wall_ms=self._wall_ms()),
        }


def _as_json(answer: object) -> Response:
    return Response(msgspec.json.encode(answer), headers={"Content-Type": "application/json; charset=utf-8"})
