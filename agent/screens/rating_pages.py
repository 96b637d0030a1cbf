"""The rating on the citizen's screen: one question, five answers, and a plain way past it."""

from microdot import Microdot, Request, Response, redirect

from agent.counter import Counter
from agent.screens.forms import Patience, event_id_of
from agent.screens.shown import Shown
from common.events.records import RATINGS
from common.web.pages import form_of

_RATE_S = 2.0  # as a confirm waits: after that the page comes, and learns of it when it is done


class RatingPages:
    """Its forms; each names the offer by the id of the event that it may become."""

    def __init__(self, counter: Counter) -> None:
        self._ratings = counter.ratings
        self._patience = Patience()

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.post("/rating")(self.rate)
        app.post("/rating/skip")(self.skip)

    def shown(self) -> Shown | None:
        """Return its page, while a rating is offered."""
        offer = self._ratings.view()
        return None if offer is None else Shown("citizen_rating.html", {"offer": offer, "ratings": RATINGS})

    async def rate(self, request: Request) -> Response:
        """Take the answer; a late one changes nothing, and the page shows what is true."""
        rating = self._ratings.rate(event_id_of(request), form_of(request).get("rating", ""))
        await self._patience.started(rating, within_s=_RATE_S)
        return redirect("/", 303)

    async def skip(self, request: Request) -> Response:
        """Go on without an answer: that is none."""
        self._ratings.skip(event_id_of(request))
        return redirect("/", 303)
