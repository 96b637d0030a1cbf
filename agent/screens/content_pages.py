"""Legal education on the screen while nobody is there: one page of a content pack, and its pictures."""

import re
from collections.abc import Callable
from typing import Final

from markupsafe import Markup
from microdot import Microdot, Request, Response

from agent.content_shelf import Shelf
from agent.screens.shown import Offer, Shown
from agent.view import StationView

_NAME: Final = re.compile(r"[0-9a-f]{64}")


class ContentPages:
    """The idle screen's content. `view` tells whether somebody waits for help: then there is none of it."""

    def __init__(self, shelf: Shelf, view: Callable[[], StationView]) -> None:
        self._shelf = shelf
        self._view = view

    def serve(self, app: Microdot) -> Offer:
        """Take in the pictures' route, and return what is asked for a page."""
        app.get("/content/<name>")(self.picture)
        return self.idle

    def idle(self) -> Shown | None:
        """Return the page whose turn it is."""
        view = self._view()
        if view.calls or view.recently_closed is not None:
            return None
        leaf = self._shelf.leaf()
        if leaf is None:
            return None
        return Shown("citizen_content.html", {"leaf": Markup(leaf.html), "leaf_lang": leaf.language})  # noqa: S704 - see Leaf

    async def picture(self, _request: Request, name: str) -> Response:
        """Serve a picture of a pack that is here; its name is its hash, so it never changes."""
        found = None
        if _NAME.fullmatch(name):
            try:
                found = self._shelf.picture(name)
            except OSError:
                found = None
        if found is None:
            return Response("", 404)
        content_type, body = found
        return Response(body, headers={"Content-Type": content_type})
