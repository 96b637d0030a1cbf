"""A disk that is busy, full or failing: the button still rings, and nobody is told "recorded" before it is."""

import pytest
from disk_stories import alarmed_and_unrecorded, well_again
from faults_rig import (
    STATION,
    FullDisk,
    LockedDatabase,
    all_there_once,
    answered,
    hq_row,
    panel,
    press,
    press_recorded,
    said,
    status,
    until,
)

from jingting.city import City

pytestmark = pytest.mark.slow


async def test_a_press_while_another_process_holds_the_journal_rings_everywhere_and_is_recorded_once_after(tmp_path):
    async with City(tmp_path, stations=1) as city:
        with LockedDatabase(city.station_folder(STATION) / "data/station.db"):
            await press(city)
            await alarmed_and_unrecorded(city)
            assert not panel(city).acknowledged
        await well_again(city, 1)


async def test_a_press_on_a_full_disk_rings_everywhere_and_is_recorded_once_there_is_room(tmp_path):
    async with City(tmp_path, stations=1) as city:
        await press_recorded(city)
        with FullDisk(city.process(f"station-{STATION}").pid):
            await press(city)
            await alarmed_and_unrecorded(city)
            assert len(panel(city).acknowledged) == 1
            assert not status(city)["journal_ok"]
            await press(city)
        await well_again(city, 3)
        assert said(city, f"station-{STATION}", "The journal fails") == 1
        assert said(city, f"station-{STATION}", "can be written again") == 1


async def test_a_station_started_anew_on_a_sick_disk_still_gets_the_press_from_the_panel(tmp_path):
    async with City(tmp_path, stations=1) as city:
        station = city.process(f"station-{STATION}")
        with FullDisk(station.pid):
            await press(city)
            await alarmed_and_unrecorded(city)
            station.kill()
            await station.ended()
        await city.restart(station.name)
        await well_again(city, 1)


async def test_headquarters_on_a_full_disk_acknowledges_nothing_and_has_everything_once_after(tmp_path):
    async with City(tmp_path, stations=1) as city:
        hq = city.process("hq")
        await press_recorded(city)
        await all_there_once(city, 1)
        before = hq.pid
        with FullDisk(hq.pid, 16 * 1024):
            await press_recorded(city)
            await until(lambda: said(city, "hq", "The database fails"))
            await press_recorded(city)
            assert status(city)["waiting"] >= 2
            assert hq_row(city), "what is known is still shown"
        await all_there_once(city, 3)
        assert (hq.pid, hq.running) == (before, True)
        assert said(city, "hq", "The database fails") == said(city, "hq", "The database works again") == 1
        await answered(city)
