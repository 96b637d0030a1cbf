"""What makes a station what it is, on headquarters' pages: its rota, its settings, who may sign in at its desk.

A PIN is shown once, on the page that answers the form, and stands nowhere else.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final, Literal, TypeAlias

from microdot import Microdot, Request, Response, redirect
from microdot.microdot import HTTPException

from common.identifiers import is_identifier, uuid7
from common.web.pages import Pages, form_of
from hq import order_forms
from hq.order_forms import WrongOrderError
from hq.ordering import Given, UnknownStationsError, order_id
from hq.orders import Order
from hq.screens.desk import Desk
from hq.screens.door import Door
from hq.station_staff import GivenBeforeError, NotOnTheListError, StationStaff

_Form: TypeAlias = Mapping[str, str]
_Read: TypeAlias = Callable[[_Form], tuple[Collection[str] | None, Order]]
_Which: TypeAlias = Literal["rota", "settings", "staff"]

_FILES: Final[dict[str, _Read]] = {"rota": order_forms.rota_to, "settings": order_forms.settings_to}


class StationPages:
    """The routes of `/stations`."""

    def __init__(self, desk: Desk, door: Door, pages: Pages, *, wall_ms: Callable[[], int]) -> None:
        self._desk = desk
        self._door = door
        self._pages = pages
        self._wall_ms = wall_ms

    def serve(self, app: Microdot) -> None:
        """Take in the routes."""
        app.get("/stations")(self._door.only("stations", self.ask))
        app.post("/stations/rota")(self._door.only("stations", self.rota, kind="form"))
        app.post("/stations/settings")(self._door.only("stations", self.settings, kind="form"))
        app.post("/stations/staff")(self._door.only("stations", self.staff, kind="form"))

    async def ask(self, request: Request) -> Response:
        """Show the forms; of one `station` also who may sign in there."""
        return await self._shown(request, form={"station": request.args.get("station", "")})

    async def rota(self, request: Request) -> Response:
        """Give stations another rota, or say what is wrong with it."""
        return await self._order(request, "rota")

    async def settings(self, request: Request) -> Response:
        """Give stations other settings, or say what is wrong with them."""
        return await self._order(request, "settings")

    async def staff(self, request: Request) -> Response:
        """Issue a PIN, withdraw one, or make all of a station void."""
        form, event_id = form_of(request), _id_of(request)
        station, number = form.get("station", "").strip(), form.get("number", "").strip()
        if station not in await self._stations():
            return await self._shown(request, "staff", form, {"station": "unknown" if station else "missing"})
        staff = self._desk.staff(_by(request))
        try:
            if form.get("act") == "issue":
                pin = await asyncio.to_thread(partial(staff.issue, station, number, order_id=event_id))
                return await self._shown(request, form={"station": station}, issued=(number, pin))
            await asyncio.to_thread(_take_away, staff, form.get("act", ""), station, number)
        except GivenBeforeError:
            pass  # a page was loaded again: the PIN that it showed is still good
        except (ValueError, NotOnTheListError):
            return await self._shown(request, "staff", form, {"number": "wrong" if number else "missing"})
        return redirect(f"/stations?station={station}", 303)

    async def _order(self, request: Request, which: Literal["rota", "settings"]) -> Response:
        form, event_id = form_of(request), _id_of(request)
        try:
            stations, order = _FILES[which](form)
            given = await self._desk.order(
                order, stations, by=_by(request), order_id=lambda station: order_id(event_id, station)
            )
        except WrongOrderError as error:
            return await self._shown(request, which, form, error.mistakes, of_file=error.of_file)
        except UnknownStationsError:
            return await self._shown(request, which, form, {"stations": "unknown"})
        return await self._shown(request, given=(which, given))

    async def _stations(self) -> list[str]:
        overview = await self._desk.overview()
        return sorted(row.station for row in overview.stations if not row.revoked)

    async def _shown(
        self,
        request: Request,
        which: _Which = "staff",
        form: _Form | None = None,
        wrong: Mapping[str, str] | None = None,
        *,
        given: tuple[str, Given] | None = None,
        **more: Any,
    ) -> Response:
        stations = await self._stations()
        typed: dict[str, dict[str, str]] = {"rota": {}, "settings": {}, "staff": {}}
        mistakes: dict[str, dict[str, str]] = {"rota": {}, "settings": {}, "staff": {}}
        typed[which], mistakes[which] = dict(form or {}), dict(wrong or {})
        station = typed["staff"].get("station", "")
        numbers = None
        if station in stations:
            numbers = await asyncio.to_thread(self._desk.staff(_by(request)).numbers, station)
        response = self._pages.page(
            request,
            "stations.html",
            **self._door.values(request.g.seat),
            **({"of_file": (), "issued": None} | more),
            stations=stations,
            numbers=numbers,
            typed=typed,
            wrong=mistakes,
            given=given,
            new_id=lambda: uuid7(wall_ms=self._wall_ms()),
        )
        if wrong:
            response.status_code = 400
        return response


def _id_of(request: Request) -> str:
    event_id = form_of(request).get("event_id", "")
    if not is_identifier(event_id):
        raise HTTPException(400, "event_id must be a UUID")
    return event_id


def _take_away(staff: StationStaff, act: str, station: str, number: str) -> None:
    if act == "withdraw":
        staff.withdraw(station, number)
    elif act == "reset":
        staff.reset(station)
    else:
        raise ValueError(act)


def _by(request: Request) -> str:
    return f"{request.g.seat.name} at the pages"
