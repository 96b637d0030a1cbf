"""What the books of the duty desk are given alike: patrols, loans, lost and found."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from microdot import Request, Response
from microdot.microdot import HTTPException

from agent.counter import Counter
from agent.database import JournalError
from agent.screens.sign_in_pages import SignInPages
from common.web.pages import Pages


@dataclass(frozen=True, slots=True)
class Book:
    """`common` gives what every page of the desk shows; `done` carries a form out and leads on, or says why not."""

    counter: Counter
    sign_in: SignInPages
    pages: Pages
    common: Callable[[], dict[str, object]]
    done: Callable[[Request, Coroutine[Any, Any, Any], str], Awaitable[Response]]

    def page(self, request: Request, template: str, read: Callable[[], dict[str, object]]) -> Response:
        """Show a page with what `read` finds in the journal."""
        try:
            found = read()
        except JournalError:  # the journal has logged it
            raise HTTPException(500) from None
        when, who = self.counter.shifts.local, self.sign_in.who(request)  # and hear that somebody is there
        return self.pages.page(request, template, **self.common(), **found, when=when, who=who)
