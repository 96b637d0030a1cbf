"""Lost and found at the duty desk: what is kept here, what went, and one form for what is handed in."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, cast, get_args

from microdot import Microdot, Request, Response
from microdot.microdot import HTTPException

from agent.counter import Counter
from agent.database import JournalError
from agent.found import Typed
from agent.screens.forms import event_id_of, known
from agent.screens.sign_in_pages import SignInPages
from agent.whereabouts import MOST
from common.found import LONGEST, NEXT, Step
from common.web.pages import Pages, form_of

_STEPS: Final = get_args(Step)
_HERE: Final = "/duty/found"


class FoundPages:
    """The routes below `/duty/found`. `common` gives what every page of the desk shows.

    `done` carries a form out and leads on, or says why not.
    """

    def __init__(
        self,
        counter: Counter,
        sign_in: SignInPages,
        pages: Pages,
        common: Callable[[], dict[str, object]],
        done: Callable[[Request, Coroutine[Any, Any, Any], str], Awaitable[Response]],
    ) -> None:
        self._counter = counter
        self._sign_in = sign_in
        self._pages = pages
        self._common = common
        self._done = done

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.get(_HERE)(self.book)
        app.post(_HERE)(self.keep)
        app.post(f"{_HERE}/<found>/<step>")(self.end)

    async def book(self, request: Request) -> Response:
        """Show what is kept, and what went."""
        found = self._counter.found
        try:
            kept, over = found.kept(), found.over()
        except JournalError:
            raise HTTPException(500) from None
        return self._pages.page(
            request,
            "duty_found.html",
            **self._common(),
            kept=kept,
            over=over,
            categories=found.things.found,
            steps=NEXT["kept"],
            spots=found.spots()[:MOST],
            longest=LONGEST,
            when=self._counter.shifts.local,
            who=self._sign_in.who(request),  # and hear that somebody is there
        )

    async def keep(self, request: Request) -> Response:
        """Note something that was handed in."""
        form = form_of(request)
        typed = Typed(**{name: form.get(name, "") for name in ("category", "shelf", "where", "note")})
        keeping = self._counter.found.keep(event_id_of(request), typed, staff=self._sign_in.who(request))
        return await self._done(request, keeping, _HERE)

    async def end(self, request: Request, found: str, step: str) -> Response:
        """Take a step; a late one changes nothing, and the page shows what is true."""
        if step not in _STEPS:
            raise HTTPException(404)
        ending = self._counter.found.end(
            known(found),
            cast("Step", step),
            event_id_of(request),
            reference=form_of(request).get("reference", ""),
            staff=self._sign_in.who(request),
        )
        return await self._done(request, ending, _HERE)
