"""Dispatches at the duty desk: one button for the next step of each."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, cast, get_args

from microdot import Microdot, Request, Response
from microdot.microdot import HTTPException

from agent.counter import Counter
from agent.database import JournalError
from agent.screens.forms import event_id_of, known
from agent.screens.sign_in_pages import SignInPages
from common.catalogue import Service
from common.dispatch import RESULTS, Step
from common.web.pages import form_of

_STEPS: Final = get_args(Step)


class DispatchPages:
    """The routes below `/duty/dispatches`. `done` carries a form out and leads on, or says why not."""

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
        app.post("/duty/dispatches/<order>/<step>")(self.step)

    def values(self) -> dict[str, object]:
        """Return what the desk's first page needs; None while the disk cannot be read."""
        try:
            found = self._counter.dispatches.open_ones()
        except JournalError:
            return {"dispatches": None, "results": RESULTS}
        return {"dispatches": [(one, self._service(one.service)) for one in found], "results": RESULTS}

    async def step(self, request: Request, order: str, step: str) -> Response:
        """Take the next step of a dispatch; a late one changes nothing, and the page shows what is true."""
        if step not in _STEPS:
            raise HTTPException(404)
        result = form_of(request).get("result")
        if result is not None and result not in RESULTS:
            raise HTTPException(400, f"result must be one of {', '.join(RESULTS)}")
        taking = self._counter.dispatches.step(
            known(order),
            cast("Step", step),
            event_id_of(request),
            staff=self._sign_in.who(request),
            result=result,
        )
        return await self._done(request, taking)

    def _service(self, code: str) -> Service | None:
        return self._counter.records.catalogue.services.get(code)
