"""Lost and found at the duty desk: what is kept here, what went, and one form for what is handed in."""

from typing import Final, cast, get_args

from microdot import Microdot, Request, Response
from microdot.microdot import HTTPException

from agent.found import Typed
from agent.screens.book import Book
from agent.screens.forms import event_id_of, known
from agent.whereabouts import MOST
from common.found import LONGEST, NEXT, Step
from common.web.pages import form_of

_STEPS: Final = get_args(Step)
_HERE: Final = "/duty/found"


class FoundPages:
    """The routes below `/duty/found`."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.get(_HERE)(self.book)
        app.post(_HERE)(self.keep)
        app.post(f"{_HERE}/<found>/<step>")(self.end)

    async def book(self, request: Request) -> Response:
        """Show what is kept, and what went."""
        found = self._book.counter.found
        return self._book.page(
            request,
            "duty_found.html",
            lambda: {
                "kept": found.kept(),
                "over": found.over(),
                "categories": found.things.found,
                "steps": NEXT["kept"],
                "spots": found.spots()[:MOST],
                "longest": LONGEST,
            },
        )

    async def keep(self, request: Request) -> Response:
        """Note something that was handed in."""
        form = form_of(request)
        typed = Typed(**{name: form.get(name, "") for name in ("category", "shelf", "where", "note")})
        keeping = self._book.counter.found.keep(event_id_of(request), typed, staff=self._book.sign_in.who(request))
        return await self._book.done(request, keeping, _HERE)

    async def end(self, request: Request, found: str, step: str) -> Response:
        """Take a step; a late one changes nothing, and the page shows what is true."""
        if step not in _STEPS:
            raise HTTPException(404)
        ending = self._book.counter.found.end(
            known(found),
            cast("Step", step),
            event_id_of(request),
            reference=form_of(request).get("reference", ""),
            staff=self._book.sign_in.who(request),
        )
        return await self._book.done(request, ending, _HERE)
