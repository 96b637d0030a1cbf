"""The station's pages: the citizen's screen, the duty desk, and `status` as JSON."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import Any

import msgspec
from microdot import Request, Response, redirect
from microdot.microdot import HTTPException

from agent.screens.desk import Desk
from agent.screens.told import open_calls, told
from common.events import CLOSE_REASONS
from common.identifiers import is_identifier, uuid7
from common.web.pages import Pages, form_of
from common.web.server import LocalServer
from common.web.stream import HEARTBEAT_S, Stream

PATIENCE_S = 0.3
"""How long a submitted form waits for the disk: then the page comes all the same and says what is true."""


def build(
    desk: Desk, *, allowed_hosts: Collection[str], wall_ms: Callable[[], int], heartbeat_s: float = HEARTBEAT_S
) -> LocalServer:
    """Return the station's web application; `wall_ms` is the wall clock, for the ids of forms."""
    app = LocalServer()
    pages = Pages(app, templates=Path(__file__).parent / "templates", allowed_hosts=allowed_hosts)
    screens = _Screens(desk, pages, Stream(desk.changed, heartbeat_s=heartbeat_s), wall_ms)
    app.get("/")(screens.citizen)
    app.get("/live")(screens.citizen_live)
    app.get("/events")(screens.events)
    app.post("/help")(screens.help)
    app.get("/duty")(screens.duty)
    app.get("/duty/live")(screens.duty_live)
    app.post("/duty/calls/<call>/acknowledge")(screens.acknowledge)
    app.post("/duty/calls/<call>/attend")(screens.attend)
    app.post("/duty/calls/<call>/close")(screens.close)
    app.get("/status.json")(screens.status)
    return app


class _Screens:
    """Every route of the station; each is a coroutine, since microdot runs plain functions in threads."""

    def __init__(self, desk: Desk, pages: Pages, stream: Stream, wall_ms: Callable[[], int]) -> None:
        self._desk = desk
        self._pages = pages
        self._stream = stream
        self._wall_ms = wall_ms
        self._unfinished: set[asyncio.Task[Any]] = set()

    async def citizen(self, request: Request) -> Response:
        return self._pages.page(request, "citizen.html", **self._citizen_values(), event_id=self._new_id())

    async def citizen_live(self, request: Request) -> Response:
        return self._pages.fragment(request, "citizen_live.html", **self._citizen_values())

    async def duty(self, request: Request) -> Response:
        return self._pages.page(request, "duty.html", **self._duty_values())

    async def duty_live(self, request: Request) -> Response:
        return self._pages.fragment(request, "duty_live.html", **self._duty_values())

    async def events(self, _request: Request) -> Response:
        return self._stream.response()

    async def status(self, _request: Request) -> Response:
        body = msgspec.json.encode(self._desk.view())
        return Response(body, headers={"Content-Type": "application/json; charset=utf-8"})

    async def help(self, request: Request) -> Response:
        # A press is never refused for the shape of its form: without a usable id it rings under a new one.
        try:
            event_id = _event_id(request)
        except HTTPException:
            event_id = self._new_id()
        await self._started(self._desk.press(event_id))
        return redirect("/", 303)

    async def acknowledge(self, request: Request, call: str) -> Response:
        await self._started(self._desk.acknowledge(_known(call), _event_id(request)))
        return redirect("/duty", 303)

    async def attend(self, request: Request, call: str) -> Response:
        await self._started(self._desk.attend(_known(call), _event_id(request)))
        return redirect("/duty", 303)

    async def close(self, request: Request, call: str) -> Response:
        asked = form_of(request).get("reason")
        reason = next((reason for reason in CLOSE_REASONS if reason == asked), None)
        if reason is None:
            raise HTTPException(400, f"reason must be one of {', '.join(CLOSE_REASONS)}")
        await self._started(self._desk.close(_known(call), _event_id(request), reason))
        return redirect("/duty", 303)

    async def _started(self, action: Coroutine[Any, Any, Any]) -> None:
        """Start an action, and wait for its end only a moment: a dead disk must not hold up a page."""
        task = asyncio.ensure_future(action)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        done, _ = await asyncio.wait({task}, timeout=PATIENCE_S)
        if done:
            task.result()

    def _new_id(self) -> str:
        return uuid7(wall_ms=self._wall_ms())

    def _citizen_values(self) -> dict[str, object]:
        view = self._desk.view()
        return {"view": view, "told": told(view)}

    def _duty_values(self) -> dict[str, object]:
        view = self._desk.view()
        return {"view": view, "calls": open_calls(view), "reasons": CLOSE_REASONS, "new_id": self._new_id}


def _known(call: str) -> str:
    if not is_identifier(call):
        raise HTTPException(404)
    return call


def _event_id(request: Request) -> str:
    event_id = form_of(request).get("event_id", "")
    if not is_identifier(event_id):
        raise HTTPException(400, "event_id must be a UUID")
    return event_id
