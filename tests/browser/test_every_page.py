"""Every page of the citizen's screen, in every size and language: anyone can read it, hit it and understand it."""

import pytest
from looks import begun, looked_at, walked
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
