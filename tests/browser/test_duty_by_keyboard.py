"""The duty desk without a mouse: a call for help from the first key to its end, and never out of sight."""

import time

import pytest
import pytest_asyncio
from browser_rig import DEADLINE_S, until
from looks import begun
from walks import pressed

from common.identifiers import uuid7
from jingting.web import fetch, submit

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIZES = ((1280, 800), (1024, 600))
IN_SIGHT = """
() => {
  const box = document.querySelector('.call.raised').getBoundingClientRect();
  const button = document.querySelector('form[data-acknowledge] button').getBoundingClientRect();
  const seen = document.elementFromPoint(button.x + button.width / 2, button.y + button.height / 2);
  return box.top >= 0 && box.bottom <= innerHeight && box.height < innerHeight / 2
    && seen.closest('form[data-acknowledge]') !== null;
}
"""


def new_id():
    return uuid7(wall_ms=time.time_ns() // 1_000_000)


@pytest_asyncio.fixture(loop_scope="module")
async def desk(city, window):
    screen = await window(city, city.stations[1])
    await begun(screen)
    await screen.page.goto(screen.duty + "/duty?lang=en")
    await screen.page.wait_for_load_state()
    return screen


async def called(screen):
    await pressed(screen)
    await screen.shows(".call.raised")


async def state(screen, wanted):
    def is_so():
        calls = (fetch(screen.duty + "/status.json") or {})["calls"]
        return [call["state"] for call in calls] == ([wanted] if wanted else [])

    await until(is_so)


async def test_a_call_is_taken_with_one_key_and_led_to_its_end_by_keyboard_alone(desk):
    await called(desk)
    keys = desk.page.keyboard
    await keys.press("Enter")
    await state(desk, "acknowledged")
    await desk.shows("[data-key=F8]")
    await desk.page.wait_for_timeout(600)  # two keys in a hurry are one step
    await keys.press("F8")
    await state(desk, "attending")
    await desk.shows("[data-choice]")
    await keys.press("F8")
    await keys.press("F8")
    await state(desk, "attending")  # the key leads to the reasons and gives none
    await desk.page.wait_for_timeout(600)
    await keys.press("Tab")
    await keys.press("Enter")
    await state(desk, None)
    closed = (await desk.status())["recently_closed"]
    assert closed["closed_reason"] == "handed_over"


async def test_a_call_is_taken_beside_a_form_and_nothing_typed_is_lost(desk):
    page = desk.page
    await page.goto(desk.duty + "/duty/new?service=QZ-02&lang=en")
    await page.keyboard.type("a lost umbrella, Enter and a are letters here")
    await called(desk)
    await page.keyboard.press("F8")
    await state(desk, "acknowledged")
    await desk.shows(".call.acknowledged")
    assert await page.input_value("[name=need]") == "a lost umbrella, Enter and a are letters here"
    assert await page.evaluate("document.activeElement.name") == "need"
    await page.wait_for_timeout(600)
    await page.keyboard.press("F8")
    await state(desk, "attending")
    assert await page.input_value("[name=need]") == "a lost umbrella, Enter and a are letters here"


async def test_a_call_that_cannot_be_taken_beside_the_form_says_so(desk):
    """The form is then sent as any other, and the browser shows what comes of it."""
    page = desk.page
    await page.goto(desk.duty + "/duty/new?service=QZ-02&lang=en")
    await called(desk)
    desk.forgiven = "net::ERR_FAILED"
    await page.route("**/acknowledge", lambda route: route.abort(), times=1)
    async with page.expect_navigation():
        await page.keyboard.press("F8")
    await state(desk, "acknowledged")
    await page.wait_for_url("**/duty")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_call_stays_in_sight_however_much_there_is_to_do(desk, size):
    for _ in range(12):
        form = {"event_id": new_id(), "service": "HZ-01", "as": "draft", "name": "欧阳甲测" * 40}
        assert submit(desk.duty + "/duty/records", **form)
    await desk.page.set_viewport_size({"width": size[0], "height": size[1]})
    await called(desk)
    assert await desk.page.evaluate(IN_SIGHT)
    for key in ("End", "PageDown", "Home"):
        await desk.page.keyboard.press(key)
        await desk.page.wait_for_timeout(200)
        assert await desk.page.evaluate(IN_SIGHT), key
    assert await desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await desk.page.keyboard.press("ArrowRight")
    await desk.page.wait_for_url("**page=2", timeout=DEADLINE_S * 1000)
    await desk.shows(".call.raised")
    assert await desk.page.evaluate(IN_SIGHT)
