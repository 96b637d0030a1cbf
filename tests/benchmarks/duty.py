"""The duty desk with ten thousand records: a record saved by keyboard, in a browser six times slower; its other pages.

A real city, its station with RECORDS records of which OPEN are open, and Debian's Chromium with its CPU throttled six
times (Emulation.setCPUThrottlingRate). `a record saved`: from Enter until the browser has the station's answer, which
comes after the journal's fsync; `a field kept`: from leaving a field of a new record until the page says that it is
kept; `its page drawn`: until the frame in which the saved record's own page stands. What is of the station alone is
asked for without a browser. The baseline of each is the same at a station without records, in a browser that is not
throttled.
"""

import asyncio
import contextlib
import multiprocessing
import tempfile
import time
import urllib.parse
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import quantiles
from typing import Any, Self
from zoneinfo import ZoneInfo

from playwright.async_api import Browser, async_playwright

from agent import settings
from agent.opening import open_journal
from agent.record_form import Header
from agent.records import Records
from common import catalogue
from common.clock import Clock
from common.identifiers import uuid7
from jingting.city import City
from jingting.web import fetch
from tests.browser.browser_rig import WINDOW, chromium

SECONDS = 60.0
SLOWER = 6
RECORDS = 10_000
OPEN = 300
AIM_MS = 150.0
PAGES = ("/duty", "/duty/figures", "/duty/handover", "/duty/new?service=QZ-01")
WARM_UP = 1

_AT_ONCE = 500

# The page's own clock when the first frame that has an element has been drawn.
_DRAWN = """
(() => {
  const look = () => (document.querySelector(".step-list")
    ? requestAnimationFrame(() => setTimeout(() => { window.drawnAt = Date.now(); }, 0))
    : requestAnimationFrame(look));
  requestAnimationFrame(look);
})();
"""
_DRAWN_AT = """
() => new Promise((resolve) => {
  const answered = () => performance.timeOrigin + performance.getEntriesByType("navigation")[0].redirectEnd;
  const look = () => (window.drawnAt ? resolve([window.drawnAt, answered()]) : setTimeout(look, 1));
  look();
})
"""
_KEPT = """
() => new Promise((resolve) => {
  const look = () => (document.querySelector("[data-kept=true]")
    ? requestAnimationFrame(() => setTimeout(() => resolve(Date.now()), 0))
    : requestAnimationFrame(look));
  look();
})
"""


def new_id() -> str:
    return uuid7(wall_ms=time.time_ns() // 1_000_000)


def fill(file: Path, count: int) -> None:
    """Open so many records at the station of these settings while it is stopped, and close all but OPEN."""
    asyncio.run(_fill(file, count))


async def _fill(file: Path, count: int) -> None:
    found, clock = settings.load(file), Clock()
    journal = await open_journal(found, clock, asyncio.Event(), {})
    assert journal is not None
    nobody: Any = None  # whom nobody asks, as long as nothing personal is typed
    zone = ZoneInfo(found.station.zone)
    records = Records(journal, clock, catalogue=catalogue.load(), code=found.station.code, zone=zone, seals=nobody)
    services = [code for code in ("QZ-01", "ZX-01", "BF-01") if code in records.catalogue.services]

    async def one(number: int) -> None:
        header = Header(service=services[number % len(services)])
        opened = await records.open(new_id(), channel="window", header=header, state="registered")
        if number >= OPEN:
            await records.step(opened.id, "withdraw", new_id())

    for first in range(0, count, _AT_ONCE):
        await asyncio.gather(*(one(number) for number in range(first, min(first + _AT_ONCE, count))))
    await journal.stop()


class Desk:
    """The duty desk in one browser page."""

    def __init__(self, browser: Browser, url: str, slower: int) -> None:
        self._browser = browser
        self._url = url
        self._slower = slower

    async def __aenter__(self) -> Self:
        context = await self._browser.new_context(**WINDOW)
        await context.add_init_script(_DRAWN)
        self.page = await context.new_page()
        await self.page.goto(f"{self._url}/duty")
        session = await context.new_cdp_session(self.page)
        await session.send("Emulation.setCPUThrottlingRate", {"rate": self._slower})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.page.context.close()

    async def save(self) -> tuple[float, float, float]:
        """Log a walk-in; return the milliseconds until a field was kept, the record saved, and its page drawn."""
        await self.page.goto(f"{self._url}/duty/new?service=QZ-01")
        await self.page.fill("[name=staff]", "012345")
        kept = asyncio.create_task(self.page.evaluate(_KEPT))
        await asyncio.sleep(0.1)
        began = time.time() * 1000
        await self.page.keyboard.press("Tab")
        kept_ms = float(await kept) - began
        await self.page.focus("[name=staff]")
        began = time.time() * 1000
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_selector(".step-list")
        drawn_ms, saved_ms = await self.page.evaluate(_DRAWN_AT)
        return kept_ms, saved_ms - began, drawn_ms - began


def post(url: str, form: dict[str, str]) -> float:
    """Return the milliseconds until a form was answered: it is saved, or it was not."""
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), {"Origin": url.rpartition("/duty")[0]})
    opener = urllib.request.build_opener(_Stay)
    began = time.perf_counter()
    with contextlib.suppress(urllib.error.HTTPError):  # 303, See Other: it is saved
        opener.open(request, timeout=10)
    return (time.perf_counter() - began) * 1000


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def get(url: str) -> float:
    began = time.perf_counter()
    urllib.request.urlopen(url, timeout=10).read()
    return (time.perf_counter() - began) * 1000


