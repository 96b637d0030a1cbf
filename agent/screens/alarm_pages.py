"""Alarms of the station's equipment at the duty desk, apart from calls for help: what stands, and the shelf."""

from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal, get_args

from microdot import Microdot, Request, Response, redirect
from microdot.microdot import HTTPException

from agent.alarm_shelf import Listed
from agent.counter import Counter
from agent.equipment_alarms import Key
from agent.handover import LONGEST, NotTakenError
from agent.screens.forms import NotSavedError, Patience, event_id_of, known
from agent.screens.sign_in_pages import SignInPages
from common.events.equipment import EquipmentAlarm
from common.web.pages import Pages, form_of

HERE: Final = "/duty/alarms"
"""Where they are."""


class AlarmPages:
    """The routes below `/duty/alarms`. `common` gives what every page of the desk shows."""

    def __init__(
        self, counter: Counter, sign_in: SignInPages, pages: Pages, common: Callable[[], dict[str, object]]
    ) -> None:
        self._counter = counter
        self._sign_in = sign_in
        self._pages = pages
        self._common = common
        self._patience = Patience()

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.get(HERE)(self.all)
        app.get(f"{HERE}/shelve")(self.ask)
        app.post(f"{HERE}/shelve")(self.shelve)
        app.post(f"{HERE}/shelf/<shelf>/return")(self.take_back)

    def values(self) -> dict[str, object]:
        """Return what the desk's first page needs."""
        return {"alarms": self._listed()}

    async def all(self, request: Request) -> Response:
        """Show what stands, and what is on the shelf."""
        return self._page(request, "duty_alarms.html")

    async def ask(self, request: Request) -> Response:
        """Ask why an alarm is to be shelved."""
        return self._ask(request, _key(request.args.get("alarm", "")))

    async def shelve(self, request: Request) -> Response:
        """Put an alarm on the shelf, or say why not; one that is gone by now changes nothing."""
        form = form_of(request)
        key, reason = _key(form.get("alarm", "")), form.get("reason", "")
        shelving = self._counter.alarms.shelve(event_id_of(request), key, reason, staff=self._sign_in.who(request))
        try:
            return await self._done(shelving)
        except NotTakenError as error:
            return self._ask(request, key, reason=reason, problem=error.problem)
        except NotSavedError as error:
            return self._ask(request, key, reason=reason, why=error.why)

    async def take_back(self, request: Request, shelf: str) -> Response:
        """Take an alarm from the shelf."""
        self._sign_in.who(request)  # hear that somebody is there
        try:
            return await self._done(self._counter.alarms.take_back(event_id_of(request), known(shelf)))
        except NotSavedError as error:
            response = self._page(request, "duty_alarms.html", why=error.why)
            response.status_code = 503
            return response

    async def _done(self, action: Coroutine[Any, Any, Any]) -> Response:
        await self._patience.saved(action)
        self._counter.changed()
        return redirect(HERE, 303)

    def _ask(
        self,
        request: Request,
        key: Key,
        *,
        reason: str = "",
        problem: str = "",
        why: Literal["slow", "full", "disk", ""] = "",
    ) -> Response:
        listed = self._listed()
        alarm = next((one.alarm for one in listed.standing if one.alarm.key == key), None)
        if alarm is None:
            return redirect(HERE, 303)
        response = self._page(request, "duty_shelve.html", alarm=alarm, reason=reason, problem=problem, why=why)
        response.status_code = 400 if problem else 503 if why else 200
        return response

    def _listed(self) -> Listed:
        return self._counter.alarms.listed()

    def _page(self, request: Request, template: str, **values: object) -> Response:
        return self._pages.page(
            request,
            template,
            **self._common(),
            alarms=self._listed(),
            longest=LONGEST,
            who=self._sign_in.who(request),  # and hear that somebody is there
            **{"why": ""} | values,
        )


def _key(text: str) -> Key:
    """Return the key a form names as `kind:device`; raises HTTPException 400 when it names none."""
    kind, _, device = text.partition(":")
    found: EquipmentAlarm | None = next((one for one in get_args(EquipmentAlarm) if one == kind), None)
    if found is None:
        raise HTTPException(400, "alarm must be kind:device")
    return found, device
