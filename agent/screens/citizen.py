"""The citizen's pages: one screen at one address, on a listener from which none leads to the duty desk."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from microdot import Request, Response, redirect
from microdot.microdot import HTTPException

from agent.content_shelf import Shelf
from agent.counter import Counter
from agent.screens.content_pages import ContentPages
from agent.screens.desk import Desk
from agent.screens.forms import PATIENCE_S, TEMPLATES, Patience, event_id_of
from agent.screens.queue_page import QueuePage
from agent.screens.rating_pages import RatingPages
from agent.screens.service_list import service_list
from agent.screens.service_page import Places, no_places, service_page
from agent.screens.shown import Room, words_of
from agent.screens.speech import Speech, prompt
from agent.screens.stage import Stage, nothing
from agent.screens.stand_in import WORKER, StandIn
from agent.screens.told import told
from agent.screens.visit_pages import VisitPages
from common.identifiers import uuid7
from common.web.languages import DEFAULT, LANGUAGES
from common.web.pages import Pages, form_of
from common.web.server import LocalServer
from common.web.stream import HEARTBEAT_S, Stream

_LIVE: Final = "text/x-live"
_SEE_OTHER: Final = 303


def build_citizen(
    desk: Desk,
    counter: Counter,
    *,
    allowed_hosts: Collection[str],
    wall_ms: Callable[[], int],
    rooms: Mapping[str, Room] | None = None,
    places: Places = no_places,
    content: Shelf | None = None,
    recordings: Path | None = None,
    heartbeat_s: float = HEARTBEAT_S,
) -> LocalServer:
    """Return the citizen's web application; `wall_ms` is the wall clock, for the ids of forms.

    `rooms`: pages by the first word of their address (`agent.screens.shown`). `content`: what is shown when nobody has
    touched the first page for a while. `places`: kinds of places that the directory has.
    `recordings`: a folder of clips that are said in place of those that were made (`agent.screens.speech`).
    """
    app = LocalServer()
    idle = nothing if content is None else ContentPages(content, desk.view).serve(app)
    visits, catalogue = counter.visits, counter.records.catalogue
    pages = Pages(
        app, templates=TEMPLATES, allowed_hosts=allowed_hosts, speaks=lambda: visits.browse.language or DEFAULT
    )
    rating = RatingPages(counter)
    stage = Stage(
        visits=visits,
        ratings=counter.ratings,
        visit=VisitPages(counter),
        rooms={
            "services": service_list(catalogue),
            "service": service_page(catalogue, places),
            **(rooms or {}),
        },
        rating=rating.shown,
        idle=idle,
    )
    stage.visit.serve(app)
    rating.serve(app)
    speech = Speech(recordings)
    speech.serve(app)
    QueuePage(counter, pages, desk.view).serve(app)
    StandIn(pages, desk.view).serve(app)
    screen = _Screen(desk, pages, stage, speech, Stream(desk.changed, heartbeat_s=heartbeat_s), wall_ms=wall_ms)
    app.get("/")(screen.page)
    app.get("/live")(screen.live)
    app.get("/events")(screen.events)
    app.post("/help")(screen.help)
    app.post("/go")(screen.go)
    app.post("/back")(screen.back)
    app.post("/look")(screen.look)
    app.post("/stay")(screen.stay)
    app.post("/end")(screen.end)
    app.after_request(screen.at_once)
    return app


class _Screen:
    """Every route of the citizen's screen; each is a coroutine, since microdot runs plain functions in threads."""

    def __init__(
        self,
        desk: Desk,
        pages: Pages,
        stage: Stage,
        speech: Speech,
        stream: Stream,
        *,
        wall_ms: Callable[[], int],
    ) -> None:
        self._desk = desk
        self._pages = pages
        self._stage = stage
        self._visits = stage.visits
        self._ratings = stage.ratings
        self._speech = speech
        self._stream = stream
        self._wall_ms = wall_ms
        self._patience = Patience()

    async def page(self, request: Request) -> Response:
        if (language := request.args.get("lang")) in LANGUAGES:
            self._visits.appear(language=language)
        return self._pages.page(request, "citizen.html", **self._values(), worker=WORKER, event_id=self._new_id())

    async def live(self, request: Request) -> Response:
        return self._pages.fragment(request, "citizen_live.html", **self._values())

    async def events(self, request: Request) -> Response:
        return self._stream.response(request.client_addr[0], request.args.get("since", ""))

    async def help(self, request: Request) -> Response:
        # A press is never refused for the shape of its form: without a usable id it rings under a new one.
        try:
            event_id = event_id_of(request)
        except HTTPException:
            event_id = self._new_id()
        await self._patience.started(self._desk.press(event_id), within_s=PATIENCE_S)
        return redirect("/", 303)

    # -- the ways about the screen ----------------------------------------------------------------------------------

    async def go(self, request: Request) -> Response:
        words = words_of(form_of(request).get("to", ""))
        if words is None:
            raise HTTPException(400, "to must be up to six words with / between them")
        self._visits.go(words if self._stage.room(words) is not None else ())
        return redirect("/", 303)

    async def back(self, _request: Request) -> Response:
        if not self._ratings.skip():
            self._visits.back()
        return redirect("/", 303)

    async def look(self, request: Request) -> Response:
        form, language = form_of(request), form_of(request).get("lang")
        self._ratings.touch()
        self._visits.stay()
        self._visits.appear(
            language=language if language in LANGUAGES else None,
            large={"large": True, "normal": False}.get(form.get("size", "")),
            aloud={"on": True, "off": False}.get(form.get("speech", "")),
        )
        return redirect("/", 303)

    async def stay(self, _request: Request) -> Response:
        self._ratings.touch()
        self._visits.stay()
        return redirect("/", 303)

    async def end(self, _request: Request) -> Response:
        self._ratings.skip()
        self._visits.leave()
        return redirect("/", 303)

    async def at_once(self, request: Request, response: Response) -> Response:
        """Give a script that can show it, instead of the way to it, what the screen shows now: one answer for two."""
        if response.status_code != _SEE_OTHER or request.headers.get("Accept") != _LIVE:
            return response
        shown = await self.live(request)
        shown.headers.update({name: value for name, value in response.headers.items() if name != "Location"})
        return shown

    # -- what it shows ----------------------------------------------------------------------------------------------

    def _new_id(self) -> str:
        return uuid7(wall_ms=self._wall_ms())

    def _values(self) -> dict[str, object]:
        view = self._desk.view()
        kind, shown = self._stage.shown()
        news, erased_in_s = told(view), self._visits.erased_in_s()
        said = prompt(news, shown, self._visits.view(), leaving=erased_in_s is not None)
        look = self._visits.browse
        frame = {
            "frame": f"{look.language or DEFAULT}{' large' if look.large else ''}{' aloud' if look.aloud else ''}",
            "view": view,
            "told": news,
            "kind": kind,
            "shown": shown,
            "erased_in_s": erased_in_s,
            "large": look.large,
            "aloud": look.aloud,
            "can_speak": bool(self._speech),
            "clip": partial(self._speech.address, said),
            "opens": self._stage.room,
            "new_id": self._new_id,
        }
        return frame | self._stage.visit.values(view) | shown.values
