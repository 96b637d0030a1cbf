"""A dispatch from `jingting hq order dispatch` to the duty desk and back, through real processes."""

import asyncio
import json
import re
import subprocess
import sys

import httpx

from jingting.city import City


def hq(config, *arguments):
    line = [sys.executable, "-m", "jingting", "hq", *arguments, "--config", str(config)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


async def until(condition):
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - two processes away
            await asyncio.sleep(0.05)


async def test_a_dispatch_goes_through_its_times_and_comes_not_again_after_headquarters_is_restored(tmp_path):
    async with City(tmp_path, stations=1) as city:
        station, config = city.stations[0], tmp_path / "hq/hq.toml"
        url = city.duty_url(station)
        browser = httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=30)

        async def listed():
            done = await asyncio.to_thread(hq, config, "order", "dispatches", "--json")
            return {one["reference"]: one for one in json.loads(done.stdout)}

        async def next_step():
            page = (await browser.get("/duty/live")).text
            return re.search(r'action="(/duty/dispatches/[^"]+)".*?name="event_id" value="([^"]+)"', page, re.DOTALL)

        async def take(step, **more):
            form = await next_step()
            assert form[1].endswith(f"/{step}")
            done = await browser.post(form[1], data={"event_id": form[2]} | more)
            assert done.status_code == 303

        async def is_shown():
            return await next_step() is not None

        async def is_reported():
            return (await listed())["110-7"]["stand"] == "reported"

        async with browser:
            sending = ("order", "dispatch", "--station", station, "--service", "QZ-01", "--reference")
            assert (await asyncio.to_thread(hq, config, *sending, "110-7", "--urgent")).returncode == 0
            await until(is_shown)
            for step in ("receive", "set_out", "arrive"):
                await take(step)
            copy = tmp_path / "copy"
            assert (await asyncio.to_thread(hq, config, "backup", str(copy))).returncode == 0
            await take("report", result="handled")
            await until(is_reported)
            assert list((await listed())["110-7"]["times"]) == ["receive", "set_out", "arrive", "report"]
            await city.process("hq").stop()
            restored = await asyncio.to_thread(hq, config, "restore", str(copy), "--force")
            assert restored.returncode == 0, restored.stderr
            city.process("hq").start()
            # A second one, so that something shows that the new orders journal has come through, whole.
            await until(lambda: sent_again(config, sending))
            await until(is_shown)
            page = (await browser.get("/duty/live")).text
            assert ("110-8" in page, "110-7" in page) == (True, False)
            await until(is_reported)


async def sent_again(config, sending):
    return (await asyncio.to_thread(hq, config, *sending, "110-8")).returncode == 0


def test_what_is_no_code_is_refused_before_anything_is_sent(tmp_path):
    done = hq(
        tmp_path / "no.toml", "order", "dispatch", "--station", "jt-001", "--service", "QZ-01", "--reference", "王某"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "--reference" in done.stderr
