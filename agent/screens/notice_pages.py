"""Notices from headquarters at the duty desk: below the dispatches, each read by one key."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from microdot import Microdot, Request, Response

from agent.counter import Counter
from agent.database import JournalError
from agent.screens.forms import event_id_of, known
from agent.screens.sign_in_pages import SignInPages


class NoticePages:
    """The routes below `/duty/notices`. `done` carries a form out and leads on, or says why not."""

    def __init__(
        self,
        counter: Counter,
        sign_in: SignInPages,
        done: Callable[[Request, Coroutine[Any, Any, Any]], Awaitable[Response]],
    ) -> None:
        self._counter = counter
        self._sign_in = sign_in
        self._done = done

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.post("/duty/notices/<notice>/read")(self.read)

    def values(self) -> dict[str, object]:
        """Return what the desk's first page needs, for whoever is signed in; None while the disk cannot be read."""
        try:
            return {"notices": self._counter.notices.all(self._counter.sign_in.present)}
        except JournalError:
            return {"notices": None}

    async def read(self, request: Request, notice: str) -> Response:
        """Note that whoever is there has read it; a late one changes nothing."""
        staff = self._sign_in.who(request)
        return await self._done(request, self._counter.notices.read(known(notice), event_id_of(request), staff=staff))
