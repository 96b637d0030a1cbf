"""Pages: from a tap to the next page, and from a tap on help to the duty desk's banner, in a browser six times slower.

A real city, and Debian's Chromium with its CPU throttled six times (Emulation.setCPUThrottlingRate), about as slow as a
kiosk's. A tap is a touch of the browser's own; it ends when the frame in which the next page stands has been drawn.
Help is tapped on the citizen's screen and ends at the duty desk, another page of the same browser. The baseline of each
is the same way in a browser that is not throttled.
"""

import asyncio
import itertools
import tempfile
import time
from pathlib import Path
from statistics import quantiles

from playwright.async_api import Browser, CDPSession, Page, async_playwright

from common.identifiers import uuid7
from jingting.city import City
from jingting.web import fetch, submit
from tests.browser.browser_rig import WINDOW, chromium

SECONDS = 90.0
SLOWER = 6
AIM_MS = 300.0
END_AIM_MS = 200.0
WARM_UP = 1
PAUSE_S = 0.7
"""Between two taps: two in a hurry on one spot are one to the page."""

WAYS = (
    ("#service-HZ-01", "#take"),
    ("#back", "#all-services"),
    ("#all-services", "#group-JG"),
    ("#back", "#all-services"),
)
"""What is tapped, and what stands on the next page; each way leads to where the next one begins."""

HELP = ".help button"
END = "#end"
BANNER = ".call.raised"

# Resolves with the page's own clock when the first frame that has an element, or that has it no more, has been drawn.
_DRAWN = """
([selector, there]) => new Promise((resolve) => {
  const look = () => ((document.querySelector(selector) !== null) === there
    ? requestAnimationFrame(() => setTimeout(() => resolve(Date.now()), 0))
    : requestAnimationFrame(look));
  look();
})
"""


class Screen:
    """One page, throttled or not, and a finger."""

    def __init__(self, page: Page, session: CDPSession) -> None:
        self.page = page
        self._session = session

    @classmethod
    async def opened(cls, browser: Browser, url: str, slower: int) -> "Screen":
        context = await browser.new_context(**WINDOW)
        page = await context.new_page()
        await page.goto(url)
        session = await context.new_cdp_session(page)
        await session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
        return cls(page, session)

    async def touch(self, selector: str) -> float:
        """Touch the middle of an element, and return when (milliseconds since 1970)."""
        box = await self.page.locator(selector).first.bounding_box()
        assert box is not None
        spot = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        began = time.time() * 1000
        await self._session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [spot]})
        await self._session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        return began

    async def tapped(self, selector: str, shows: str, *, there: bool = True, at: "Screen | None" = None) -> float:
        """Return the milliseconds from a touch until a page, this one or another, has drawn what it is to show."""
        drawn = asyncio.create_task((at or self).page.evaluate(_DRAWN, [shows, there]))
        await asyncio.sleep(PAUSE_S)
        began = await self.touch(selector)
        return float(await drawn) - began


async def _close_calls(url: str) -> None:
    """Have the officer close what is open, so that the next press is another call."""
    view = await asyncio.to_thread(fetch, url + "/status.json")
    for call in view["calls"] if view else ():
        for step, fields in (("acknowledge", {}), ("close", {"reason": "helped"})):
            event_id = uuid7(wall_ms=time.time_ns() // 1_000_000)
            await asyncio.to_thread(submit, f"{url}/duty/calls/{call['id']}/{step}", event_id=event_id, **fields)


async def _measure(city: City, browser: Browser, slower: int, seconds: float) -> dict[str, list[float]]:
    station = city.stations[0]
    citizen = await Screen.opened(browser, city.station_url(station) + "/", slower)
    duty = await Screen.opened(browser, city.duty_url(station) + "/duty", slower)
    took: dict[str, list[float]] = {"next": [], "end": [], "help": []}
    ways = itertools.cycle(WAYS)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends or len(took["next"]) % len(WAYS) or not took["next"]:
        selector, shows = next(ways)
        took["next"].append(await citizen.tapped(selector, shows))
    ends = time.monotonic() + seconds / 3
    while time.monotonic() < ends or len(took["end"]) < 2 + WARM_UP:
        await citizen.tapped("#service-HZ-01", "#take")
        took["end"].append(await citizen.tapped(END, "#take", there=False))
        await citizen.page.wait_for_selector("#all-services")
    ends = time.monotonic() + seconds
    while time.monotonic() < ends or len(took["help"]) < 2 + WARM_UP:
        took["help"].append(await citizen.tapped(HELP, BANNER, at=duty))
        await citizen.page.wait_for_load_state()
        await _close_calls(city.duty_url(station))
        await duty.page.wait_for_selector(BANNER, state="detached")
    for screen in (citizen, duty):
        await screen.page.context.close()
    # The first of a kind compiles its scripts; a kiosk's browser runs for weeks.
    return {what: all_of_it[WARM_UP:] for what, all_of_it in took.items()}


async def measure(seconds: float) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    with tempfile.TemporaryDirectory() as folder:
        async with City(Path(folder), stations=1) as city, async_playwright() as playwright:
            browser = await chromium(playwright)
            ours = await _measure(city, browser, SLOWER, seconds / 3)
            bare = await _measure(city, browser, 1, seconds / 9)
            await browser.close()
    return ours, bare


def rows(seconds: float) -> list[dict[str, object]]:
    """Measure for about `seconds`; p95 in milliseconds."""
    ours, bare = asyncio.run(measure(seconds))
    found = []
    for name, key, aim in (
        ("pages, tap to next page, p95", "next", AIM_MS),
        ("pages, help tap to duty banner, p95", "help", AIM_MS),
        ("pages, end and erase to blank, p95", "end", END_AIM_MS),
    ):
        value, baseline = (quantiles(took[key], n=20, method="inclusive")[18] for took in (ours, bare))
        found.append(
            {
                "name": name,
                "value": round(value),
                "unit": "ms",
                "baseline": round(baseline),
                "ratio": round(value / baseline, 2),
                "aim": aim,
                "met": value <= aim,
            }
        )
    return found
