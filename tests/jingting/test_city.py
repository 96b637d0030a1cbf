"""The city: real processes that carry a press to headquarters, and survive being killed."""

import asyncio
import re

import pytest

from common import keyfiles
from jingting import layout
from jingting.city import City, CityError
from jingting.count import read_hq, read_panel_log, tally

pytestmark = pytest.mark.slow


async def until(condition, timeout_s: float = 30) -> None:
    async with asyncio.timeout(timeout_s):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - other processes change it
            await asyncio.sleep(0.02)


def count(city: City, station: str):
    return tally(read_panel_log(city.panel_log(station), layout.PANEL), read_hq(city.hq_database, station))


async def test_a_press_reaches_headquarters_across_kills_of_every_process(tmp_path):
    async with City(tmp_path, stations=1) as city:
        [station] = city.stations
        assert city.processes == ("broker", "hq", f"panel-{station}", f"reader-{station}", f"station-{station}")
        for presses, name in enumerate(city.processes, 1):
            city.process(name).kill()
            await city.process(name).ended(10)
            await city.restart(name)
            city.press(station)
            await until(lambda: len(read_panel_log(city.panel_log(station), layout.PANEL).acknowledged) == presses)  # noqa: B023
        assert await city.drained()
        counted = count(city, station)
        assert (counted.made, counted.at_hq, counted.lost, counted.duplicates) == (5, 5, 0, 0)
        assert city.overview()["calls"][0]["presses"] == 5


async def test_a_process_that_does_not_come_up_is_named_with_its_last_words(tmp_path):
    city = City(tmp_path, stations=1)
    home = city.station_folder("jt-001")
    home.mkdir(parents=True)
    keyfiles.create(home / "station.key")
    (home / "station.key").write_text("no key")
    with pytest.raises(CityError, match=r"station-jt-001 ended with exit code 78 .*keys\.station") as caught:
        await city.start()
    assert re.search(r"logs/station-jt-001\.log ends: ", str(caught.value))
    assert not any(city.process(name).running for name in city.processes)
