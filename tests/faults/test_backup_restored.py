"""`jingting hq backup` and `restore`, as somebody at headquarters runs them around a living city."""

import asyncio
import subprocess

import pytest
from faults_rig import all_there_once, answered, close_call, counted, hq_row, press_recorded, until

from jingting.child import jingting
from jingting.city import City

pytestmark = pytest.mark.slow


async def command(city, *arguments):
    """Run a command of headquarters' to its end."""
    return await asyncio.to_thread(
        subprocess.run,
        [*jingting("hq", *arguments), "--config", str(city.folder / "hq/hq.toml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_a_city_goes_back_to_a_copy_made_while_it_ran_and_headquarters_has_every_press_once_again(tmp_path):
    folder = tmp_path / "copy"
    async with City(tmp_path / "city", stations=2) as city:
        for station in city.stations:
            await press_recorded(city, station)
            await all_there_once(city, 1, station)
        made = await command(city, "backup", folder)
        assert (made.returncode, made.stderr) == (0, "")
        assert made.stdout.startswith(f"{folder}/hq.db: 2 stations, ")
        again = await command(city, "backup", folder)
        assert again.returncode == 1
        assert "there already" in again.stderr
        await press_recorded(city)
        await answered(city)
        await close_call(city)
        await press_recorded(city)
        await all_there_once(city, 3)

        refused = await command(city, "restore", folder)
        assert refused.returncode == 1
        assert "headquarters is running: worker one" in refused.stderr
        await city.process("hq").stop()
        done = await command(city, "restore", folder, "--force")
        assert (done.returncode, done.stderr) == (0, "")
        assert "2 stations get a new orders journal" in done.stdout
        assert "Next: start headquarters" in done.stdout
        assert counted(city).at_hq == 1
        await city.restart("hq")
        await city.restart("broker")  # else the stations take up to a minute, by design: not all of them at once
        await press_recorded(city)
        await all_there_once(city, 4)
        await all_there_once(city, 1, city.stations[1])
        await answered(city)
        await until(lambda: hq_row(city).get("missing") == 0)
