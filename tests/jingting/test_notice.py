"""A notice from `jingting hq order notice` to the duty desk, read there, and known as read; through real processes."""

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


async def test_a_notice_reaches_every_desk_once_and_comes_not_again_after_headquarters_is_restored(tmp_path):
    async with City(tmp_path, stations=2) as city:
        config = tmp_path / "hq/hq.toml"
        first = city.stations[0]
        url = city.duty_url(first)
        browser = httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=30)

        async def listed():
            done = await asyncio.to_thread(hq, config, "order", "notices", "--json")
            return {
                one["en"]: {at["station"]: at["stand"] for at in one["stations"]} for one in json.loads(done.stdout)
            }

        async def send(words, *more):
            return await asyncio.to_thread(hq, config, "order", "notice", "--all", "--en", words, *more)

        async def page():
            return (await browser.get("/duty/live?lang=en")).text

        async def first_unread():
            return re.search(
                r'action="(/duty/notices/[^"]+)".*?name="event_id" value="([^"]+)"', await page(), re.DOTALL
            )

        async def is_shown():
            return await first_unread() is not None

        async def is_read():
            return (await listed())["Roll call"] == {first: "read", city.stations[1]: "there"}

        async with browser:
            assert (await send("Roll call", "--must-read")).returncode == 0
            await until(is_shown)
            form = await first_unread()
            assert (await browser.post(form[1], data={"event_id": form[2]})).status_code == 303
            await until(is_read)
            copy = tmp_path / "copy"
            assert (await asyncio.to_thread(hq, config, "backup", str(copy))).returncode == 0
            await city.process("hq").stop()
            restored = await asyncio.to_thread(hq, config, "restore", str(copy), "--force")
            assert restored.returncode == 0, restored.stderr
            city.process("hq").start()

            async def another_is_sent():
                return (await send("Second")).returncode == 0

            await until(another_is_sent)
            await until(is_shown)
            shown = await page()
            assert shown.count("Roll call") == 1
            assert shown.count('data-key="r"') == 1
            assert shown.index("Second") < shown.index("Roll call")
            assert await is_read()


def test_what_is_no_notice_is_refused_before_anything_is_sent(tmp_path):
    for words, hint in ((("--zh", "打 13800138000"), "--zh"), (("--en", "a\x07b"), "--en"), ((), "--zh")):
        done = hq(tmp_path / "no.toml", "order", "notice", "--station", "jt-001", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert hint in done.stderr
        assert "138" not in done.stderr
