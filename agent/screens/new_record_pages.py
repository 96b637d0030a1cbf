"""A new record at the duty desk: which service, then its few fields, each journaled as soon as it is left.

From the first field that is filled in there is a draft in the journal, so a kiosk that dies in the middle of a sentence
loses that sentence alone. The form sent at the end completes the draft, or opens the record where no script ran.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Literal

from microdot import Microdot, Request, Response

from agent.counter import Counter
from agent.record_form import Header, WrongForm
from agent.screens.forms import NotSavedError, Patience, event_id_of, identifier_of
from agent.screens.record_view import KEYS, TYPED
from agent.screens.sign_in_pages import SignInPages
from common.record import Record
from common.web.pages import form_of

SAVES: Final = 30
"""How often a form may have its fields kept: it brings along as many ids of events. The whole of it is sent after."""


class NewRecordPages:
    """The routes of a new record. `page` draws pages of the desk, `done` carries a form out and leads on."""

    def __init__(
        self,
        counter: Counter,
        sign_in: SignInPages,
        page: Callable[..., Response],
        done: Callable[[Request, Coroutine[Any, Any, Any], str], Awaitable[Response]],
    ) -> None:
        self._counter = counter
        self._records = counter.records
        self._sign_in = sign_in
        self._page = page
        self._done = done
        self._patience = Patience()

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.get("/duty/new")(self.new)
        app.post("/duty/drafts")(self.keep)
        app.post("/duty/records")(self.open)

    async def new(self, request: Request) -> Response:
        """Ask which service, then for what is told of it."""
        catalogue = self._records.catalogue
        service = catalogue.services.get(request.args.get("service", ""))
        services = list(zip(catalogue.services.values(), KEYS.ljust(len(catalogue.services)), strict=False))
        return self._page(
            request, "duty_new.html", service=service, services=services, groups=catalogue.groups, saves=SAVES
        )

    async def keep(self, request: Request) -> Response:
        """Keep what a form says so far, as a draft: 204 once it stands in the journal."""
        form, record, who = form_of(request), event_id_of(request), self._sign_in.who(request)
        try:
            await self._patience.saved(self._keep(form, record, identifier_of(request, "save"), who))
        except WrongForm:
            return Response("", 400)
        except NotSavedError:
            return Response("", 503)
        self._counter.changed()
        return Response("", 204)

    async def open(self, request: Request) -> Response:
        """Open a record, as a draft or registered; or complete the draft that it is."""
        form, record, who = form_of(request), event_id_of(request), self._sign_in.who(request)
        return await self._done(request, self._open(form, record, who), f"/duty/records/{record}")

    async def _keep(self, form: dict[str, str], record: str, save: str, who: str | None) -> None:
        found = self._records.get(record)
        if found is None:
            header = header_of(form, who, service=form.get("service"))
            found = await self._records.open(record, channel="window", header=header, typed=_typed(form))
        if found.state == "draft":  # and not sent off meanwhile
            await self._complete(form, found, save, who)

    async def _open(self, form: dict[str, str], record: str, who: str | None) -> None:
        found = await self._records.open(
            record,
            channel="window",
            header=header_of(form, who, service=form.get("service")),
            state="draft" if form.get("as") == "draft" else "registered",
            typed=_typed(form),
        )
        if found.state == "draft" and "complete" in form:
            await self._complete(form, found, form["complete"], who)
            if form.get("as") != "draft":
                await self._records.step(record, "register", form.get("register", ""))

    async def _complete(self, form: dict[str, str], found: Record, event_id: str, who: str | None) -> None:
        """Journal what the form says otherwise than the draft does, if anything."""
        typed = self._counter.reveals.unlike(found.id, _all_typed(form))
        header = _unlike(found, header_of(form, who), form)
        if typed or header != Header():
            await self._records.amend(found.id, event_id, header=header, typed=typed)


def header_of(form: dict[str, str], who: str | None, *, service: str | None = None) -> Header:
    """Return what a form says in the open; `who` is signed in, should it not say whose record it is."""
    return Header(
        service=service,
        priority="urgent" if form.get("priority") == "urgent" else None,
        staff=form.get("staff") or who,
        reference=form.get("reference") or None,
    )


def _unlike(found: Record, header: Header, form: dict[str, str]) -> Header:
    """Return what of the header is not so in the draft. A form without a cross at "urgent" says that it is not."""
    priority: Literal["urgent", "normal"] = "urgent" if form.get("priority") == "urgent" else "normal"
    return Header(
        priority=None if priority == found.priority else priority,
        staff=None if header.staff == found.staff else header.staff,
        reference=None if header.reference == found.reference else header.reference,
    )


def _all_typed(form: dict[str, str]) -> dict[str, str]:
    """Return the personal fields that the form has, also those that were emptied again."""
    return {name: form[name].strip() for name in TYPED if name in form}


def _typed(form: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in _all_typed(form).items() if text}
