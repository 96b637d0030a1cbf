"""The citizen's screen is heard in a real Chromium, from one tap on until whoever asked for it is gone."""

import pytest
from browser_rig import LANGUAGES, Screen
from walks import END, HELP, ID_CARD, put

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLAYS = """(name) => {
  const voice = document.getElementById("voice");
  return voice && voice.src.includes(`/${name}.`) && !voice.paused && voice.currentTime > 0.2;
}"""


async def hears(screen: Screen, name: str) -> None:
    await screen.page.wait_for_function(PLAYS, arg=name, timeout=20_000)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_is_heard_once_asked_for_also_one_that_came_by_itself(language, city, window):
    screen = await window(city, city.stations[0])
    await screen.speak(language)
    assert await screen.page.locator("#voice").count() == 0
    await screen.tap("#speak")
    await hears(screen, f"citizen_home.{language}")
    await screen.tap(ID_CARD[0])
    await hears(screen, f"citizen_service.{language}")
    for step in ID_CARD[1:]:
        await screen.tap(step)
    await hears(screen, f"visit_purpose.{language}")
    await screen.tap("#agree")
    await hears(screen, f"visit_card.{language}")
    await put("card-4")(screen)
    await hears(screen, f"visit_confirm.{language}")
    await screen.tap(END)
    await screen.shows("#speak")
    assert await screen.page.locator("#voice").count() == 0
    assert await screen.page.evaluate("document.documentElement.lang") == "zh-CN"


async def test_a_press_of_help_is_spoken_of_before_the_page(city, window):
    screen = await window(city, city.stations[1])
    await screen.speak("zh-CN")
    await screen.tap("#speak")
    await screen.tap("#all-services")
    await hears(screen, "citizen_groups.zh-CN")
    await screen.tap(HELP)
    await hears(screen, "call_sounding.zh-CN")
