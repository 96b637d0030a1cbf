"""A desk that everybody left, from one key at the duty desk to headquarters' page and back; through real processes."""

import asyncio

import httpx
from test_notice import until

from common.identifiers import uuid7
from jingting.city import City


def new_id():
    return uuid7(wall_ms=1_790_000_000_000)


async def test_a_call_at_a_desk_left_before_a_restart_rings_at_headquarters_at_once_until_somebody_takes_it(tmp_path):
    async with City(tmp_path, stations=1) as city:
        [station] = city.stations
        duty, home = city.duty_url(station), city.station_url(station)
        desk = httpx.AsyncClient(base_url=duty, headers={"Origin": duty}, timeout=30)
        citizen = httpx.AsyncClient(base_url=home, headers={"Origin": home}, timeout=30)

        async def at_headquarters():
            return await asyncio.to_thread(city.overview)

        async def is_left():
            stations = (await at_headquarters()).get("stations", ())
            return bool(stations) and stations[0]["unattended_s"] is not None

        async def somebody_is_back():
            return not await is_left()

        async def rings():
            return [
                call
                for call in (await at_headquarters()).get("calls", ())
                if call["escalated"] and call["unattended"] and not call["breached"]
            ]

        async with desk, citizen:
            assert (await desk.post("/duty/unattended", data={"event_id": new_id()})).status_code == 303
            await until(is_left)
            await city.restart(f"station-{station}")
            await city.connected()
            assert (await desk.get("/status.json")).json()["unattended_s"] is not None
            await citizen.post("/help", data={"event_id": new_id()})
            await until(rings)
            assert "Headquarters is called" in (await citizen.get("/?lang=en")).text
            (call,) = (await desk.get("/status.json")).json()["calls"]
            form = {"event_id": new_id()}
            assert (await desk.post(f"/duty/calls/{call['id']}/acknowledge", data=form)).status_code == 303
            await until(somebody_is_back)
            assert (await desk.get("/status.json")).json()["unattended_s"] is None
