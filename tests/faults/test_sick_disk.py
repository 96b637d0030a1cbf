"""A disk that is busy, full or failing: the button still rings, and nobody is told "recorded" before it is."""

import asyncio

import pytest
from faults_rig import (
    STATION,
    FullDisk,
    LockedDatabase,
    all_there_once,
    answered,
    calls,
    hq_row,
    page,
    panel,
    panel_becomes,
    press,
    press_recorded,
    recorded,
    said,
    status,
    until,
)

from jingting.city import City

pytestmark = pytest.mark.slow


async def alarmed_and_unrecorded(city: City) -> None:
    """A press was just made that the disk does not take: everybody is told so, and the panel keeps it."""
    waited = await until(lambda: [call["recorded"] for call in calls(city)] == [False], within=5)
    assert waited < 2, "the page must say so within two seconds"
    shown = await asyncio.to_thread(page, city.station_url(STATION) + "/")
    assert "not recorded" in shown
    assert "<b>110</b>" in shown
    assert "Your call is recorded" not in shown
    await until(lambda: hq_row(city).get("unrecorded_since"), within=5)
    await panel_becomes(city, lambda shows: shows["tone"] >= 1 and shows["latched"] >= 1)


async def well_again(city: City, presses: int) -> None:
    await recorded(city, presses)
    await all_there_once(city, presses)
    await until(lambda: hq_row(city)["unrecorded_since"] is None)
    assert [call["recorded"] for call in calls(city)] == [True]
    await panel_becomes(city, lambda shows: shows["latched"] == 0)
    assert status(city)["journal_ok"]


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
