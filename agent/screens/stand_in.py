"""What the citizen's browser keeps, to show while this process does not answer: one page, and the worker that shows it.

The page names the telephone numbers, says in all languages what does not work, and repeats a press for help that was
not sent. It tells nothing of anybody.
"""

import hashlib
from collections.abc import Callable
from typing import Final

import msgspec
from microdot import Microdot, Request, Response

from agent.view import StationView
from common.web.pages import Pages

PATH: Final = "/down"
WORKER: Final = "/sw.js"

_STATIC: Final = ("base.css", "citizen.css", "jingting.js", "emblem.svg")


class StandIn:
    """The routes of it. The browser asks for the worker again with every page, and keeps all anew when it differs."""

    def __init__(self, pages: Pages, view: Callable[[], StationView]) -> None:
        self._pages = pages
        self._view = view

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.get(PATH)(self.page)
        app.get(WORKER)(self.worker)

    async def page(self, _request: Request) -> Response:
        """Show what is shown when nobody answers, to all alike.

        Were it another one for each language, each change of the language would bring another worker; and what a
        browser asks for while one worker takes the place of another may never be answered (Chromium).
        """
        return self._pages.page_for_all("citizen_down.html", view=self._view(), N_=str, both=self._pages.both)

    async def worker(self, request: Request) -> Response:
        """Return the service worker (W3C "Service Workers"), which may answer for every address of ours."""
        page = await self.page(request)
        stamp = hashlib.sha256(page.body).hexdigest()[:16]  # which names the rest by what is in it
        files = [PATH, *map(self._pages.asset, _STATIC)]
        body, content_type = self._pages.static("sw.js")
        says = f'"use strict";\nconst STAMP = "{stamp}";\nconst FILES = '.encode() + msgspec.json.encode(files) + b";\n"
        return Response(says + body, headers={"Content-Type": content_type})
