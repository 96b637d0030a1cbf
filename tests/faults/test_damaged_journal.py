"""A damaged journal never stops the start, silences no call, and loses nothing that can still be read."""

import random

import pytest
from faults_rig import STATION, all_there_once, calls, close_call, hq_row, press_recorded, query, said, status, until

from jingting.city import City

pytestmark = pytest.mark.slow


async def test_a_station_whose_journal_was_damaged_while_it_was_cut_off_rings_on_and_headquarters_gets_every_press(
    tmp_path,
):
    async with City(tmp_path, stations=1) as city:
        await press_recorded(city)
        await all_there_once(city, 1)
        await city.process("broker").stop()
        await close_call(city)
        for _ in range(3):
            await press_recorded(city)
        [before] = calls(city)
        city.process(f"station-{STATION}").kill()
        await city.process(f"station-{STATION}").ended()
        file = city.station_folder(STATION) / "data/station.db"
        for name in ("station.db", "station.db-wal"):
            torn = file.with_name(name)
            if torn.exists():
                content = bytearray(torn.read_bytes())
                content[:64] = random.Random(7).randbytes(64)
                torn.write_bytes(content)

        await city.restart(f"station-{STATION}")
        await until(lambda: status(city).get("calls"))
        [after] = calls(city)
        assert (after["id"], after["state"], after["recorded"]) == (before["id"], "raised", True)
        assert said(city, f"station-{STATION}", "a fresh journal begins") == 1
        await press_recorded(city)
        await city.restart("broker")
        await all_there_once(city, 5)
        await until(lambda: hq_row(city)["missing"] == 0)
        lines = query(city.hq_database, "SELECT line FROM events")
        assert sum(b'"reason":"damaged"' in line for line in lines) == 1
