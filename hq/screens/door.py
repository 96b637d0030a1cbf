"""Who is at headquarters' pages: signing in and out, and what each may see and do there."""

import asyncio
import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from microdot import Microdot, Request, Response, redirect
from microdot.microdot import HTTPException

from common.slowing import place
from common.web.pages import Pages, form_of, keep_strictly
from hq.accounts import Accounts, NoSuchAccountError
from hq.passwords import MOST
from hq.roles import PERMITTED, Permission, Session
from hq.throttle import Throttle
from hq.view import SignIn

log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[..., Awaitable[Response]]
Kind: TypeAlias = Literal["page", "form", "live", "data"]

_WALL_S: Final = 400 * 24 * 3600  # the longest a browser keeps a cookie (draft-ietf-httpbis-rfc6265bis, section 5.5)
_HASHING: Final = 2  # each takes 64 MiB
_WAITING: Final = 16
_GOALS: Final = {"audit": "/audit", "accounts": "/accounts", "stations": "/stations"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorway:
    """How browsers reach these pages. `secure`: by TLS, ours or the proxy's; then cookies travel no other way.

    `proxy`: the only address that may ask, and whose word of who asked is taken; "" when browsers come by themselves.
    `token`: what a program of another machine shows to read figures; "" when none may.
    """

    secure: bool = False
    proxy: str = ""
    token: str = ""


class Door:
    """Lets in whoever signed in, for what their role permits. `monotonic`: seconds, for guesses at passwords."""

    def __init__(
        self,
        accounts: Accounts,
        pages: Pages,
        doorway: Doorway,
        *,
        wall_ms: Callable[[], int],
        monotonic: Callable[[], float],
        counted: Callable[[SignIn], None],
    ) -> None:
        self._accounts = accounts
        self._pages = pages
        self._doorway = doorway
        self._wall_ms = wall_ms
        self._throttle = Throttle(monotonic)
        self._counted = counted
        self._hashing = asyncio.Semaphore(_HASHING)
        self._waiting = 0
        # The prefix keeps a cookie to this host and to TLS (draft-ietf-httpbis-rfc6265bis, section 4.1.3).
        self._cookie = "__Host-session" if doorway.secure else "session"

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.before_request(self._refuse_strangers)
        app.get("/sign-in")(self._form)
        app.post("/sign-in")(self._sign_in)
        app.post("/sign-out")(self._sign_out)

    def only(self, permission: Permission, handler: Handler, *, kind: Kind = "page") -> Handler:
        """Return a handler behind the door: it finds who asks in `request.g.seat`.

        Nobody signed in: a `page` or `form` leads to the sign-in; `live`, a part of a page that stays open, says in
        large letters that it shows nothing; `data` is refused. Both of these are 401.
        """

        async def behind(request: Request, **parts: str) -> Response:
            seat = await self._seat(request)
            if seat is None:
                return self._outside(request, kind)
            if permission not in PERMITTED[seat.role]:
                raise HTTPException(403)
            if not seat.permits(permission, self._wall_ms()):
                goal = f"?for={permission}" if permission in _GOALS else ""
                return redirect(f"/sign-in{goal}", 303)
            if kind in ("page", "form"):
                await asyncio.to_thread(self._accounts.used, self._held(request), seat)
            request.g.seat = seat
            response = await handler(request, **parts)
            if seat.wall and kind in ("page", "live"):
                # A browser forgets any cookie after 400 days: this one is kept as long as the wall is looked at.
                self._with_cookie(response, self._held(request), max_age_s=_WALL_S)
            return response

        return behind

    def for_programs(self, handler: Handler) -> Handler:
        """Return a handler for figures: for whoever shows the token, and for programs of this machine."""

        async def behind(request: Request) -> Response:
            if not self._is_program(request):
                raise HTTPException(403)
            return await handler(request)

        return behind

    def for_programs_or(self, permission: Permission, handler: Handler) -> Handler:
        """Return a handler for whoever shows the token, or is signed in and may."""
        signed_in = self.only(permission, handler, kind="data")

        async def behind(request: Request) -> Response:
            return await (handler if self._shows_token(request) else signed_in)(request)

        return behind

    def values(self, seat: Session) -> dict[str, object]:
        """Return what the templates need of who is there."""
        now = self._wall_ms()
        return {
            "seat": seat,
            "may": {permission for permission in PERMITTED[seat.role] if seat.permits(permission, now)},
            "could": self.could(seat),
        }

    def could(self, seat: Session) -> frozenset[Permission]:
        """Return what whoever is there may do after a sign-in that is fresh enough; at a wall's screen nothing."""
        return frozenset() if seat.wall else PERMITTED[seat.role]

    # -- routes ----------------------------------------------------------------------------------------------------

    async def _form(self, request: Request) -> Response:
        return self._asked(request, goal=request.args.get("for", ""))

    async def _sign_in(self, request: Request) -> Response:
        form = form_of(request)
        name, goal = form.get("name", "").strip().lower()[:MOST], form.get("for", "")
        address = self._address(request)
        wait_s = self._throttle.wait_s(name, address)
        if wait_s:
            self._counted("slowed")
            return self._asked(request, goal=goal, wait_s=int(wait_s) + 1)
        if not await self._is_right(name, form.get("password", "")):
            self._counted("wrong")
            log.warning("A sign-in from %s was refused.", address)
            return self._asked(request, goal=goal, wrong=True)
        self._throttle.right(name, address)
        wall = form.get("wall") == "yes"
        try:
            await asyncio.to_thread(self._accounts.end, self._held(request))
            held = await asyncio.to_thread(lambda: self._accounts.begin(name, wall=wall))
        except NoSuchAccountError:
            return self._asked(request, goal=goal, wrong=True)
        self._counted("right")
        # A session's id is new with each sign-in: nobody can have put one of their own into this browser before.
        return self._with_cookie(redirect(_GOALS.get(goal, "/"), 303), held, max_age_s=_WALL_S if wall else None)

    async def _sign_out(self, request: Request) -> Response:
        await asyncio.to_thread(self._accounts.end, self._held(request))
        return self._with_cookie(redirect("/sign-in", 303), "", max_age_s=0)

    # -- small things ----------------------------------------------------------------------------------------------

    async def _seat(self, request: Request) -> Session | None:
        held = self._held(request)
        return await asyncio.to_thread(self._accounts.session, held) if held else None

    def _held(self, request: Request) -> str:
        held: str = request.cookies.get(self._cookie, "")
        return held

    async def _is_right(self, name: str, password: str) -> bool:
        if self._waiting >= _WAITING:
            raise HTTPException(503)
        self._waiting += 1
        try:
            async with self._hashing:
                return await asyncio.to_thread(self._accounts.verify, name, password)
        finally:
            self._waiting -= 1

    def _outside(self, request: Request, kind: Kind) -> Response:
        if kind in ("page", "form"):
            return redirect("/sign-in", 303)
        if kind == "data":
            return Response("", 401)
        response = self._pages.fragment(request, "outside_live.html")
        response.status_code = 401
        return response

    def _asked(self, request: Request, *, goal: str, wrong: bool = False, wait_s: int = 0) -> Response:
        goal = goal if goal in _GOALS else ""
        response = self._pages.page(request, "sign_in.html", goal=goal, wrong=wrong, wait_s=wait_s)
        if wait_s:
            response.status_code = 429
            response.headers["Retry-After"] = str(wait_s)
        elif wrong:
            response.status_code = 401
        return response

    def _with_cookie(self, response: Response, held: str, *, max_age_s: int | None) -> Response:
        keep_strictly(response, self._cookie, held, secure=self._doorway.secure, max_age_s=max_age_s)
        return response

    async def _refuse_strangers(self, request: Request) -> None:
        if self._doorway.proxy and request.client_addr[0] != self._doorway.proxy:
            raise HTTPException(403)

    def _address(self, request: Request) -> str:
        """Return from where somebody asks, as it counts."""
        address: str = request.client_addr[0]
        if self._doorway.proxy:
            # The proxy appends whom it heard; what stands before that, anybody may have written.
            address = request.headers.get("X-Forwarded-For", address).rpartition(",")[2].strip()
        return place(address)

    def _is_program(self, request: Request) -> bool:
        # Behind a proxy of this machine everybody comes from this machine.
        here = not self._doorway.proxy and ipaddress.ip_address(request.client_addr[0]).is_loopback
        return here or self._shows_token(request)

    def _shows_token(self, request: Request) -> bool:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer").strip()
        return bool(self._doorway.token) and hmac.compare_digest(shown.encode(), self._doorway.token.encode())
