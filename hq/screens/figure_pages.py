"""Figures on headquarters' pages: of a day and its month, all stations, and one beside the other."""

import asyncio
from collections.abc import Callable
from datetime import date, timedelta

from microdot import Microdot, Request, Response

from common.web.pages import Pages
from hq.city_figures import LEAST_RATED, read
from hq.database import Database
from hq.screens.door import Door
from hq.working_days import Calendar


class FigurePages:
    """The route of `/figures`."""

    def __init__(
        self, database: Database, door: Door, pages: Pages, calendar: Calendar, wall_ms: Callable[[], int]
    ) -> None:
        self._database = database
        self._door = door
        self._pages = pages
        self._calendar = calendar
        self._wall_ms = wall_ms

    def serve(self, app: Microdot) -> None:
        """Take in the route."""
        app.get("/figures")(self._door.only("watch", self.show))

    async def show(self, request: Request) -> Response:
        """Show the figures of the day that was asked for; today's, when it was none."""
        today = self._calendar.day(self._wall_ms())
        day = _asked(request.args.get("day", "")) or today
        found = await asyncio.to_thread(read, self._database, day, today=today, zone=self._calendar.zone)
        return self._pages.page(
            request,
            "city_figures.html",
            **self._door.values(request.g.seat),
            found=found,
            before=_beside(day, -1),
            after=_beside(day, 1) if day < today else "",
            month_before=_beside(day.replace(day=1), -1),
            least=LEAST_RATED,
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
