"""Pages of the people at work: nothing cut or faint, in both languages, by day and by night, small screen and wall."""

import itertools

import pytest
from browser_rig import LANGUAGES
from looks import begun, walked
from walks import DESK

pytestmark = pytest.mark.asyncio(loop_scope="module")

RULES = {
    "control": 24,  # WCAG 2.2, "target size (minimum)"
    "apart": 0,
    "text": 14,
    "contrast": 4.5,
    "still": False,
    "letters": "",
    "places": {},
}
SIZES = ((1024, 600), (1280, 800), (1920, 1080))


@pytest.mark.parametrize("walk", DESK, ids=str)
async def test_a_page_at_work_is_whole_and_readable(walk, city, window):
    screen = await window(city, city.stations[1])
    await begun(screen)
    await walked(screen, walk)
    where, wrong = screen.page.url.split("?")[0], []
    query = "service=HZ-01&" if "service=" in screen.page.url else ""
    for language in LANGUAGES:
        await screen.page.goto(f"{where}?{query}lang={language}")
        await screen.shows(walk.shows)
        wrong += [f"{language}: {word}" for word in await screen.axe()]
        for (width, height), scheme in itertools.product(SIZES, ("dark", "light")):
            await screen.page.set_viewport_size({"width": width, "height": height})
            await screen.page.emulate_media(color_scheme=scheme)
            found, _ = await screen.findings(RULES)
            wrong += [f"{language} {width}×{height} {scheme}: {word}" for word in found]
    assert not wrong, "\n".join(wrong)
