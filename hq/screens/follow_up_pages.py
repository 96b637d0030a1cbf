"""Follow-ups: what has to be looked into because a citizen was not satisfied, and closing it with a reason."""

import asyncio

from microdot import Microdot, Request, Response, redirect
from microdot.microdot import HTTPException

from common.identifiers import is_identifier
from common.web.pages import Pages, form_of
from hq.follow_ups import FollowUps
from hq.screens.door import Door


class FollowUpPages:
    """The routes of `/follow-ups`."""

    def __init__(self, follow_ups: FollowUps, door: Door, pages: Pages) -> None:
        self._follow_ups = follow_ups
        self._door = door
        self._pages = pages

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.get("/follow-ups")(self._door.only("follow-up", self.all))
        app.post("/follow-ups/<follow_up>/close")(self._door.only("follow-up", self.close, kind="form"))

    async def all(self, request: Request) -> Response:
        """Show the open ones."""
        return await self._shown(request)

    async def close(self, request: Request, follow_up: str) -> Response:
        """Close one; somebody may have been quicker, and then it is closed too."""
        if not is_identifier(follow_up):
            raise HTTPException(404)
        reason, by = form_of(request).get("reason", ""), request.g.seat.name
        try:
            await asyncio.to_thread(lambda: self._follow_ups.close(follow_up, by=by, reason=reason))
        except ValueError:
            return await self._shown(request, wrong=True)
        return redirect("/follow-ups", 303)

    async def _shown(self, request: Request, *, wrong: bool = False) -> Response:
        found = await asyncio.to_thread(self._follow_ups.all)
        values = self._door.values(request.g.seat)
        response = self._pages.page(request, "follow_ups.html", **values, follow_ups=found, wrong=wrong)
        if wrong:
            response.status_code = 400
        return response
