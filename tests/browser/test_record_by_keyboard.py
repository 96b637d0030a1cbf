"""A walk-in logged by keyboard alone: few keys, kept field by field, also when the kiosk dies between two of them."""

import json
import signal
import sqlite3

import pytest
import pytest_asyncio
from browser_rig import DEADLINE_S, until
from looks import begun

from common import catalogue

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOST_KEYS = 12
MOST_REQUIRED = 4
CATALOGUE = catalogue.load()
NEED = "a lost umbrella, black"
NUMBER = "11010119900307651X"


class Keyboard:
    """Counts every key but those of free text."""

    def __init__(self, page):
        self.page = page
        self.pressed = 0

    async def press(self, key):
        self.pressed += 1
        await self.page.keyboard.press(key)

    async def write(self, text):
        await self.page.keyboard.type(text)


@pytest_asyncio.fixture(loop_scope="module")
async def screen(city, window):
    screen = await window(city, city.stations[1])
    await begun(screen)
    await screen.page.goto(screen.duty + "/duty?lang=en")
    await screen.page.wait_for_load_state()
    return screen


def events(screen, prefix="record."):
    path = screen.city.station_folder(screen.station) / "data" / "station.db"
    path = path if path.exists() else next(screen.city.station_folder(screen.station).rglob("station.db"))
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        told = [json.loads(line) for (line,) in connection.execute("SELECT line FROM events ORDER BY number")]
    return [event for event in told if event["type"].startswith(prefix)]


async def opened(screen, keys, code):
    """Go to the form of a service by its keys."""
    await keys.press("n")
    await screen.shows(".services")
    link = screen.page.locator(f'.services a[href$="service={code}"]')
    await keys.press(await link.get_attribute("data-key"))
    await screen.shows("main form.entry")


async def registered(screen):
    await screen.page.wait_for_url("**/duty/records/*", timeout=DEADLINE_S * 1000)
    await screen.shows(".stand.registered")


@pytest.mark.parametrize("code", CATALOGUE.services)
async def test_every_service_is_logged_with_few_keys_besides_what_is_written(screen, code):
    service, keys = CATALOGUE.services[code], Keyboard(screen.page)
    await opened(screen, keys, code)
    required = await screen.page.locator("main form.entry :required").count()
    assert required + (service.identity == "required") <= MOST_REQUIRED
    if service.reference_only:
        await keys.write("110-20261122-7")
    elif not service.confidential:
        await keys.write(NEED)
        if service.identity == "required":
            await keys.press("Tab")
            await keys.press("Tab")
            await keys.write(NUMBER)
    await keys.press("Enter")
    await registered(screen)
    assert keys.pressed <= MOST_KEYS, f"{keys.pressed} keys"


async def test_a_walk_in_is_led_from_the_door_to_its_end_by_keyboard_alone(screen):
    keys = Keyboard(screen.page)
    await opened(screen, keys, "ZX-01")
    await keys.write(NEED)
    await keys.press("Enter")
    await registered(screen)
    for state in ("accepted", "handling"):
        await keys.press("1")  # the first step is the one forward
        await screen.shows(f".stand.{state}")
    await keys.press("1")
    await keys.press("ArrowDown")  # a result
    await keys.press("Enter")
    await screen.shows(".stand.closed")
    await keys.press("Escape")
    await screen.shows(".done li")
    assert keys.pressed <= MOST_KEYS


async def test_what_was_left_is_in_the_journal_when_the_kiosk_dies_in_the_next_field(screen):
    station, keys, before = f"station-{screen.station}", Keyboard(screen.page), len(events(screen))
    await opened(screen, keys, "HZ-01")
    await keys.write(NEED)
    await keys.press("Tab")
    await screen.shows("[data-kept=true] .kept")
    await keys.write("欧阳甲测")
    screen.city.process(station).send(signal.SIGKILL)
    [draft] = events(screen)[before:]
    assert (draft["type"], draft["data"]["state"]) == ("record.opened", "draft")
    assert NEED not in json.dumps(draft)
    screen.forgiven = "ERR_"
    await keys.press("Tab")
    await screen.shows("[data-kept=false] .not-kept")
    await screen.city.restart(station)
    await screen.city.connected(screen.station)
    await keys.write(NUMBER)
    await keys.press("Enter")
    await registered(screen)
    kept = [event["data"] for event in events(screen)[before:]]
    assert {one["record"] for one in kept} == {draft["data"]["record"]}
    assert "name" in next(one["on_file"] for one in reversed(kept) if one.get("on_file"))


async def test_what_is_typed_when_somebody_goes_back_is_kept(screen):
    keys, before = Keyboard(screen.page), len(events(screen))
    await opened(screen, keys, "QZ-02")
    await keys.write(NEED)
    await keys.press("Escape")
    await screen.shows("main.board")
    await until(lambda: [event["type"] for event in events(screen)[before:]] == ["record.opened"])
    await screen.shows(f"#record-{events(screen)[-1]['data']['record']}, .pages")
