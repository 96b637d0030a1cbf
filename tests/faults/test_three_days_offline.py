"""Three days without a link at ten times the usual load, time-compressed; then everything comes, once and in order."""

import asyncio
import time

import pytest
from faults_rig import STATION
from long_outage import EVENTS_AN_HOUR, HOURS, here_and_there, lines, live_through

from jingting.city import City
from jingting.web import page

pytestmark = pytest.mark.slow


async def test_all_of_it_is_at_headquarters_once_and_in_order_and_the_duty_page_answers_meanwhile(tmp_path):
    async with City(tmp_path, stations=1) as city:
        for name in (f"station-{STATION}", "hq", "broker"):
            await city.process(name).stop()
        await live_through(city.station_folder(STATION))
        for name in ("broker", "hq", f"station-{STATION}"):
            await city.restart(name)
        drained = asyncio.create_task(city.drained(60))
        slowest = 0.0
        while not drained.done():
            began = time.monotonic()
            assert "data-title" in await asyncio.to_thread(page, city.duty_url(STATION) + "/duty")
            slowest = max(slowest, time.monotonic() - began)
        assert await drained
        assert slowest < 1
        here, there = here_and_there(city)
        assert len(here) > HOURS * EVENTS_AN_HOUR
        assert there == here
        shown = lines(city.hq_database, "SELECT presses FROM help_calls WHERE state = 'closed'")
        assert shown == [1] * HOURS
