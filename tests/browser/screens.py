"""`make screens`: a picture of every page, in docs/screens; smaller where Debian's pngquant is at hand.

Run with tests/browser as its folder of imports: `python tests/browser/screens.py`.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path

from browser_rig import WINDOW, Screen, chromium
from looks import begun, walked
from playwright.async_api import Browser, async_playwright
from walks import CALLING, DESK, QUIET, Walk

from jingting.city import City
from tests.moved_clock import MovedClock

FOLDER = Path(__file__).parents[2] / "docs/screens"
WIDE = {"width": 1280, "height": 800}
SMALL = {"width": 1024, "height": 600}
HIGH = {"width": 800, "height": 1280}

OTHERS = (("home", "en", "normal", WIDE), ("home", "zh-CN", "large", HIGH), ("service", "en", "large", HIGH))
"""Some pages once more: another language, size or screen."""


BY_NIGHT = ("duty desk, work", "duty desk, help", "duty desk, handover", "duty desk, handover, an item")
"""Pages of the desk by night too."""


async def taken(browser: Browser, city: City) -> list[Path]:
    """Take all pictures, and return their files."""
    files = []
    for station, walks in zip(city.stations, (QUIET, CALLING), strict=True):
        for walk in walks:
            looks = [("zh-CN", walk.looks[0], WIDE)]
            looks += [(language, look, size) for name, language, look, size in OTHERS if name == walk.name]
            for language, look, size in looks:
                screen = await opened(browser, city, station)
                await begun(screen)
                await walked(screen, walk)
                await screen.looks(look)
                await screen.speak(language)
                await screen.page.set_viewport_size(size)
                await screen.shows(walk.shows)
                other = "" if (language, size) == ("zh-CN", WIDE) else f" {language} {look}"
                files.append(await picture(screen, walk.name + other))
                await screen.page.context.close()
    for walk in DESK:
        screen = await opened(browser, city, city.stations[1])
        await begun(screen)
        await walked(screen, walk)
        files.append(await picture(screen, walk.name))
        if walk.name in BY_NIGHT:
            files += await by_night(screen, walk)
        await screen.page.context.close()
    files.append(await stand_in(browser, city))
    return files


async def by_night(screen: Screen, walk: Walk) -> list[Path]:
    """Take a page of the desk as it is at night, in both languages, and on a small screen."""
    files, where = [], screen.page.url.split("?")[0]
    await screen.page.emulate_media(color_scheme="dark")
    for language, size in (("zh-CN", WIDE), ("en", WIDE), ("en", SMALL)):
        await screen.page.set_viewport_size(size)
        await screen.page.goto(f"{where}?lang={language}")
        await screen.shows(walk.shows)
        small = " small" if size is SMALL else ""
        files.append(await picture(screen, f"{walk.name} night {language}{small}"))
    return files


async def stand_in(browser: Browser, city: City) -> Path:
    """Take the page that the browser shows while the station does not answer."""
    screen = await opened(browser, city, city.stations[0], service_workers="block")
    await screen.page.route("**/live", lambda route: route.abort())
    await screen.open("/down")
    return await picture(screen, "station does not answer")


async def warning(browser: Browser, city: City, clock: MovedClock) -> Path:
    """Take the page that asks whether somebody is still there."""
    screen = await opened(browser, city, city.stations[0])
    await begun(screen)
    await screen.tap("#service-HZ-01")
    await screen.shows("#take")  # a tap that came later would begin the wait anew
    clock.forward(61)
    await screen.shows("#stay")
    return await picture(screen, "are you still there")


async def opened(browser: Browser, city: City, station: str, **options: object) -> Screen:
    context = await browser.new_context(**(WINDOW | {"viewport": WIDE} | options))
    return Screen(page=await context.new_page(), city=city, station=station)


async def picture(screen: Screen, name: str) -> Path:
    """Take one picture."""
    file = FOLDER / f"{name.replace(',', '').replace(' ', '-')}.png"
    await screen.page.screenshot(path=file, animations="disabled")
    if shutil.which("pngquant"):
        smaller = await asyncio.create_subprocess_exec("pngquant", "--force", "--ext", ".png", "64", file)
        await smaller.wait()
    return file


async def main() -> None:
    """Start a city and a browser, and throw away the pictures of pages that are no more."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with City(Path(folder), stations=2) as city, async_playwright() as playwright:
            browser = await chromium(playwright)
            files = await taken(browser, city)
            clock = MovedClock(Path(folder) / "moved")
            with clock.taught():
                await city.restart(f"station-{city.stations[0]}")
            files.append(await warning(browser, city, clock))
    for file in set(FOLDER.glob("*.png")) - set(files):
        file.unlink()


if __name__ == "__main__":
    asyncio.run(main())
