"""Headquarters a hundred days later: nothing is left of who came, and a kiosk from an old copy is still known."""

import asyncio
import functools
import json
import re
import sqlite3
from pathlib import Path

import pytest
from faults_rig import (
    STATION,
    all_there_once,
    answered,
    calls,
    close_call,
    hq_row,
    journaled,
    press_recorded,
    query,
    until,
)
from test_nothing_personal_on_disk import found_in, spellings
from test_restored_from_a_copy import copy_database

from common.clock import Clock
from common.identifiers import uuid7
from hq.housekeeping import Housekeeping
from hq.orders import Orders
from hq.settings import RetentionSettings
from hq.store import Store
from jingting.city import City
from jingting.web import page, submit

pytestmark = pytest.mark.slow

DAY_MS = 24 * 3600 * 1000


class LaterClock(Clock):
    """This machine's clock, synchronised, so many days ahead."""

    days = 0

    def wall_ms(self) -> int:
        return super().wall_ms() + self.days * DAY_MS

    def trusted(self) -> bool:
        return True


async def days_pass_at_headquarters(city: City, days: int) -> None:
    """Let a stopped headquarters' housekeeping sweep on the first and the last of so many days."""
    store, clock = Store.open(f"sqlite:///{city.hq_database}"), LaterClock()
    housekeeping = Housekeeping(store, Orders(store, clock), clock, RetentionSettings(header_days=90, audit_days=365))
    try:
        for clock.days in (0, 1, days - 1, days):
            await housekeeping.sweep(pause_s=0)
    finally:
        store.close()


def boxes(database: Path) -> dict[bytes, str]:
    """Return both ends of every box that headquarters holds."""
    found: dict[bytes, str] = {}
    for line in query(database, "SELECT line FROM events"):
        sealed = json.loads(line).get("data", {}).get("sealed")
        if sealed is not None:
            found |= dict.fromkeys((sealed["box"][:60].encode(), sealed["box"][-60:].encode()), "a box")
    return found


def generations(city: City) -> list[int]:
    return query(city.hq_database, "SELECT generation FROM order_journals WHERE station = ?", STATION)


async def record_of(city: City, **typed: str) -> str:
    """Open a record with personal fields at the duty desk, close it, and return its id."""
    url, record = city.duty_url(STATION), uuid7(wall_ms=Clock().wall_ms())
    form = {"event_id": record, "service": "HZ-01", "as": "registered"} | typed
    await asyncio.to_thread(functools.partial(submit, url + "/duty/records", **form))
    desk = await asyncio.to_thread(page, url + f"/duty/records/{record}")
    change = re.search(r'name="change" value="(\d+)"', desk)
    step = {"event_id": uuid7(wall_ms=Clock().wall_ms())} | ({"change": change[1]} if change else {})
    assert await asyncio.to_thread(functools.partial(submit, url + f"/duty/records/{record}/steps/withdraw", **step))
    return record


async def test_a_hundred_days_later_no_byte_at_headquarters_is_left_of_who_came(tmp_path):
    typed = {
        "name": "测试人甲·䶮㛃",
        "number": "11010519491231002X",
        "phone": "13900001234",
        "need": "钱包在公交站丢了",
    }
    async with City(tmp_path, stations=1) as city:
        records = [await record_of(city, **typed) for _ in range(3)]
        assert await city.drained()
        await until(lambda: query(city.hq_database, "SELECT count(*) FROM records WHERE state = 'closed'") == [3])
        await city.process("hq").stop()
        data = city.hq_database.parent
        wanted = boxes(city.hq_database)
        assert len(wanted) == 6
        assert {name for name, _ in found_in(data, wanted)}, "a search that finds nothing proves nothing"
        numbers = {
            number.encode(): "a record's number" for number in query(city.hq_database, "SELECT number FROM records")
        }
        assert found_in(data, numbers)

        await days_pass_at_headquarters(city, 100)
        assert found_in(data, wanted) == []
        assert found_in(data, numbers) == []
        assert found_in(data, {b'"sealed":{': "a box"}) == []
        assert found_in(data, {spelling: text for text in typed.values() for spelling in spellings(text)}) == []
        assert query(city.hq_database, "SELECT record FROM records ORDER BY record") == sorted(records)

        # And headquarters goes on, with this station, where it was.
        await city.restart("hq")
        await press_recorded(city)
        await answered(city)
        await until(lambda: hq_row(city).get("missing") == 0)
        assert not journaled(city, "journal.opened")


async def test_a_kiosk_from_a_copy_older_than_what_headquarters_keeps_closes_its_journal_and_rings_for_nothing_old(
    tmp_path,
):
    async with City(tmp_path, stations=1) as city:
        station = city.process(f"station-{STATION}")
        data = city.station_folder(STATION) / "data"
        await press_recorded(city)
        await all_there_once(city, 1)
        await answered(city)
        await close_call(city)
        await until(lambda: query(city.hq_database, "SELECT state FROM help_calls") == ["closed"])
        await station.stop()
        copy_database(data / "station.db", tmp_path / "old.db")
        await city.restart(station.name)
        await press_recorded(city)
        await all_there_once(city, 2)
        await close_call(city)
        await until(lambda: query(city.hq_database, "SELECT state FROM help_calls") == ["closed"] * 2)
        await until(lambda: query(city.hq_database, "SELECT cursor FROM order_journals WHERE cursor < head") == [])
        await station.stop()
        await city.process("hq").stop()
        before = generations(city)
        await days_pass_at_headquarters(city, 100)
        assert generations(city) == [max(before) + 1], "the answer of a hundred days ago is still in an orders journal"
        assert query(city.hq_database, "SELECT count(*) FROM help_calls") == [0]
        assert query(city.hq_database, "SELECT count(*) FROM events WHERE length(line) > 0") == [0]

        copy_database(tmp_path / "old.db", data / "station.db")
        await city.restart("hq")
        await city.restart(station.name)
        await press_recorded(city)
        [call] = calls(city)
        await until(lambda: query(city.hq_database, "SELECT call FROM help_calls") == [call["id"]])
        await until(lambda: journaled(city, "journal.opened"))
        [opened] = journaled(city, "journal.opened")
        assert opened["data"]["reason"] in {"ahead", "disagrees", "fork"}
        await answered(city)
        await until(lambda: hq_row(city).get("missing") == 0)
        with sqlite3.connect(city.hq_database) as database:
            ids = [row[0] for row in database.execute("SELECT id FROM projected")]
        assert len(ids) == len(set(ids))
        assert query(city.hq_database, "SELECT call FROM help_calls") == [call["id"]]
