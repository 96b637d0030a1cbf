"""What few may see: the audit, and the accounts."""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from microdot import Microdot, Request, Response, redirect
from microdot.microdot import HTTPException

from common.web.pages import Pages, form_of
from hq import audit
from hq.accounts import ROLES, AccountExistsError, Accounts, NoSuchAccountError
from hq.database import Database
from hq.roles import Role
from hq.screens.door import Door

SHOWN: Final = 200
"""The newest lines of the audit that are shown; `jingting hq audit` prints all of them."""


class Papers:
    """The routes of audit and accounts."""

    def __init__(self, database: Database, accounts: Accounts, door: Door, pages: Pages) -> None:
        self._database = database
        self._accounts = accounts
        self._door = door
        self._pages = pages

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.get("/audit")(self._door.only("audit", self.audit))
        app.get("/accounts")(self._door.only("accounts", self.accounts))
        app.post("/accounts")(self._door.only("accounts", self.add, kind="form"))
        app.post("/accounts/<name>/<change>")(self._door.only("accounts", self.change, kind="form"))

    async def audit(self, request: Request) -> Response:
        """Show who opened what, the newest first, and whether the chain is sound."""
        lines, sound = await asyncio.to_thread(self._newest)
        return self._page(request, "audit.html", lines=lines, sound=sound)

    async def accounts(self, request: Request) -> Response:
        """Show every account."""
        return await self._shown(request)

    async def add(self, request: Request) -> Response:
        """Make an account."""
        form = form_of(request)
        name, role = form.get("name", "").strip().lower(), _role(form)
        return await self._done(request, lambda by: self._accounts.add(name, role, form.get("password", ""), by=by))

    async def change(self, request: Request, name: str, change: str) -> Response:
        """Change an account: nobody their own, so that there is always somebody left who can."""
        form = form_of(request)
        if name == request.g.seat.name:
            raise HTTPException(403)
        changes: dict[str, Callable[[str], None]] = {
            "role": lambda by: self._accounts.set_role(name, _role(form), by=by),
            "password": lambda by: self._accounts.set_password(name, form.get("password", ""), by=by),
            "disable": lambda by: self._accounts.disable(name, by=by),
            "enable": lambda by: self._accounts.enable(name, by=by),
        }
        if change not in changes:
            raise HTTPException(404)
        return await self._done(request, changes[change])

    async def _done(self, request: Request, change: Callable[[str], None]) -> Response:
        by = f"{request.g.seat.name} at the pages"
        try:
            await asyncio.to_thread(change, by)
        except NoSuchAccountError:
            raise HTTPException(404) from None
        except AccountExistsError:
            return await self._shown(request, wrong="exists")
        except ValueError:
            return await self._shown(request, wrong="form")
        return redirect("/accounts", 303)

    async def _shown(self, request: Request, *, wrong: str = "") -> Response:
        found = await asyncio.to_thread(self._accounts.all)
        response = self._page(request, "accounts.html", accounts=found, roles=ROLES, wrong=wrong)
        if wrong:
            response.status_code = 400
        return response

    def _page(self, request: Request, template: str, **values: object) -> Response:
        return self._pages.page(request, template, **self._door.values(request.g.seat), **values)

    def _newest(self) -> tuple[list[dict[str, Any]], bool]:
        newest: deque[audit.Audited] = deque(maxlen=SHOWN)
        with self._database.read() as connection:
            sound = audit.beginning(connection).sound
            for audited in audit.read(connection):
                newest.append(audited)
                sound = sound and audited.sound
        return [{"number": one.number} | json.loads(one.line) for one in reversed(newest)], sound


def _role(form: dict[str, str]) -> Role:
    role = next((role for role in ROLES if role == form.get("role")), None)
    if role is None:
        raise HTTPException(400, f"role must be one of {', '.join(ROLES)}")
    return role
