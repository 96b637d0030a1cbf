"""`jingting hq staff …`, as somebody at headquarters' machine types it."""

import asyncio
import json
import re
import subprocess
import sys

import httpx
import pytest

from common.identifiers import uuid7
from jingting import layout
from jingting.city import City

WANG = "012345"


def staff(config, *arguments):
    line = [sys.executable, "-m", "jingting", "hq", "staff", *arguments, "--config", str(config)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def config(tmp_path):
    layout.write(tmp_path, broker_port=1, hq_broker_port=2, hq_port=0, station_ports={"jt-001": 3})
    return tmp_path / "hq/hq.toml"


def test_a_pin_is_printed_once_and_nothing_else_on_stdout(config):
    issued = staff(config, "issue", WANG, "--station", "jt-001")
    assert (issued.returncode, bool(re.fullmatch(r"\d{6}\n", issued.stdout))) == (0, True)
    assert issued.stdout.strip() not in issued.stderr
    assert staff(config, "list", "--station", "jt-001").stdout == f"{WANG}\n"
    assert json.loads(staff(config, "list", "--station", "jt-001", "--json").stdout) == [WANG]
    assert staff(config, "withdraw", WANG, "--station", "jt-001").returncode == 0
    assert staff(config, "list", "--station", "jt-001").stdout == ""


def test_what_is_wrong_is_said_in_one_line(config):
    for arguments, said in (
        (("issue", WANG, "--station", "jt-009"), "jt-009 is no station"),
        (("issue", "王", "--station", "jt-001"), "no staff number"),
        (("withdraw", WANG, "--station", "jt-001"), "not on the list"),
    ):
        done = staff(config, *arguments)
        assert (done.returncode, len(done.stderr.splitlines()), done.stdout) == (1, 1, "")
        assert said in done.stderr


async def until(condition):
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - two processes away
            await asyncio.sleep(0.05)


async def test_a_pin_issued_at_headquarters_signs_in_at_the_kiosk_until_another_is_issued(tmp_path):
    async with City(tmp_path, stations=1) as city:
        station, config = city.stations[0], tmp_path / "hq/hq.toml"
        url = city.duty_url(station)
        browser = httpx.AsyncClient(base_url=url, headers={"Origin": url}, follow_redirects=True, timeout=30)

        async def signs_in(pin):
            await browser.post("/duty/sign-in", data={"staff": WANG, "pin": pin})
            return await is_signed_in()

        async def is_signed_in():
            return f"<b>{WANG}</b>" in (await browser.get("/duty")).text

        async def is_nobody():
            return not await is_signed_in()

        async with browser:
            issued = await asyncio.to_thread(staff, config, "issue", WANG, "--station", station)
            pin = issued.stdout.strip()
            await until(lambda: signs_in(pin))
            record = {"event_id": uuid7(wall_ms=1_795_000_000_000), "service": "QZ-02", "name": "欧阳甲测"}
            await browser.post("/duty/records", data=record | {"as": "registered"})
            path = f"/duty/records/{record['event_id']}/reveal"
            assert "欧阳甲测" in (await browser.post(path, data={"event_id": uuid7(wall_ms=1)})).text
            assert (await asyncio.to_thread(staff, config, "issue", WANG, "--station", station)).returncode == 0
            await until(is_nobody)
            assert not await signs_in(pin), "the earlier PIN is void"
            assert "欧阳甲测" not in (await browser.post(path, data={"event_id": uuid7(wall_ms=2)})).text
