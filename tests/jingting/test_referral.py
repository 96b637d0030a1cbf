"""A referral to its receipt (`jingting hq order receipt`), and another one past its day, through real processes."""

import asyncio
import json
import multiprocessing
import re
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from zoneinfo import ZoneInfo

import httpx
import pytest

from agent import settings
from agent.opening import open_journal
from agent.record_form import Filled, Header
from agent.records import Records
from common import catalogue
from common.clock import Clock
from common.identifiers import uuid7
from jingting.city import City

TARGET, DUE = "police-office", "2099-01-01"


def hq(config, *arguments):
    line = [sys.executable, "-m", "jingting", "hq", *arguments, "--config", str(config)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


async def until(condition):
    async with asyncio.timeout(120):
        while not await condition():  # noqa: ASYNC110 - two processes away
            await asyncio.sleep(0.05)


def new_id():
    return uuid7(wall_ms=time.time_ns() // 1_000_000)


async def test_a_referral_goes_to_its_receipt_and_headquarters_knows_each_stand_of_it(tmp_path):
    async with City(tmp_path, stations=1) as city:
        station, config = city.stations[0], tmp_path / "hq/hq.toml"
        url = city.duty_url(station)
        browser = httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=30)

        async def listed():
            done = await asyncio.to_thread(hq, config, "referrals", "--json")
            return json.loads(done.stdout)

        async def stands_as(stand):
            return [one["stand"] for one in (await listed())["shown"]] == [stand]

        async with browser:
            record = new_id()
            opened = {"event_id": record, "service": "QZ-01", "as": "registered"}
            assert (await browser.post("/duty/records", data=opened)).status_code == 303
            for step, more in (("accept", {}), ("refer", {"target": TARGET, "due": DUE})):
                path = f"/duty/records/{record}/steps/{step}"
                assert (await browser.post(path, data={"event_id": new_id()} | more)).status_code == 303
            page = (await browser.get(f"/duty/records/{record}")).text
            number = re.search(r'<b class="number">([A-Z0-9-]+)</b>', page)[1]
            await until(lambda: stands_as("referred"))
            found = await listed()
            assert (found["open"], found["unsigned"], found["overdue"]) == (1, 1, 0)
            assert (found["shown"][0]["number"], found["shown"][0]["due"]) == (number, DUE)
            signing = ("order", "receipt", "--station", station, "--record", number, "--by", TARGET)
            done = await asyncio.to_thread(hq, config, *signing, "--reference", "PCS-9")
            assert (done.returncode, done.stdout) == (0, "referral.signed is given to 1 stations.\n")
            await until(lambda: stands_as("received"))
            assert (await listed())["shown"][0]["reference"] == "PCS-9"
            assert "PCS-9" in (await browser.get(f"/duty/records/{record}")).text
            told = (await asyncio.to_thread(hq, config, "referrals")).stdout
            assert "Of 1 open referrals 0 are overdue; 0 nobody has signed for." in told


@pytest.mark.parametrize(
    ("option", "record", "by"), [("--record", "王某", TARGET), ("--by", "JW012-20261122-0007", "王某")]
)
def test_what_is_no_number_or_no_code_is_refused_before_anything_is_sent(tmp_path, option, record, by):
    done = hq(tmp_path / "no.toml", "order", "receipt", "--station", "jt-001", "--record", record, "--by", by)
    assert (done.returncode, done.stdout) == (2, "")
    assert option in done.stderr


class MonthAgo(Clock):
    """This machine's clocks as they were a month ago."""

    def wall_ms(self):
        return super().wall_ms() - 30 * 24 * 3600 * 1000

    def trusted(self):
        return True


def a_month_ago(file):
    """Refer a record at the station of these settings, while it is stopped; return its number and its day."""
    return asyncio.run(refer(settings.load(file)))


async def refer(settings):
    clock = MonthAgo()
    journal = await open_journal(settings, clock, asyncio.Event(), {})
    try:
        records = Records(
            journal,
            clock,
            catalogue=catalogue.load(),
            code=settings.station.code,
            zone=ZoneInfo(settings.station.zone),
            seals=None,
        )
        record = await records.open(new_id(), channel="window", header=Header(service="QZ-01"), state="registered")
        due = records.proposed(records.catalogue.targets[TARGET])
        for step, filled in (("accept", Filled()), ("refer", Filled(target=TARGET, due=due))):
            assert await records.step(record.id, step, new_id(), filled)
        return record.number, due
    finally:
        await journal.stop()


async def test_a_referral_that_nobody_has_signed_for_comes_back_overdue_on_top_and_headquarters_shows_it(tmp_path):
    async with City(tmp_path, stations=1) as city:
        station, config = city.stations[0], tmp_path / "hq/hq.toml"
        url = city.duty_url(station)
        browser = httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=30)
        child = city.process(f"station-{station}")
        await child.stop()
        # In a process of its own: whoever opens a station's folder has it until it ends.
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as another:
            file = city.station_folder(station) / "station.toml"
            number, due = await asyncio.get_running_loop().run_in_executor(another, a_month_ago, file)
        await city.restart(f"station-{station}")

        async def is_marked():
            page = (await browser.get("/duty/live?lang=en")).text
            return re.search(rf'<li class="due">[^§]*?{number}[^§]*?overdue <time datetime="{due}">', page) is not None

        async def is_shown():
            done = await asyncio.to_thread(hq, config, "referrals", "--json")
            found = json.loads(done.stdout)
            return [(one["number"], one["overdue"]) for one in found["shown"]] == [(number, True)] and (
                (found["open"], found["unsigned"], found["overdue"]) == (1, 1, 1)
            )

        async with browser:
            await browser.post("/duty/records", data={"event_id": new_id(), "service": "ZX-01", "as": "registered"})
            await until(is_marked)
            page = (await browser.get("/duty/live")).text
            numbers = re.findall(r'<a id="record-.*?<b class="number">([A-Z0-9-]+)</b>', page, re.DOTALL)
            assert (len(numbers), numbers[0]) == (2, number)
            await until(is_shown)
