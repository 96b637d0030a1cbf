"""Loans at the duty desk: what is out, what came back, and one form for what goes."""

from typing import Final, cast, get_args

from microdot import Microdot, Request, Response
from microdot.microdot import HTTPException

from agent.screens.book import Book
from agent.screens.forms import event_id_of, known
from common.loan import NEXT, Step
from common.web.pages import form_of

_STEPS: Final = get_args(Step)
_HERE: Final = "/duty/loans"


class LoanPages:
    """The routes below `/duty/loans`."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.get(_HERE)(self.book)
        app.post(_HERE)(self.begin)
        app.post(f"{_HERE}/<loan>/<step>")(self.end)

    async def book(self, request: Request) -> Response:
        """Show what is out, and what was."""
        loans = self._book.counter.loans
        return self._book.page(
            request,
            "duty_loans.html",
            lambda: {"out": loans.out(), "over": loans.over(), "things": loans.things.lent, "steps": NEXT},
        )

    async def begin(self, request: Request) -> Response:
        """Note that something goes out."""
        form = form_of(request)
        lending = self._book.counter.loans.begin(
            event_id_of(request),
            form.get("thing", ""),
            form.get("number", ""),
            form.get("record", ""),
            staff=self._book.sign_in.who(request),
        )
        return await self._book.done(request, lending, _HERE)

    async def end(self, request: Request, loan: str, step: str) -> Response:
        """Take a step; a late one changes nothing, and the page shows what is true."""
        if step not in _STEPS:
            raise HTTPException(404)
        staff = self._book.sign_in.who(request)
        ending = self._book.counter.loans.end(known(loan), cast("Step", step), event_id_of(request), staff=staff)
        return await self._book.done(request, ending, _HERE)
