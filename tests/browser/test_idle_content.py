"""Legal education on a screen that nobody touches, as everybody may see it; and one touch ends it."""

import pytest
from browser_rig import SIZES
from looks import CITIZEN, begun
from walks import HELP

from jingting import lesson

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

RESTS_S = 61
LEAF, BEGIN = ".leaf", "#begin"


async def test_what_is_shown_while_nobody_is_there_is_fit_for_everyone_and_one_touch_ends_it(late, clock, window):
    assert await lesson.send(late)
    screen = await window(late, late.stations[0])
    await begun(screen)
    clock.forward(RESTS_S)
    await screen.shows(LEAF)
    wrong = await screen.axe()
    for width, height in SIZES:
        await screen.page.set_viewport_size({"width": width, "height": height})
        wrong += [f"{width}×{height}: {word}" for word in (await screen.findings(CITIZEN))[0]]
    assert not wrong, "\n".join(wrong)
    assert await screen.page.locator(HELP).is_visible()
    await screen.tap(BEGIN)
    await screen.shows("#all-services")
