"""To walk to a page, and to look at it as everybody may see it: in every size and language, normal and large."""

import itertools

from browser_rig import LANGUAGES, RARE, SIZES, Screen
from walks import END, HELP, Walk, officer

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


async def begun(screen: Screen) -> None:
    """Stand at the first page, whatever the last one here left open."""
    for call in (await screen.status())["calls"]:
        if call["state"] != "closed":
            await officer("acknowledge")(screen)
            await officer("close", reason="helped")(screen)
    screen.city.lift_card(screen.station)
    await screen.open()
    async with screen.page.expect_response(lambda response: response.request.method == "POST"):
        await screen.tap(END)
    await screen.open()


async def walked(screen: Screen, walk: Walk) -> None:
    """Go to a page from the first one."""
    for step in walk.steps:
        await (screen.tap(step) if isinstance(step, str) else step(screen))
    await screen.shows(walk.shows)


async def looked_at(screen: Screen, walk: Walk, languages: tuple[str, ...] = LANGUAGES) -> list[str]:
    """Everything that is wrong with the page where the screen stands, each with the view in which it is."""
    wrong = []
    for look, language in itertools.product(walk.looks, languages):
        await screen.looks(look)
        screen.weight.clear()
        await screen.speak(language)
        await screen.shows(walk.shows)
        view = f"{language} {look}"
        if sum(screen.weight.values()) > HEAVIEST:
            wrong.append(f"{view}: it weighs {sum(screen.weight.values())} bytes")
        if (look, language) != ("large", "zh-CN"):  # to axe, which reads the tree, the other large one is the same
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
