"""The station's pages: the citizen's screen, the duty desk, and `status` as JSON."""

from collections.abc import Callable, Collection
from ipaddress import ip_address
from pathlib import Path

import msgspec
from microdot import Request, Response, redirect
from microdot.microdot import HTTPException

from agent.counter import Counter
from agent.screens.desk import Desk
from agent.screens.forms import Patience, event_id_of, known
from agent.screens.record_pages import RecordPages
from agent.screens.told import open_calls, told
from agent.screens.visit_pages import VisitPages
from common.events import CLOSE_REASONS
from common.identifiers import uuid7
from common.web.pages import Pages, form_of
from common.web.server import LocalServer
from common.web.stream import HEARTBEAT_S, Stream

NOT_TESTED = {
    "call": "not tested: a help call is open; close it first",
    "away": "not tested: the panel cannot be heard",
    "journal": "not tested: the journal cannot be written, or is full",
}
"""Why a panel is not tested now, as the answer says it."""

PATIENCE_S = 0.3
"""How long a submitted form waits for the disk: then the page comes all the same and says what is true."""


def build(
    desk: Desk,
    counter: Counter,
    *,
    allowed_hosts: Collection[str],
    wall_ms: Callable[[], int],
    heartbeat_s: float = HEARTBEAT_S,
) -> LocalServer:
    """Return the station's web application; `wall_ms` is the wall clock, for the ids of forms."""
    app = LocalServer()
    pages = Pages(app, templates=Path(__file__).parent / "templates", allowed_hosts=allowed_hosts)
    screens = _Screens(desk, counter, pages, Stream(desk.changed, heartbeat_s=heartbeat_s), wall_ms)
    screens.visit.serve(app)
    screens.records.serve(app)
    app.get("/")(screens.citizen)
    app.get("/live")(screens.citizen_live)
    app.get("/events")(screens.events)
    app.post("/help")(screens.help)
    app.get("/duty")(screens.duty)
    app.get("/duty/live")(screens.duty_live)
    app.get("/duty/calls")(screens.duty_calls)
    app.post("/duty/calls/<call>/acknowledge")(screens.acknowledge)
    app.post("/duty/calls/<call>/attend")(screens.attend)
    app.post("/duty/calls/<call>/close")(screens.close)
    app.post("/duty/self-test")(screens.self_test)
    app.get("/status.json")(screens.status)
    return app


class _Screens:
    """Every route of the station; each is a coroutine, since microdot runs plain functions in threads."""

    def __init__(self, desk: Desk, counter: Counter, pages: Pages, stream: Stream, wall_ms: Callable[[], int]) -> None:
        self.visit = VisitPages(counter)
        self.records = RecordPages(counter, pages, self._duty_values)
        self._desk = desk
        self._pages = pages
        self._stream = stream
        self._wall_ms = wall_ms
        self._patience = Patience()

    async def citizen(self, request: Request) -> Response:
        return self._pages.page(request, "citizen.html", **self._citizen_values(), event_id=self._new_id())

    async def citizen_live(self, request: Request) -> Response:
        return self._pages.fragment(request, "citizen_live.html", **self._citizen_values())

    async def duty(self, request: Request) -> Response:
        return self._pages.page(request, "duty.html", **self._duty_values(), **self.records.values())

    async def duty_live(self, request: Request) -> Response:
        return self._pages.fragment(request, "duty_live.html", **self._duty_values(), **self.records.values())

    async def duty_calls(self, request: Request) -> Response:
        return self._pages.fragment(request, "duty_calls.html", **self._duty_values())

    async def events(self, _request: Request) -> Response:
        return self._stream.response()

    async def status(self, _request: Request) -> Response:
        body = msgspec.json.encode(self._desk.view())
        return Response(body, headers={"Content-Type": "application/json; charset=utf-8"})

    async def help(self, request: Request) -> Response:
        # A press is never refused for the shape of its form: without a usable id it rings under a new one.
        try:
            event_id = event_id_of(request)
        except HTTPException:
            event_id = self._new_id()
        await self._patience.started(self._desk.press(event_id), within_s=PATIENCE_S)
        return redirect("/", 303)

    async def acknowledge(self, request: Request, call: str) -> Response:
        await self._patience.started(self._desk.acknowledge(known(call), event_id_of(request)), within_s=PATIENCE_S)
        return redirect("/duty", 303)

    async def attend(self, request: Request, call: str) -> Response:
        await self._patience.started(self._desk.attend(known(call), event_id_of(request)), within_s=PATIENCE_S)
        return redirect("/duty", 303)

    async def close(self, request: Request, call: str) -> Response:
        asked = form_of(request).get("reason")
        reason = next((reason for reason in CLOSE_REASONS if reason == asked), None)
        if reason is None:
            raise HTTPException(400, f"reason must be one of {', '.join(CLOSE_REASONS)}")
        await self._patience.started(self._desk.close(known(call), event_id_of(request), reason), within_s=PATIENCE_S)
        return redirect("/duty", 303)

    async def self_test(self, request: Request) -> Response:
        if not ip_address(request.client_addr[0]).is_loopback:
            raise HTTPException(403, "Forbidden")
        refusal = self._desk.self_test(form_of(request).get("device", ""), event_id_of(request))
        if refusal == "unknown":
            raise HTTPException(404)
        if refusal is not None:
            raise HTTPException(409, NOT_TESTED[refusal])
        return redirect("/duty", 303)

    def _new_id(self) -> str:
        return uuid7(wall_ms=self._wall_ms())

    def _citizen_values(self) -> dict[str, object]:
        view = self._desk.view()
        return {"view": view, "told": told(view), "new_id": self._new_id} | self.visit.values(view)

    def _duty_values(self) -> dict[str, object]:
        view = self._desk.view()
        return {"view": view, "calls": open_calls(view), "reasons": CLOSE_REASONS, "new_id": self._new_id}
