"""A referral from the duty desk to its receipt, ordered by `jingting hq order receipt`, through real processes."""

import asyncio
import json
import re
import subprocess
import sys
import time

import httpx
import pytest

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
