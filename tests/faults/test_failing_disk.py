"""A disk that fails at reads, writes or flushes, turns read-only, is full or slow: the press rings, the screens say so,
what is confirmed afterwards is on the disk and not only in the memory before it.
"""

import pytest
from disk_stories import alarmed_and_unrecorded, well_again
from faults_rig import (
    STATION,
    all_there_once,
    panel,
    panel_becomes,
    press,
    press_recorded,
    recorded,
    status,
    until,
)
from power import Disk, why_not

from jingting.city import City

pytestmark = [pytest.mark.slow, pytest.mark.skipif(why_not() is not None, reason=str(why_not()))]


async def power_cut(city: City, disk: Disk) -> None:
    disk.forget()
    station = city.process(f"station-{STATION}")
    station.kill()
    await station.ended()
    await disk.spin_up()
    await city.restart(station.name)


@pytest.mark.parametrize("sickness", ["write", "fsync", "readonly", "full"])
async def test_what_is_confirmed_after_a_disk_failed_outlasts_a_power_cut(sickness, tmp_path):
    city = City(tmp_path, stations=1)
    async with Disk(city.station_folder(STATION) / "data") as disk, city:
        await press_recorded(city)
        await disk.becomes(f"sick {sickness}")
        await press(city)
        await alarmed_and_unrecorded(city)
        await city.process("broker").stop()
        await disk.becomes("well")
        await recorded(city, 2)
        await press_recorded(city)
        await power_cut(city, disk)
        await city.restart("broker")
        await city.connected()
        await all_there_once(city, 3)
        assert not list(city.station_folder(STATION).glob("data/*.damaged-????????"))


async def test_a_station_started_anew_does_not_take_what_was_never_flushed_for_written(tmp_path):
    """The memory before the disk still shows the press whose flush failed; the power shows what is on the disk."""
    city = City(tmp_path, stations=1)
    async with Disk(city.station_folder(STATION) / "data") as disk, city:
        await press_recorded(city)
        await disk.becomes("sick fsync")
        await press(city)
        await alarmed_and_unrecorded(city)
        station = city.process(f"station-{STATION}")
        station.kill()
        await station.ended()
        await city.process("broker").stop()
        await disk.becomes("well")
        await city.restart(station.name)
        await recorded(city, 2)
        await power_cut(city, disk)
        await city.restart("broker")
        await city.connected()
        await all_there_once(city, 2)


async def test_a_press_while_one_flush_takes_half_a_minute_rings_at_once_and_is_recorded_after_it(tmp_path):
    city = City(tmp_path, stations=1)
    async with Disk(city.station_folder(STATION) / "data") as disk, city:
        await disk.becomes("slow 30")
        await press(city)
        await alarmed_and_unrecorded(city)
        assert not panel(city).acknowledged
        await disk.becomes("well")
        await well_again(city, 1)


async def test_presses_on_a_disk_that_takes_300_ms_for_each_flush_are_recorded_within_two_seconds(
    tmp_path,
):
    city = City(tmp_path, stations=1)
    async with Disk(city.station_folder(STATION) / "data") as disk, city:
        await disk.becomes("slow 0.3")
        for made in range(1, 4):
            await press(city)
            assert await until(lambda made=made: len(panel(city).acknowledged) == made) < 2
        await all_there_once(city, 3)


async def test_a_station_that_starts_on_a_disk_that_cannot_be_read_rings_and_comes_back_by_itself(tmp_path):
    city = City(tmp_path, stations=1)
    async with Disk(city.station_folder(STATION) / "data") as disk, city:
        await press_recorded(city)
        await all_there_once(city, 1)
        station = city.process(f"station-{STATION}")
        station.kill()
        await station.ended()
        disk.drop_caches()
        await disk.becomes("sick read")
        station.start()
        await press(city)
        await panel_becomes(city, lambda shows: shows["tone"] == 2 and shows["latched"] == 1)
        assert not status(city)
        assert len(panel(city).acknowledged) == 1
        await disk.becomes("well")
        await recorded(city, 2)
        await city.connected()
        await all_there_once(city, 2)
