"""What headquarters knows of stations as machines: which ordered settings hold where, and which alarms are shelved."""

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

from microdot import Microdot, Request, Response

from common.web.pages import Pages
from hq import shelved_alarms, station_settings
from hq.database import Database
from hq.screens.door import Door


class EquipmentPages:
    """The route of `/equipment`."""

    def __init__(self, database: Database, door: Door, pages: Pages, *, zone: ZoneInfo) -> None:
        self._database = database
        self._zone = zone
        self._door = door
        self._pages = pages

    def serve(self, app: Microdot) -> None:
        """Take in the route."""
        app.get("/equipment")(self._door.only("watch", self.all))

    async def all(self, request: Request) -> Response:
        """Show both lists."""
        settings = await asyncio.to_thread(station_settings.read, self._database)
        shelved = await asyncio.to_thread(shelved_alarms.read, self._database)
        seat = self._door.values(request.g.seat)
        return self._pages.page(
            request, "equipment.html", **seat, settings=settings, shelved=shelved, local=self._local
        )

    def _local(self, time: str) -> str:
        """Return an RFC 3339 time as the city reads it, an unsure one with its `~`."""
        unsure, moment = time[: time.startswith("~")], time.removeprefix("~")
        try:
            return unsure + datetime.fromisoformat(moment).astimezone(self._zone).strftime("%Y-%m-%d %H:%M")
        except (ValueError, OverflowError):  # a station may have sent any digits
            return time
