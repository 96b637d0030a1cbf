"""A citizen whose card was read walks away: a warning, and then nothing of it anywhere."""

import tomllib

import pytest
from browser_rig import LANGUAGES, LOOKS, Screen, chromium_with
from looks import begun, looked_at, walked
from playwright.async_api import async_playwright
from walks import READ, Walk

from drivers.simulators.cards import PEOPLE
from tests.agent.planted import found

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

CARD = tomllib.loads(PEOPLE.read_text(encoding="utf-8"))["card-4"]
PERSONAL = (CARD["name"], CARD["number"], CARD["address"])
MASKED = ("试*", "6****************X")

WARNED_S = 61
GONE_S = 31

AFTER_CARD = Walk(name="confirm", shows=".own", steps=READ)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("look", LOOKS)
async def test_the_warning_is_fit_for_everyone_and_one_huge_button_goes_on(late, clock, window, look, language):
    screen = await window(late, late.stations[0])
    await begun(screen)
    await screen.looks(look)
    await walked(screen, AFTER_CARD)
    clock.forward(WARNED_S)
    warning = Walk(name="warning", looks=(look,), shows="#stay")
    await screen.shows(warning.shows)
    assert not [word for word in MASKED if word in await screen.page.inner_text("body")]
    wrong = await looked_at(screen, warning, (language,))
    assert not wrong, "\n".join(wrong)
    # At once: with every second of the warning the page is drawn anew.
    assert await screen.page.evaluate("document.querySelector('#stay').offsetHeight") >= 120
    await screen.tap("#stay")
    await screen.shows(AFTER_CARD.shows)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_nobody_touches_the_screen_and_page_history_browser_disk_and_station_know_nothing(
    late, clock, tmp_path, language
):
    async with async_playwright() as playwright, chromium_with(playwright, tmp_path / "profile") as page:
        screen = Screen(page=page, city=late, station=late.stations[0])
        screen.listen()
        await begun(screen)
        await screen.speak(language)
        await walked(screen, AFTER_CARD)
        shown = await page.inner_text(".own")
        assert all(word in shown for word in MASKED)
        clock.forward(WARNED_S)
        await screen.shows("#stay")
        clock.forward(GONE_S)
        await screen.shows("#all-services")
        assert await page.locator("html").get_attribute("lang") == "zh-CN"

        for _ in range(await page.evaluate("history.length")):
            await screen.shows("#all-services")
            assert not [word for word in MASKED if word in await page.content()]
            await page.go_back()
            if page.url == "about:blank":
                break
        await screen.open()
        history = await (await page.context.new_cdp_session(page)).send("Page.getNavigationHistory")
        addresses = {entry["url"].split("?")[0] for entry in history["entries"]}
        assert addresses <= {"about:blank", screen.home + "/"}
        kept = await page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
        assert kept == [0, 0, ""]
        assert not screen.wrong, screen.wrong
    assert found(tmp_path / "profile", (*PERSONAL, MASKED[1])) == []
    assert found(late.folder, PERSONAL) == []
