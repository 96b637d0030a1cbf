"""The citizen's visit at the screen: every page of it stands at `/`, so that Back shows nothing of one that is over."""

from collections.abc import Coroutine
from typing import Any, Final

from microdot import Microdot, Request, Response, redirect

from agent.counter import Counter
from agent.database import JournalError
from agent.queue import Place
from agent.screens.forms import Patience, event_id_of
from agent.screens.shown import Shown
from agent.view import StationView
from common.web.pages import form_of

CONFIRM_S: Final = 2.0
"""How long a confirm waits for the disk; after that the page comes, and learns of it when it is done."""


class VisitPages:
    """The forms of a visit; each names it by the event id that it carries."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._visits = counter.visits
        self._patience = Patience()

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.post("/visit")(self.begin)
        app.post("/visit/<action>")(self.act)

    def shown(self) -> Shown:
        """Return the page of the visit of now."""
        return Shown("citizen_visit.html")

    def values(self, view: StationView) -> dict[str, object]:
        """Return what the citizen's templates need of the visit and of the services."""
        catalogue = self._counter.records.catalogue
        visit = self._visits.view()
        readers = [device.state for device in view.devices if device.kind in ("card_reader", "passport_reader")]
        return {
            "visit": visit,
            "home": [catalogue.services[code] for code in catalogue.home],
            "can_read": "ready" in readers,
            "place": None if visit is None or visit.page != "ticket" else self._place(visit.id),
            "can_record": view.journal_ok and not view.journal_full,
        }

    async def begin(self, request: Request) -> Response:
        """Begin a visit for the service whose tile was tapped."""
        visit = event_id_of(request)
        await self._try(self._begin(visit, form_of(request).get("service", "")))
        return redirect("/", 303)

    async def act(self, request: Request, action: str) -> Response:
        """Take one step of a visit; a late one changes nothing, and the page shows what is true."""
        visit = event_id_of(request)
        match action:
            case "answer":
                form = form_of(request)
                self._visits.answer(visit, form.get("question", ""), form.get("answer", ""))
            case "agree":
                self._visits.agree(visit)
            case "without":
                self._visits.go_without(visit)
            case "phone":
                self._visits.ask_phone(visit)
            case "key":
                self._visits.key(visit, form_of(request).get("key", ""))
            case "keep-phone":
                self._visits.keep_phone(visit)
            case "stay":
                self._visits.touch(visit)
            case "end":
                self._visits.end(visit)
            case "confirm":
                await self._try(self._visits.confirm(visit))
            case _:
                return Response("", 404)
        return redirect("/", 303)

    def _place(self, record: str) -> Place | None:
        try:
            return self._counter.queue.place(record)
        except JournalError:
            return None  # the number was shown, and stands

    async def _begin(self, visit: str, service: str) -> None:
        self._visits.begin(visit, service)

    async def _try(self, action: Coroutine[Any, Any, Any]) -> None:
        """Do what the page then shows as done or not: what a disk refuses, the journal has logged."""
        try:
            await self._patience.started(action, within_s=CONFIRM_S)
        except JournalError:
            return
