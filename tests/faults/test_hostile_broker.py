"""A broker in the wrong hands may delay and drop. It frees no event that headquarters lacks, and gives no order."""

import asyncio
import os
import secrets

import pytest
from faults_rig import (
    STATION,
    all_there_once,
    answered,
    calls,
    close_call,
    journaled,
    press,
    query,
    settings,
    status,
)
from hostile_broker import HostileBroker

from jingting.city import City

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("SEED", str(secrets.randbits(32))))
PRESSES = 20
MISCHIEF = {"dropped", "delayed", "released", "replayed", "swapped", "flipped"}
HEAD = "SELECT coalesce(max(number), 0) FROM events"
HELD = "SELECT count(*) FROM events JOIN journals ON journals.id = journal_id WHERE station = ?"


def frees_nothing_too_early(city: City) -> None:
    """What a station counts as received, headquarters holds; asked in the order in which both can only grow."""
    [head] = query(city.station_folder(STATION) / "data/station.db", HEAD)
    waiting = status(city).get("waiting")
    [held] = query(city.hq_database, HELD, STATION)
    assert waiting is None or head - waiting <= held, f"seed {SEED}"


async def test_whatever_it_does_nothing_is_lost_nothing_comes_twice_and_nothing_is_believed(tmp_path):
    async with City(tmp_path, stations=1) as city, HostileBroker(city, STATION, SEED) as broker:
        await settings(
            city,
            f"port = {city.broker_port}",
            f"port = {broker.port}",
        )
        await city.connected()
        broker.wicked = True
        presses = 0
        while presses < PRESSES or not set(broker.done) >= MISCHIEF:
            assert presses < 10 * PRESSES, broker.done
            presses += 1
            await press(city)
            await asyncio.to_thread(frees_nothing_too_early, city)
            assert not any(call["hq_answered"] for call in calls(city)), f"nobody has answered; seed {SEED}"
        broker.wicked = False
        await all_there_once(city, presses)
        await answered(city)
        await close_call(city)
        assert not journaled(city, "journal.opened"), f"it made the station close a journal; seed {SEED}"
