"""Orders from a form of headquarters' page to the duty desk, through real processes."""

import asyncio
import json
import re

import httpx
from test_notice import hq, until

from jingting.city import MONITOR, City


async def test_a_dispatch_and_a_notice_of_the_page_reach_the_desk_once_and_stand_in_the_audit(tmp_path):
    async with City(tmp_path, stations=1) as city:
        station = city.stations[0]
        await asyncio.to_thread(city.account)
        options = {"timeout": 30, "headers": {"Origin": city.hq_url}}
        desk = httpx.AsyncClient(base_url=city.duty_url(station), timeout=30)
        async with httpx.AsyncClient(base_url=city.hq_url, **options) as browser, desk:
            form = {"name": MONITOR, "password": city.monitor_password}
            assert (await browser.post("/sign-in", data=form)).status_code == 303

            async def send(path, **fields):
                page = (await browser.get("/orders")).text
                event = re.search(rf'action="{path}".*?name="event_id" value="([^"]+)"', page, re.DOTALL)[1]
                for _ in range(2):
                    answer = await browser.post(path, data={"event_id": event} | fields)
                    assert answer.status_code == 303, answer.text

            async def shown():
                page = (await desk.get("/duty/live?lang=en")).text
                return "110-7" in page and "Roll call" in page

            await send("/orders/dispatch", station=station, service="QZ-01", reference="110-7", within="30")
            await send("/orders/notice", en="Roll call", to="all", days="1")
            await until(shown)
            page = (await desk.get("/duty/live?lang=en")).text
            assert (page.count("110-7"), page.count("Roll call")) == (1, 1)

            async def there():
                return (
                    "1 of 1" in (await browser.get("/notices?lang=en")).text
                    or "not read yet" in (await browser.get("/notices?lang=en")).text
                )

            await until(there)
            audit = await asyncio.to_thread(hq, tmp_path / "hq/hq.toml", "audit")
            told = [json.loads(line) for line in audit.stdout.splitlines() if line.startswith("{")] or audit.stdout
            assert "wang at the pages" in str(told) or f"{MONITOR} at the pages" in str(told)