async def _measure(browser: Browser, url: str, slower: int, seconds: float) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {"kept": [], "saved": [], "drawn": [], "station": []} | {page: [] for page in PAGES}
    ends = time.monotonic() + seconds
    async with Desk(browser, url, slower) as desk:
        while time.monotonic() < ends or len(took["saved"]) < 2 + WARM_UP:
            for what, ms in zip(("kept", "saved", "drawn"), await desk.save(), strict=True):
                took[what].append(ms)
    for _ in range(max(3, int(seconds))):
        form = {"event_id": new_id(), "service": "QZ-01", "as": "registered"}
        took["station"].append(await asyncio.to_thread(post, f"{url}/duty/records", form))
        for page in PAGES:
            took[page].append(await asyncio.to_thread(get, url + page))
    return {what: all_of_it[WARM_UP:] for what, all_of_it in took.items()}


async def measure(seconds: float, records: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    with tempfile.TemporaryDirectory() as folder:
        async with City(Path(folder), stations=2) as city, async_playwright() as playwright:
            full, bare = city.stations
            process = city.process(f"station-{full}")
            await process.stop()
            # In a process of its own: a station's folder is claimed for as long as one lives.
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as others:
                file = city.station_folder(full) / "station.toml"
                await asyncio.get_running_loop().run_in_executor(others, fill, file, records)
            await city.restart(f"station-{full}")
            while (fetch(city.duty_url(full) + "/status.json") or {"waiting": 1})["waiting"]:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            browser = await chromium(playwright)
            ours = await _measure(browser, city.duty_url(full), SLOWER, seconds * 2 / 3)
            baseline = await _measure(browser, city.duty_url(bare), 1, seconds / 3)
            await browser.close()
    return ours, baseline


def rows(seconds: float, *, records: int = RECORDS) -> list[dict[str, object]]:
    """Measure for about `seconds`; p95 in milliseconds."""
    ours, bare = asyncio.run(measure(seconds, records))
    aims: dict[str, tuple[str, float | None]] = {
        "saved": ("duty, a record saved, p95", AIM_MS),
        "kept": ("duty, a field kept, p95", AIM_MS),
        "drawn": ("duty, its page drawn, p95", None),
        "station": ("duty, saved, of the station, p95", None),
    }
    aims |= {page: (f"duty, {page} of the station, p95", None) for page in PAGES}
    found = []
    for key, (name, aim) in aims.items():
        value, baseline = (quantiles(took[key], n=20, method="inclusive")[18] for took in (ours, bare))
        found.append(
            {
                "name": name,
                "value": round(value),
                "unit": "ms",
                "baseline": round(baseline),
                "ratio": round(value / max(baseline, 0.1), 2),
                "aim": aim,
                "met": None if aim is None else value <= aim,
            }
        )
    return found
