"""Nobody at the duty desk: said by one key, and ended by another or by whatever is done at the desk."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from microdot import Microdot, Request, Response

from agent.attendance import Attendance
from agent.screens.forms import Patience, event_id_of
from agent.screens.sign_in_pages import SignInPages

_SEE_OTHER: Final = 303
_SHOWS_NOBODY: Final = frozenset({"/duty/unattended", "/duty/attended", "/duty/sign-out", "/duty/self-test"})
"""Forms of somebody who leaves, who says so anyway, or who may sit elsewhere: a technician tests from a terminal."""


def leaves(request: Request) -> None:
    """Say that whoever sends this form goes: it shows nobody at the desk."""
    request.g.leaves = True


class AttendancePages:
    """The routes of leaving and coming back. `done` carries a form out and leads on, or says why not."""

    def __init__(
        self,
        attendance: Attendance,
        sign_in: SignInPages,
        done: Callable[[Request, Coroutine[Any, Any, Any]], Awaitable[Response]],
    ) -> None:
        self._attendance = attendance
        self._sign_in = sign_in
        self._done = done
        self._patience = Patience()

    def serve(self, app: Microdot) -> None:
        """Take in the routes, and listen to every other one."""
        app.post("/duty/unattended")(self.leave)
        app.post("/duty/attended")(self.come_back)
        app.after_request(self.listen)

    async def leave(self, request: Request) -> Response:
        """Everybody leaves the desk."""
        staff = self._sign_in.who(request)
        return await self._done(request, self._attendance.left(event_id_of(request), staff=staff))

    async def come_back(self, request: Request) -> Response:
        """Somebody is back."""
        staff = self._sign_in.who(request)
        return await self._done(request, self._attendance.returned(event_id_of(request), staff=staff))

    async def listen(self, request: Request, response: Response) -> Response:
        """Hear that somebody at the desk had a form carried out: then somebody is there."""
        carried_out = request.method == "POST" and response.status_code == _SEE_OTHER
        goes = request.path in _SHOWS_NOBODY or getattr(request.g, "leaves", False)
        if carried_out and not goes:
            await self._patience.started(self._attendance.somebody_works(), within_s=0)
        return response
