"""The duty desk's records: one with its steps, the next one of the waiting room; everything has a key."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, Literal, get_args

from microdot import Microdot, Request, Response, redirect
from microdot.microdot import HTTPException

from agent.counter import Counter
from agent.database import JournalError
from agent.record_form import Filled, Mistake, WrongForm
from agent.reveals import Revealed
from agent.screens.forms import SAVE_S, NotSavedError, Patience, event_id_of, known
from agent.screens.new_record_pages import NewRecordPages, header_of
from agent.screens.record_view import TYPED, step_views
from agent.screens.sign_in_pages import SignInPages
from common import workflow
from common.record import Record
from common.web.pages import Pages, form_of

_SEE_OTHER: Final = 303  # RFC 9110, section 15.4.4


class RecordPages:
    """The routes below `/duty/records`. `common` gives what every page of the desk shows."""

    def __init__(
        self, counter: Counter, sign_in: SignInPages, pages: Pages, common: Callable[[], dict[str, object]]
    ) -> None:
        self._counter = counter
        self._sign_in = sign_in
        self._records = counter.records
        self._pages = pages
        self._common = common
        self._patience = Patience()

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        NewRecordPages(self._counter, self._sign_in, self._page, self.done).serve(app)
        app.get("/duty/find")(self.find)
        app.post("/duty/call")(self.call_next)
        app.get("/duty/shift")(self.shift)
        app.post("/duty/shift")(self.new_shift)
        app.get("/duty/records/<record>")(self.show)
        app.get("/duty/records/<record>/slip")(self.slip)
        app.post("/duty/records/<record>/call")(self.call)
        app.post("/duty/records/<record>/rating")(self.offer_rating)
        app.post("/duty/records/<record>/amend")(self.amend)
        app.post("/duty/records/<record>/reveal")(self.reveal)
        app.post("/duty/records/<record>/steps/<step>")(self.step)

    async def find(self, request: Request) -> Response:
        """Lead from a number to its record."""
        try:
            found = self._records.by_number(request.args.get("number", ""))
        except JournalError:
            return self._refuse(request, "disk")
        return self._refuse(request, "unknown") if found is None else redirect(f"/duty/records/{found.record.id}", 303)

    async def call_next(self, request: Request) -> Response:
        """Call the next one of the waiting room."""
        return await self.done(request, self._counter.queue.call_next(event_id_of(request)), "/duty")

    async def call(self, request: Request, record: str) -> Response:
        """Call somebody again, or out of turn."""
        calling = self._counter.queue.call(known(record), event_id_of(request))
        return await self.done(request, calling, "/duty")

    async def shift(self, request: Request) -> Response:
        """Ask whether the shift is really to end."""
        return self._page(request, "duty_shift.html")

    async def new_shift(self, request: Request) -> Response:
        """Begin a shift: from now on nobody here reads what the last one sealed, whatever the disk says of it."""
        try:
            await self._patience.started(self._counter.shifts.begin_by_hand(), within_s=SAVE_S)
        except JournalError:
            return self._refuse(request, "disk")  # the old key is gone; the new one is announced before its first box
        finally:
            self._counter.changed()
        return redirect("/duty", 303)

    async def show(self, request: Request, record: str) -> Response:
        """Show a record, masked, with its steps."""
        self._sign_in.who(request)  # somebody is there
        return self._shown(request, self._found(known(record)))

    async def slip(self, request: Request, record: str) -> Response:
        """Show a referral as it goes along on paper, masked as on the screen."""
        found = self._found(known(record))
        catalogue = self._records.catalogue
        service, target = catalogue.services.get(found.service), catalogue.targets.get(found.target or "")
        if found.state not in ("referred", "received") or target is None:
            raise HTTPException(404)
        bring = [catalogue.materials[code] for code in service.bring] if service else []
        masked = self._counter.reveals.masked(record)
        return self._page(
            request, "duty_slip.html", record=found, service=service, target=target, bring=bring, masked=masked
        )

    async def amend(self, request: Request, record: str) -> Response:
        """Complete or correct a record."""
        form, header = form_of(request), header_of(form_of(request), self._sign_in.who(request))
        amending = self._records.amend(known(record), event_id_of(request), header=header, typed=_typed(form))
        return await self.done(request, amending, _at(record))

    async def step(self, request: Request, record: str, step: str) -> Response:
        """Take a record one step on."""
        name = next((name for name in get_args(workflow.Name) if name == step), None)
        if name is None:
            raise HTTPException(404)
        filled = _filled(request)
        target = self._records.catalogue.targets.get(filled.target or "")
        if name == "refer" and target is not None and filled.due is None:
            filled = replace(filled, due=self._records.proposed(target))  # as the page has shown it
        stepping = self._records.step(known(record), name, event_id_of(request), filled)
        response = await self.done(request, stepping, _at(record))
        if name == "finish" and response.status_code == _SEE_OTHER:
            with suppress(JournalError):  # nothing is lost by it: no rating
                self._counter.ratings.done(record)
        return response

    async def offer_rating(self, _request: Request, record: str) -> Response:
        """Offer the rating on the citizen's screen; whether that was given before is told to nobody here."""
        with suppress(JournalError):
            self._counter.ratings.offer(known(record))
        return redirect(_at(record), 303)

    async def reveal(self, request: Request, record: str) -> Response:
        """Answer with the fields themselves: no address leads to them, and the page that has them leaves by itself."""
        found, who = self._found(known(record)), self._sign_in.who(request)
        if who is None:
            return self._sign_in.to_sign_in(record)
        try:
            revealing = self._counter.reveals.reveal(record, event_id_of(request), fields=TYPED, staff=who)
            revealed = await self._patience.saved(revealing)
        except NotSavedError as error:
            return self._refuse(request, error.why)
        return self._shown(request, found, revealed)

    # -- small things -----------------------------------------------------------------------------------------------

    async def done(self, request: Request, action: Coroutine[Any, Any, Any], goal: str) -> Response:
        """Carry out a form, and lead to the page `goal`; or say why not, in a page from which it may be sent again."""
        try:
            await self._patience.saved(action)
        except WrongForm as error:
            return self._refuse(request, "wrong", mistakes=error.mistakes)
        except NotSavedError as error:
            return self._refuse(request, error.why)
        self._counter.changed()
        return redirect(goal, _SEE_OTHER)

    def _found(self, record: str) -> Record:
        try:
            found = self._records.get(record)
        except JournalError:
            raise HTTPException(500) from None
        if found is None:
            raise HTTPException(404)
        return found

    def _shown(self, request: Request, record: Record, revealed: Revealed | None = None) -> Response:
        catalogue = self._records.catalogue
        return self._page(
            request,
            "duty_record.html",
            record=record,
            service=catalogue.services.get(record.service),
            catalogue=catalogue,
            masked=self._counter.reveals.masked(record.id),
            revealed=revealed,
            steps=step_views(catalogue, record, proposed=self._records.proposed),
            overdue=self._records.is_overdue(record),
            may_be_rated=self._counter.ratings.may_be_offered(record),
            screen_taken=self._counter.ratings.gives_way(),
        )

    def _page(self, request: Request, template: str, **values: object) -> Response:
        return self._pages.page(request, template, **self._common(), path=request.path, **values)

    def _refuse(
        self,
        request: Request,
        why: Literal["slow", "full", "disk", "wrong", "unknown"],
        *,
        mistakes: tuple[Mistake, ...] = (),
    ) -> Response:
        response = self._page(request, "duty_refused.html", why=why, mistakes=mistakes)
        response.status_code = {"wrong": 400, "unknown": 404}.get(why, 503)
        return response


def _at(record: str) -> str:
    return f"/duty/records/{record}"


def _typed(form: dict[str, str]) -> dict[str, str]:
    """Return the personal fields that were filled in: an empty one changes nothing."""
    return {name: text for name in TYPED if (text := form.get(name, "").strip())}


def _filled(request: Request) -> Filled:
    form = form_of(request)
    fields: Any = request.form  # microdot's stub says dict; it is its MultiDict, which keeps several of one name
    return Filled(
        staff=form.get("staff") or None,
        missing=tuple(fields.getlist("missing")),
        until=form.get("until") or None,
        target=form.get("target") or None,
        due=form.get("due") or None,
        consent=form.get("consent") == "yes",
        reference=form.get("reference") or None,
        result=form.get("result") or None,
        duplicate_of=form.get("duplicate_of", "").strip().upper() or None,
        reason=form.get("reason") or None,
    )
