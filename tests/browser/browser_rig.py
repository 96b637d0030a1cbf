"""Debian's Chromium in front of a real city: a finger on its screen, and an ear for whatever it must not do."""

import asyncio
import contextlib
import importlib.resources
import math
import shutil
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Page, Playwright, Request, Response
from playwright.async_api import Error as PlaywrightError

from jingting.city import City
from jingting.web import fetch

SIZES = ((1024, 600), (1280, 800), (800, 1280))
LANGUAGES = ("zh-CN", "en")
LOOKS = ("normal", "large")
DEADLINE_S = 20.0
HURRY_S = 0.6
SPOT_PX = 200

AXE = (importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
FINDINGS = Path(__file__).with_name("findings.js").read_text(encoding="utf-8")

_PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

_AXE_RUN = """
async () => (await axe.run({resultTypes: ['violations'], rules: {'color-contrast': {enabled: false}}})).violations
"""

RARE = "䶮㛃·"
"""Letters of names that few fonts have."""

WINDOW: dict[str, Any] = {
    "viewport": {"width": 1024, "height": 600},
    "has_touch": True,
    "reduced_motion": "reduce",
}

_CHROMIUM = ("chromium", "chromium-browser")
_QUIET = (
    "--no-sandbox",  # as root, as in CI, there is none; it opens our own pages only
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nobody else is found, whatever asks for him.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def _program() -> str:
    path = next((found for name in _CHROMIUM if (found := shutil.which(name))), None)
    assert path, "Chromium is missing: run scripts/setup"
    return path


async def chromium(playwright: Playwright) -> Browser:
    """Start the browser that `scripts/setup` installs: Playwright's own are never fetched."""
    return await playwright.chromium.launch(executable_path=_program(), args=list(_QUIET))


@contextlib.asynccontextmanager
async def chromium_with(playwright: Playwright, profile: Path) -> AsyncIterator[Page]:
    """A browser that keeps what it keeps in a folder, and its only window."""
    context = await playwright.chromium.launch_persistent_context(
        profile, executable_path=_program(), args=list(_QUIET), **WINDOW
    )
    yield context.pages[0]
    await context.close()


async def until(condition: Callable[[], object], *, within: float = DEADLINE_S) -> None:
    """Wait until a condition holds; fail after `within` seconds."""
    deadline = time.monotonic() + within
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.02)


@dataclass(kw_only=True)
class Screen:
    """One browser window, a station of the city before it, and what the browser said that it must never say."""

    page: Page
    city: City
    station: str
    wrong: list[str] = field(default_factory=list)
    weight: dict[str, int] = field(default_factory=dict)
    tapped: tuple[float, float] = (0, 0)
    tapped_at: float = 0
    forgiven: str = ""

    @property
    def home(self) -> str:
        return self.city.station_url(self.station)

    @property
    def duty(self) -> str:
        return self.city.duty_url(self.station)

    def listen(self) -> None:
        """Hear requests to anybody else, and errors of the page."""
        self.page.on("request", self._requested)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"a script failed: {error}"))
        self.page.on("response", self._answered)

    async def tap(self, selector: str) -> None:
        """Tap on what is there, or will be soon, as slowly as a person: two taps in a hurry on one spot are one."""
        where = self.page.locator(selector).first
        await where.wait_for(timeout=DEADLINE_S * 1000)
        box = await where.bounding_box() or {"x": 0, "y": 0, "width": 0, "height": 0}
        spot = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        hurried = self.tapped_at + HURRY_S - time.monotonic()
        if hurried > 0 and math.dist(spot, self.tapped) < SPOT_PX:
            await asyncio.sleep(hurried)
        await where.tap(timeout=DEADLINE_S * 1000)
        self.tapped, self.tapped_at = spot, time.monotonic()

    async def shows(self, selector: str) -> None:
        """Wait until something is on the screen, and the page is whole."""
        await self.page.locator(selector).first.wait_for(timeout=DEADLINE_S * 1000)
        await self.page.wait_for_load_state()

    async def open(self, path: str = "/") -> None:
        """Open a page of the citizen's screen, once the last tap has led wherever it leads."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                await self.page.goto(self.home + path, timeout=DEADLINE_S * 500)
            except PlaywrightError as error:
                overtaken = any(word in error.message for word in ("ERR_ABORTED", "interrupted", "Timeout"))
                if not overtaken or time.monotonic() > deadline:
                    raise
                await self.page.wait_for_load_state()
            else:
                break
        # A browser drops what is touched before the page was first seen; a person has nothing to touch yet.
        await self.page.evaluate(_PAINTED)

    async def speak(self, language: str) -> None:
        """Open the page again in a language; where the citizen stands is the station's business."""
        await self.open(f"/?lang={language}")

    async def looks(self, look: str) -> None:
        """Have the words in their normal size, or large."""
        if await self.page.locator(f"#{look}").count():
            await self.tap(f"#{look}")
            await self.shows("#normal" if look == "large" else "#large")

    async def status(self) -> dict[str, Any]:
        """The station's own view."""
        return await asyncio.to_thread(fetch, self.duty + "/status.json") or {}

    async def findings(self, rules: dict[str, object]) -> tuple[list[str], dict[str, list[int]]]:
        """What our own eyes find, and where help and exit stand."""
        seen = await self.page.evaluate(FINDINGS, rules)
        return seen["found"], seen["places"]

    async def axe(self) -> list[str]:
        """What axe calls serious or critical; contrast is measured by us, and more strictly."""
        if not await self.page.evaluate("() => 'axe' in window"):
            await self.page.evaluate(AXE)
        found = await self.page.evaluate(_AXE_RUN)
        return [
            f"axe, {one['impact']}: {one['id']} {[node['html'][:80] for node in one['nodes'][:3]]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    def _requested(self, request: Request) -> None:
        if urlsplit(request.url).hostname != "127.0.0.1" and not request.url.startswith(("data:", "blob:")):
            self.wrong.append(f"asked somebody else: {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not (self.forgiven and self.forgiven in message.text):
            self.wrong.append(f"the console says: {message.text}")

    async def _answered(self, response: Response) -> None:
        if "event-stream" in response.headers.get("content-type", ""):
            return
        length = response.headers.get("content-length", "")
        self.weight[urlsplit(response.url).path] = int(length) if length.isdigit() else 0
