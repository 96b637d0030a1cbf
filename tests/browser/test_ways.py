"""Ways about the screen: what somebody looks for is near, and who leaves leaves nothing to be seen."""

import signal

import pytest
from browser_rig import LANGUAGES
from looks import begun, walked
from walks import END, READ, Walk

from jingting.web import submit

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

WHERE = {"zh-CN": "派出所", "en": "olice"}


@pytest.fixture(params=LANGUAGES)
def language(request):
    return request.param


async def test_an_old_person_finds_where_to_replace_an_identity_card_in_three_taps(city, window, language):
    screen = await window(city, city.stations[0])
    await begun(screen)
    await screen.speak(language)
    for tap in ("#large", "#service-HZ-01", "#when"):
        await screen.tap(tap)
    await screen.shows(f"#live >> text={WHERE[language]}")
    assert "large" in await screen.page.locator("body").get_attribute("class")


async def test_a_page_that_its_browser_lost_on_the_way_is_asked_for_again(city, window):
    """Chromium may forget a navigation while one worker takes the place of another; here it is held up for good."""
    screen = await window(city, city.stations[0], service_workers="block")
    await begun(screen)
    lost = []

    async def lose_the_first(route):
        if route.request.is_navigation_request() and not lost:
            lost.append(route)
        else:
            await route.continue_()

    await screen.page.route("**/*", lose_the_first)
    submit(screen.home + "/look", lang="en")
    await screen.shows("html[lang=en]")
    assert lost
    await screen.page.unroute_all()


async def test_end_and_erase_blanks_the_screen_even_while_the_station_does_not_answer(city, window, language):
    station = city.stations[0]
    process = city.process(f"station-{station}")
    screen = await window(city, station)
    await begun(screen)
    await screen.speak(language)
    await walked(screen, Walk(name="confirm", shows=".own", steps=READ))
    process.send(signal.SIGSTOP)
    try:
        await screen.tap(END)
        await screen.page.wait_for_selector(".own", state="detached", timeout=1000)
        assert "6****************X" not in await screen.page.inner_text("body")
    finally:
        process.send(signal.SIGCONT)
    await screen.shows("#all-services")
