"""The duty desk's handover: the sheet of now, one item after the other, both signatures, and a page to print."""

import math
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal, TypeVar, get_args

from microdot import Microdot, Request, Response, redirect
from microdot.microdot import HTTPException

from agent.counter import Counter
from agent.database import JournalError
from agent.handover import LONGEST, Item, Key, NotTakenError, Sheet
from agent.handovers import SignatureRefused
from agent.screens.board import page_of
from agent.screens.forms import NotSavedError, Patience, event_id_of, known
from agent.screens.sign_in_pages import SignInPages
from common.events.desk import HandoverKind
from common.web.pages import Pages, form_of

PAGE: Final = 25
"""Items of the sheet on one page."""

_MOST_PIN: Final = 64
_HERE: Final = "/duty/handover"
T = TypeVar("T")


class HandoverPages:
    """The routes below `/duty/handover`. `common` gives what every page of the desk shows."""

    def __init__(
        self, counter: Counter, sign_in: SignInPages, pages: Pages, common: Callable[[], dict[str, object]]
    ) -> None:
        self._counter = counter
        self._sign_in = sign_in
        self._handovers = counter.handovers
        self._pages = pages
        self._common = common
        self._patience = Patience()

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.get("/duty/handover")(self.sheet)
        app.get("/duty/handover/next")(self.next)
        app.get("/duty/handover/past/<handover>")(self.past)
        app.post("/duty/handover/notes")(self.note)
        app.post("/duty/handover/begin")(self.begin)
        app.post("/duty/handover/<handover>/check")(self.check)
        app.post("/duty/handover/<handover>/sign")(self.sign)

    async def sheet(self, request: Request) -> Response:
        """Show the sheet, a page at a time; where a handover is begun, with what was said of each item."""
        sheet = self._sheet()
        pages = max(1, -(-len(sheet.items) // PAGE))
        number = min(page_of(request), pages)
        past = self._asked(self._handovers.past)
        shown = sheet.items[(number - 1) * PAGE : number * PAGE]
        return self._page(
            request, "duty_handover.html", sheet=sheet, items=shown, number=number, pages=pages, past=past
        )

    async def next(self, request: Request) -> Response:
        """Show one item: the one that is asked for, or the first that nobody has gone through; or ask to sign."""
        sheet = self._sheet()
        if not sheet.id:
            return redirect(_HERE, 303)
        item = _found(sheet, request.args.get("item", "")) or next(iter(sheet.undecided), None)
        if item is None:
            return self._page(request, "duty_handover_sign.html", sheet=sheet, **self._signing())
        place = sheet.items.index(item) + 1
        return self._page(request, "duty_handover_item.html", sheet=sheet, item=item, place=place)

    async def past(self, request: Request, handover: str) -> Response:
        """Show a sheet that was signed, as it is printed."""
        found = self._asked(lambda: self._handovers.find(known(handover)))
        if found is None:
            raise HTTPException(404)
        signed, lines = found
        return self._page(request, "duty_handover_signed.html", signed=signed, lines=lines)

    async def note(self, request: Request) -> Response:
        """Leave a note."""
        return await self._done(request, self._handovers.note(event_id_of(request), form_of(request).get("text", "")))

    async def begin(self, request: Request) -> Response:
        """Begin to go through the sheet, in place of one that was begun and not signed."""
        return await self._done(request, self._handovers.begin(event_id_of(request)), f"{_HERE}/next")

    async def check(self, request: Request, handover: str) -> Response:
        """Note what is said of an item, and lead to the next one."""
        form = form_of(request)
        checking = self._handovers.check(
            event_id_of(request),
            known(handover),
            _key(form.get("item", "")),
            accepted=form.get("as") == "accepted",
            reason=form.get("reason", ""),
        )
        return await self._done(request, checking, f"{_HERE}/next")

    async def sign(self, request: Request, handover: str) -> Response:
        """Sign for both sides, and show what was signed; or the item that nobody has gone through yet."""
        form, event_id = form_of(request), event_id_of(request)
        giving, receiving = form.get("giving_staff", ""), form.get("receiving_staff", "")
        goals = {"done": f"{_HERE}/past/{handover}", "undecided": f"{_HERE}/next"}
        already = self._asked(lambda: self._handovers.outcome(event_id, known(handover)))
        if already is not None:
            return redirect(goals.get(already, _HERE), 303)
        try:
            by = await self._handovers.prove(
                {
                    "giving": (giving, form.get("giving_pin", "")[:_MOST_PIN]),
                    "receiving": (receiving, form.get("receiving_pin", "")[:_MOST_PIN]),
                }
            )
        except SignatureRefused as refused:
            return self._sign_again(request, giving, receiving, refused)
        except NotTakenError as error:
            return self._refuse(request, "wrong", error)
        except JournalError:
            return self._refuse(request, "disk")
        signing = self._handovers.sign(event_id, handover, giving=giving, receiving=receiving, by=by)
        return await self._done(request, signing, _HERE, goals)

    def _signing(self, giving: str | None = None, receiving: str = "") -> dict[str, object]:
        pins = self._asked(lambda: self._handovers.needs_pins)
        return {"pins": pins, "giving": giving, "receiving": receiving, "refused": None, "wait_s": 0}

    def _sign_again(self, request: Request, giving: str, receiving: str, refused: SignatureRefused) -> Response:
        """Ask again: all that was typed stands there again, but no PIN."""
        values = self._signing(giving, receiving) | {"refused": refused, "wait_s": math.ceil(refused.wait_s)}
        response = self._page(request, "duty_handover_sign.html", sheet=self._sheet(), **values)
        response.status_code = 403
        return response

    # -- small things -----------------------------------------------------------------------------------------------

    async def _done(
        self, request: Request, action: Coroutine[Any, Any, Any], goal: str = _HERE, goals: dict[str, str] | None = None
    ) -> Response:
        """Carry out a form, and lead to `goal`, or the one of `goals` for what came of it; or say why not."""
        try:
            outcome = await self._patience.saved(action)
        except NotTakenError as error:
            return self._refuse(request, "wrong", error)
        except NotSavedError as error:
            return self._refuse(request, error.why)
        self._counter.changed()
        return redirect((goals or {}).get(outcome, goal), 303)

    def _sheet(self) -> Sheet:
        return self._asked(self._handovers.sheet)

    def _asked(self, look: Callable[[], T]) -> T:
        try:
            return look()
        except JournalError:
            raise HTTPException(500) from None

    def _page(self, request: Request, template: str, **values: object) -> Response:
        return self._pages.page(
            request,
            template,
            **self._common(),
            path=request.path,
            catalogue=self._counter.records.catalogue,
            longest=LONGEST,
            when=self._counter.shifts.local,
            who=self._sign_in.who(request),  # and hear that somebody is there
            **values,
        )

    def _refuse(
        self, request: Request, why: Literal["slow", "full", "disk", "wrong"], mistake: NotTakenError | None = None
    ) -> Response:
        response = self._page(request, "duty_handover_refused.html", why=why, mistake=mistake)
        response.status_code = 400 if why == "wrong" else 503
        return response


def _key(text: str) -> Key:
    """Return the key a form names as `kind:id`; raises HTTPException 400 when it names none."""
    kind, colon, name = text.partition(":")
    found: HandoverKind | None = next((one for one in get_args(HandoverKind) if one == kind), None)
    if found is None or not colon or not name:
        raise HTTPException(400, "item must be kind:id")
    return found, name


def _found(sheet: Sheet, text: str) -> Item | None:
    return next((item for item in sheet.items if f"{item.kind}:{item.id}" == text), None)
