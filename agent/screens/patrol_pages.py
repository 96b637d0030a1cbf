"""The visit log of patrols at the duty desk: who is out, who was, and one form for going."""

import uuid
from typing import Final, cast, get_args

from microdot import Microdot, Request, Response
from microdot.microdot import HTTPException

from agent.attendance import Attendance
from agent.patrols import Patrols, Typed
from agent.screens.attendance_pages import leaves
from agent.screens.book import Book
from agent.screens.forms import event_id_of, known
from agent.whereabouts import MOST
from common.patrol import PURPOSES, Step
from common.web.pages import form_of

_STEPS: Final = get_args(Step)
_HERE: Final = "/duty/patrols"


class PatrolPages:
    """The routes below `/duty/patrols`."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.get(_HERE)(self.log)
        app.post(_HERE)(self.begin)
        app.post(f"{_HERE}/<patrol>/<step>")(self.end)

    async def log(self, request: Request) -> Response:
        """Show who is out, and who was."""
        patrols = self._book.counter.patrols
        return self._book.page(
            request,
            "duty_patrols.html",
            lambda: {
                "out": patrols.out(),
                "over": patrols.over(),
                "spots": patrols.spots()[:MOST],
                "purposes": PURPOSES,
            },
        )

    async def begin(self, request: Request) -> Response:
        """Note that somebody goes; and that nobody stays, where the form says so."""
        form = form_of(request)
        event_id, staff = event_id_of(request), self._book.sign_in.who(request)
        typed = Typed(
            where=form.get("where", ""),
            purpose=form.get("purpose", ""),
            out=form.get("out", ""),
            back=form.get("back", "") if form.get("as") == "over" else None,
        )
        if form.get("as") != "everybody":
            return await self._book.done(request, self._book.counter.patrols.begin(event_id, typed, staff=staff), _HERE)
        leaves(request)
        return await self._book.done(
            request,
            _begin_and_leave(self._book.counter.patrols, self._book.counter.attendance, event_id, typed, staff),
            "/duty",
        )

    async def end(self, request: Request, patrol: str, step: str) -> Response:
        """Note that they are back, or that it was a mistake; a late one changes nothing."""
        if step not in _STEPS:
            raise HTTPException(404)
        staff = self._book.sign_in.who(request)
        ending = self._book.counter.patrols.end(known(patrol), cast("Step", step), event_id_of(request), staff=staff)
        return await self._book.done(request, ending, _HERE)


async def _begin_and_leave(
    patrols: Patrols, attendance: Attendance, event_id: str, typed: Typed, staff: str | None
) -> None:
    await patrols.begin(event_id, typed, staff=staff)
    # The same form again must not let them leave again.
    await attendance.left(str(uuid.uuid5(uuid.UUID(event_id), "everybody leaves")), staff=staff)
