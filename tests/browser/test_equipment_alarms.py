"""An alarm of equipment in a real Chromium, by keyboard: shelved, beside a call for help, and back with a shift."""

import contextlib
import sqlite3

import pytest
from browser_rig import DEADLINE_S, until
from test_handover import at_headquarters, press

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHY = "已报修，明早来人"


def shelved_at_headquarters(city) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(f"file:{city.hq_database}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT station, kind, device, reason FROM shelved_alarms").fetchall()


async def test_an_alarm_is_shelved_by_keyboard_stays_beside_a_call_and_is_back_with_the_next_shift(city, window):
    station = city.stations[0]
    screen = await window(city, station, viewport={"width": 1280, "height": 800})
    desk, wrong = screen.page, []
    await desk.goto(f"{screen.duty}/duty?lang=en")
    city.process(f"reader-{station}").kill()
    alarm = desk.get_by_text("A device does not work")
    await desk.locator("main").get_by_text("A device does not work").wait_for(timeout=DEADLINE_S * 1000)
    wrong += await screen.axe()
    await press(desk, "k", "They make no sound")
    wrong += await screen.axe()
    # Where nothing keeps the machine's clock right, that is an alarm too.
    number = await desk.locator("a[href*='device_down'] kbd").inner_text()
    await press(desk, number, "Shelve until the shift ends")
    wrong += await screen.axe()
    screen.forgiven = "status of 400"
    await desk.keyboard.type("打 139 1234 5678")
    await desk.keyboard.press("Enter")
    await desk.get_by_text("There seems to be somebody").wait_for()
    await desk.keyboard.press("Control+a")
    await desk.keyboard.type(WHY)
    await desk.keyboard.press("Enter")
    await desk.get_by_text("On the shelf").wait_for()
    assert await desk.locator("a[href*='device_down']").count() == 0
    wrong += await screen.axe()
    await until(lambda: at_headquarters(city, station, "alarm.shelved"))
    [told] = at_headquarters(city, station, "alarm.shelved")
    assert (told["kind"], told["reason"]) == ("device_down", WHY)
    await until(lambda: shelved_at_headquarters(city) == [(station, "device_down", told["device"], WHY)])

    # A call for help stands above all of it, on this page too, and cannot be shelved.
    city.press(station)
    call = desk.locator(".call.raised").first
    await call.wait_for(timeout=DEADLINE_S * 1000)
    assert (await call.bounding_box())["y"] < (await desk.get_by_text("On the shelf").bounding_box())["y"]
    assert await desk.locator(".call.raised a[href*='shelve']").count() == 0
    await desk.keyboard.press("Escape")
    await desk.locator("#alarms").wait_for()
    assert "shelved 1" in await desk.locator("#alarms").inner_text()
    assert await alarm.count() == 0

    # The next shift finds it as it stands.
    await desk.locator(".call.raised").first.wait_for()
    await press(desk, "s", "Begin a new shift?")
    await desk.keyboard.press("s")
    await desk.locator("main").get_by_text("A device does not work").wait_for(timeout=DEADLINE_S * 1000)
    await until(lambda: not shelved_at_headquarters(city))
    [returned] = at_headquarters(city, station, "alarm.returned")
    assert returned == {"shelf": told["shelf"], "because": "shift"}
    assert not wrong, "\n".join(wrong)
