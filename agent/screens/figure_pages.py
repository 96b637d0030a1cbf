"""Figures at the duty desk: of a day and its month, counted from what was recorded."""

from collections.abc import Callable
from datetime import date, timedelta

from microdot import Microdot, Request, Response

from agent.counter import Counter
from agent.database import JournalError
from common.web.pages import Pages


class FigurePages:
    """The route of `/duty/figures`. `common` gives what every page of the desk shows."""

    def __init__(self, counter: Counter, pages: Pages, common: Callable[[], dict[str, object]]) -> None:
        self._book = counter.figures
        self._catalogue = counter.records.catalogue
        self._pages = pages
        self._common = common

    def serve(self, app: Microdot) -> None:
        """Take in the route."""
        app.get("/duty/figures")(self.show)

    async def show(self, request: Request) -> Response:
        """Show the figures of the day that was asked for; today's, when it was none."""
        today, known = self._book.today()
        day = _asked(request.args.get("day", "")) or today
        try:
            found = self._book.read(day)
        except JournalError:  # the journal has logged it
            found = None
        return self._pages.page(
            request,
            "duty_figures.html",
            **self._common(),
            figures=found,
            catalogue=self._catalogue,
            day=day.isoformat(),
            before=_beside(day, -1),
            after=_beside(day, 1) if day < today else "",
            known=known,
        )


def _asked(day: str) -> date | None:
    try:
        return date.fromisoformat(day)
    except ValueError:
        return None


def _beside(day: date, days: int) -> str:
    try:
        return (day + timedelta(days=days)).isoformat()
    except OverflowError:
        return ""
