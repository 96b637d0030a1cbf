"""Every page of the citizen's screen, in every size and language: anyone can read it, hit it and understand it."""

import itertools

import pytest
from browser_rig import LANGUAGES, RARE, SIZES, Screen
from walks import CALLING, END, HELP, QUIET, Walk, officer

pytestmark = pytest.mark.asyncio(loop_scope="module")

CITIZEN_PLACES = {"help": HELP, "end": END}
CITIZEN = {
    "control": 60,
    "apart": 12,
    "text": 22,
    "contrast": 7,
    "still": True,
    "letters": RARE,
    "places": CITIZEN_PLACES,
}
HEAVIEST = 60 * 1024


async def walked(screen: Screen, walk: Walk) -> None:
    """Begin at the first page, whatever the last one here left open, and go there."""
    for call in (await screen.status())["calls"]:
        if call["state"] != "closed":
            await officer("acknowledge")(screen)
            await officer("close", reason="helped")(screen)
    screen.city.lift_card(screen.station)
    await screen.page.goto(screen.home + "/")
    await screen.tap(END)
    for step in walk.steps:
        if isinstance(step, str):
            await screen.tap(step)
        else:
            await step(screen)
    await screen.shows(walk.shows)


async def looked_at(screen: Screen, walk: Walk) -> list[str]:
    """Everything that is wrong with the page where the screen stands, each with the view in which it is."""
    wrong = []
    for look, language in itertools.product(walk.looks, LANGUAGES):
        await screen.looks(look)
        screen.weight.clear()
        await screen.speak(language)
        await screen.shows(walk.shows)
        view = f"{language} {look}"
        if sum(screen.weight.values()) > HEAVIEST:
            wrong.append(f"{view}: it weighs {sum(screen.weight.values())} bytes")
        wrong += [f"{view}: {word}" for word in await screen.axe()]
        for width, height in SIZES:
            await screen.page.set_viewport_size({"width": width, "height": height})
            found, places = await screen.findings(CITIZEN)
            wrong += [f"{view} {width}×{height}: {word}" for word in found]
            for name in CITIZEN_PLACES:
                stood = PLACES.setdefault((name, language, width, height), places.get(name))
                if stood is None or stood != places.get(name):
                    wrong.append(f"{view} {width}×{height}: {name} stands at {places.get(name)}, elsewhere at {stood}")
    return wrong


PLACES: dict[tuple[str, str, int, int], list[int] | None] = {}
"""Where help and exit stood on the first page that was looked at, by view: so must they on all others."""


@pytest.mark.parametrize("walk", QUIET, ids=str)
async def test_a_page_is_fit_for_everyone(walk, city, window):
    screen = await window(city, city.stations[0])
    await walked(screen, walk)
    wrong = await looked_at(screen, walk)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("walk", CALLING, ids=str)
async def test_a_page_of_a_help_call_is_fit_for_everyone(walk, city, window):
    screen = await window(city, city.stations[1])
    await walked(screen, walk)
    wrong = await looked_at(screen, walk)
    assert not wrong, "\n".join(wrong)
