"""Loans at the duty desk: what is out, what came back, and one form for what goes."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, cast, get_args

from microdot import Microdot, Request, Response
from microdot.microdot import HTTPException

from agent.counter import Counter
from agent.database import JournalError
from agent.screens.forms import event_id_of, known
from agent.screens.sign_in_pages import SignInPages
from common.loan import NEXT, Step
from common.web.pages import Pages, form_of

_STEPS: Final = get_args(Step)
_HERE: Final = "/duty/loans"


class LoanPages:
    """The routes below `/duty/loans`. `common` gives what every page of the desk shows.

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
        app.post(_HERE)(self.begin)
        app.post(f"{_HERE}/<loan>/<step>")(self.end)

    async def book(self, request: Request) -> Response:
        """Show what is out, and what was."""
        loans = self._counter.loans
        try:
            out, over = loans.out(), loans.over()
        except JournalError:
            raise HTTPException(500) from None
        return self._pages.page(
            request,
            "duty_loans.html",
            **self._common(),
            out=out,
            over=over,
            things=loans.things.lent,
            steps=NEXT,
            when=self._counter.shifts.local,
            who=self._sign_in.who(request),  # and hear that somebody is there
        )

    async def begin(self, request: Request) -> Response:
        """Note that something goes out."""
        form = form_of(request)
        lending = self._counter.loans.begin(
            event_id_of(request),
            form.get("thing", ""),
            form.get("number", ""),
            form.get("record", ""),
            staff=self._sign_in.who(request),
        )
        return await self._done(request, lending, _HERE)

    async def end(self, request: Request, loan: str, step: str) -> Response:
        """Take a step; a late one changes nothing, and the page shows what is true."""
        if step not in _STEPS:
            raise HTTPException(404)
        staff = self._sign_in.who(request)
        ending = self._counter.loans.end(known(loan), cast("Step", step), event_id_of(request), staff=staff)
        return await self._done(request, ending, _HERE)
