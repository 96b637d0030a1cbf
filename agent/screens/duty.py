"""The duty desk's pages, and `status` as JSON: on a listener that the citizen's browser has no address of."""

from collections.abc import Callable, Collection
from ipaddress import ip_address
from typing import Final

import msgspec
from microdot import Request, Response, redirect
from microdot.microdot import HTTPException

from agent.counter import Counter
from agent.screens.alarm_pages import AlarmPages
from agent.screens.attendance_pages import AttendancePages
from agent.screens.board import Board
from agent.screens.book import Book
from agent.screens.desk import Desk
from agent.screens.dispatch_pages import DispatchPages
from agent.screens.figure_pages import FigurePages
from agent.screens.forms import PATIENCE_S, TEMPLATES, Patience, event_id_of, known
from agent.screens.found_pages import FoundPages
from agent.screens.handover_pages import HandoverPages
from agent.screens.loan_pages import LoanPages
from agent.screens.notice_pages import NoticePages
from agent.screens.patrol_pages import PatrolPages
from agent.screens.record_pages import RecordPages
from agent.screens.sign_in_pages import SignInPages
from agent.screens.told import open_calls
from common.events.calls import CLOSE_REASONS
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

COOKIE: Final = "duty_lang"
"""Remembers the desk's language: cookies know no ports (RFC 6265, section 8.5), and the citizen's choice is another."""


def build_duty(
    desk: Desk,
    counter: Counter,
    *,
    allowed_hosts: Collection[str],
    wall_ms: Callable[[], int],
    heartbeat_s: float = HEARTBEAT_S,
) -> LocalServer:
    """Return the duty desk's web application; `wall_ms` is the wall clock, for the ids of forms."""
    app = LocalServer()
    pages = Pages(app, templates=TEMPLATES, allowed_hosts=allowed_hosts, cookie=COOKIE, linked=False)
    screen = _Screen(desk, counter, pages, Stream(desk.changed, heartbeat_s=heartbeat_s), wall_ms)
    screen.sign_in.serve(app)
    screen.records.serve(app)
    screen.handovers.serve(app)
    screen.dispatches.serve(app)
    screen.figures.serve(app)
    screen.attendance.serve(app)
    screen.notices.serve(app)
    for book in (screen.patrols, screen.loans, screen.found, screen.alarms):
        book.serve(app)
    app.get("/")(screen.first)
    app.get("/events")(screen.events)
    app.get("/duty")(screen.page)
    app.get("/duty/live")(screen.live)
    app.get("/duty/calls")(screen.calls)
    app.post("/duty/calls/<call>/acknowledge")(screen.acknowledge)
    app.post("/duty/calls/<call>/attend")(screen.attend)
    app.post("/duty/calls/<call>/close")(screen.close)
    app.post("/duty/self-test")(screen.self_test)
    app.get("/status.json")(screen.status)
    return app


class _Screen:
    """Every route of the duty desk; each is a coroutine, since microdot runs plain functions in threads."""

    def __init__(self, desk: Desk, counter: Counter, pages: Pages, stream: Stream, wall_ms: Callable[[], int]) -> None:
        self.sign_in = SignInPages(counter.sign_in, pages, self._values)
        self.records = RecordPages(counter, self.sign_in, pages, self._values)
        self.handovers = HandoverPages(counter, self.sign_in, pages, self._values)
        self.figures = FigurePages(counter, pages, self._values)
        self.dispatches = DispatchPages(
            counter, self.sign_in, lambda request, taking: self.records.done(request, taking, "/duty")
        )
        self.attendance = AttendancePages(
            counter.attendance, self.sign_in, lambda request, saying: self.records.done(request, saying, "/duty")
        )
        self.notices = NoticePages(
            counter, self.sign_in, lambda request, reading: self.records.done(request, reading, "/duty")
        )
        book = Book(counter, self.sign_in, pages, self._values, self.records.done)
        self.patrols, self.loans, self.found = PatrolPages(book), LoanPages(book), FoundPages(book)
        self.alarms = AlarmPages(counter, self.sign_in, pages, self._values)
        self._board = Board(counter)
        self._desk = desk
        self._counter = counter
        self._pages = pages
        self._stream = stream
        self._wall_ms = wall_ms
        self._patience = Patience()

    async def first(self, _request: Request) -> Response:
        return redirect("/duty", 303)

    async def page(self, request: Request) -> Response:
        return self._pages.page(request, "duty.html", **self._values(), **self._work(request))

    async def live(self, request: Request) -> Response:
        return self._pages.fragment(request, "duty_live.html", **self._values(), **self._work(request))

    async def calls(self, request: Request) -> Response:
        return self._pages.fragment(request, "duty_calls.html", **self._values())

    async def events(self, request: Request) -> Response:
        return self._stream.response(request.client_addr[0], request.args.get("since", ""))

    async def status(self, _request: Request) -> Response:
        body = msgspec.json.encode(self._desk.view())
        return Response(body, headers={"Content-Type": "application/json; charset=utf-8"})

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

    def _work(self, request: Request) -> dict[str, object]:
        return self._board.values(request) | self.dispatches.values() | self.notices.values() | self.alarms.values()

    def _values(self) -> dict[str, object]:
        view = self._desk.view()
        return {
            "view": view,
            "calls": open_calls(view),
            "reasons": CLOSE_REASONS,
            "present": self._counter.sign_in.present,
            "new_id": lambda: uuid7(wall_ms=self._wall_ms()),
        }
