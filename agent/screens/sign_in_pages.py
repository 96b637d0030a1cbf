"""Signing in and out at the duty desk."""

import math
from collections.abc import Callable
from typing import Final

from microdot import Microdot, Request, Response, redirect

from agent.database import JournalError
from agent.sign_in import SignIn, SignInRefused
from common.identifiers import is_identifier
from common.web.pages import Pages, form_of, keep_strictly

TOKEN: Final = "duty_session"  # noqa: S105 - its name, not its value
"""The cookie by which a browser is known as the one that signed in."""

_MOST: Final = 64


class SignInPages:
    """The routes of signing in. `common` gives what every page of the desk shows."""

    def __init__(self, sign_in: SignIn, pages: Pages, common: Callable[[], dict[str, object]]) -> None:
        self._sign_in = sign_in
        self._pages = pages
        self._common = common

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.get("/duty/sign-in")(self.ask)
        app.post("/duty/sign-in")(self.sign_in)
        app.post("/duty/sign-out")(self.sign_out)

    def who(self, request: Request) -> str | None:
        """Return the staff number of whoever's browser asks, and hear that they are there; None when not signed in."""
        return self._sign_in.who(request.cookies.get(TOKEN))

    def to_sign_in(self, record: str) -> Response:
        """Lead to signing in, and from there back to a record."""
        return redirect(f"/duty/sign-in?record={record}", 303)

    async def ask(self, request: Request) -> Response:
        """Ask for staff number and PIN."""
        return self._page(request, request.args.get("record", ""))

    async def sign_in(self, request: Request) -> Response:
        """Sign in, or say why not."""
        form = form_of(request)
        number, pin, record = form.get("staff", "").strip(), form.get("pin", "").strip(), form.get("record", "")
        if not number or not pin or len(number) > _MOST or len(pin) > _MOST:
            return self._page(request, record, why="wrong", status=403)
        try:
            token = await self._sign_in.sign_in(number, pin)
        except SignInRefused as refused:
            return self._page(request, record, why=refused.why, wait_s=refused.wait_s, status=403)
        except JournalError:
            return self._page(request, record, why="disk", status=503)
        response = redirect(f"/duty/records/{record}" if is_identifier(record) else "/duty", 303)
        keep_strictly(response, TOKEN, token)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Sign out."""
        self._sign_in.sign_out(request.cookies.get(TOKEN))
        return redirect("/duty", 303)

    def _page(
        self, request: Request, record: str, *, why: str = "", wait_s: float = 0.0, status: int = 200
    ) -> Response:
        response = self._pages.page(
            request,
            "duty_sign_in.html",
            **self._common(),
            path=request.path,
            record=record if is_identifier(record) else "",
            why=why,
            wait_s=math.ceil(wait_s),
        )
        response.status_code = status
        return response
