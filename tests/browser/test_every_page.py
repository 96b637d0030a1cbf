"""Every page of the citizen's screen, in every size and language: anyone can read it, hit it and understand it."""

import pytest
from browser_rig import SIZES
from looks import CITIZEN, begun, looked_at, walked
from walks import CALLING, QUIET

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("walk", QUIET, ids=str)
async def test_a_page_is_fit_for_everyone(walk, city, window):
    screen = await window(city, city.stations[0])
    await begun(screen)
    await walked(screen, walk)
    wrong = await looked_at(screen, walk)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("walk", CALLING, ids=str)
async def test_a_page_of_a_help_call_is_fit_for_everyone(walk, city, window):
    screen = await window(city, city.stations[1])
    await begun(screen)
    await walked(screen, walk)
    wrong = await looked_at(screen, walk)
    assert not wrong, "\n".join(wrong)


async def test_the_page_that_stands_in_for_a_station_that_does_not_answer_is_fit_for_everyone(city, window):
    screen = await window(city, city.stations[0], service_workers="block")
    screen.forgiven = "net::ERR_FAILED"
    # Else it would be gone at once: it looks whether the station is back.
    await screen.page.route("**/live", lambda route: route.abort())
    await screen.open("/down")
    await screen.shows(".call-110")
    wrong = await screen.axe()
    for width, height in SIZES:
        await screen.page.set_viewport_size({"width": width, "height": height})
        wrong += [f"{width}×{height}: {word}" for word in (await screen.findings(CITIZEN))[0]]
    assert not wrong, "\n".join(wrong)
