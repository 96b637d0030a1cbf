"""One browser and one city for all tests of a module: both start once, and each test gets a window of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from browser_rig import WINDOW, Screen, chromium
from playwright.async_api import Browser, async_playwright

from jingting.city import City
from tests.moved_clock import MovedClock


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await chromium(playwright)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def city(tmp_path_factory) -> AsyncIterator[City]:
    """Two stations: the screen of the first is nobody's in trouble, at the second people call for help."""
    async with City(tmp_path_factory.mktemp("city"), stations=2) as city:
        yield city


@pytest_asyncio.fixture(loop_scope="module")
async def window(browser) -> AsyncIterator[Callable[..., Awaitable[Screen]]]:
    """Opens windows before a station of a city; each is closed at the end, and must have had nothing to complain of."""
    screens: list[Screen] = []

    async def opened(city: City, station: str, **options: object) -> Screen:
        context = await browser.new_context(**(WINDOW | options))
        screen = Screen(page=await context.new_page(), city=city, station=station)
        screen.listen()
        screens.append(screen)
        return screen

    yield opened
    for screen in screens:
        await screen.page.context.close()
    wrong = [word for screen in screens for word in screen.wrong]
    assert not wrong, wrong


@pytest.fixture(scope="module")
def clock(tmp_path_factory) -> MovedClock:
    return MovedClock(tmp_path_factory.mktemp("clock") / "moved")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def late(tmp_path_factory, clock):
    """A city whose station's clocks are the test's to put forward."""
    async with City(tmp_path_factory.mktemp("late"), stations=1) as city:
        with clock.taught():
            await city.restart(f"station-{city.stations[0]}")
        await city.connected()
        yield city
