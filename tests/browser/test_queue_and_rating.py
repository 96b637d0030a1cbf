"""A number is taken, called, seen to, rated: the citizen's screen, the desk, the queue's display, headquarters."""

import asyncio
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from browser_rig import DEADLINE_S, FINDINGS, LANGUAGES, Screen, until
from looks import begun
from walks import ADVICE, END

ROOT = Path(__file__).parents[2]
DISPLAYS = ((1280, 800), (1920, 1080))
DISPLAY = {"control": 60, "apart": 12, "text": 22, "contrast": 7, "still": True, "letters": "", "places": {}}
PASSWORD = "correct horse battery staple"
SUPERVISOR = "supervisor"

pytestmark = pytest.mark.asyncio(loop_scope="module")


def headquarters(city, *arguments: str, said: str = "") -> list[dict]:
    """Run `jingting hq …` at headquarters' machine; return the JSON lines that it prints."""
    command = [sys.executable, "-m", "jingting", "hq", *arguments, "--config", str(city.folder / "hq/hq.toml")]
    done = subprocess.run(command, cwd=ROOT, input=said, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def follow_ups_of(city, number: str) -> list[dict]:
    return [one for one in headquarters(city, "follow-ups") if one["number"] == number]


async def beside(screen: Screen, url: str, **options: object):
    """Open another window, in front of something else than the citizen's screen."""
    context = await screen.page.context.browser.new_context(**options)
    context.set_default_timeout(3 * DEADLINE_S * 1000)
    page = await context.new_page()
    await page.goto(url)
    return page


async def call_next(screen: Screen, desk) -> str:
    """Press the key that calls the next one, until the page, which takes no second step at once, has taken it."""
    await desk.goto(screen.duty + "/duty")
    number = await desk.locator("#call-next .number").inner_text()
    turn = desk.locator(".waiting-room .turn", has_text=number)
    deadline = time.monotonic() + DEADLINE_S
    while not await turn.count():
        assert time.monotonic() < deadline, f"{number} was never called"
        await desk.keyboard.press("c")
        await asyncio.sleep(0.1)
    return str(number)


@pytest.fixture(scope="module")
def supervisor(city):
    headquarters(city, "user", "add", SUPERVISOR, "--role", "supervisor", said=PASSWORD + "\n")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_from_the_number_to_the_follow_up(language, city, window, supervisor):
    screen = await window(city, city.stations[0])
    await begun(screen)
    await screen.speak(language)
    desk = await beside(screen, f"{screen.duty}/duty?lang={language}")
    display = await beside(screen, screen.home + "/queue", viewport={"width": 1280, "height": 800})
    # The citizen takes a number.
    for tap in (*ADVICE, "#confirm"):
        await screen.tap(tap)
    await screen.shows(".ticket")
    number = await screen.page.locator("p.ticket").inner_text()
    await screen.tap(END)
    # One key calls until it is this one's turn: others may have been left waiting by other tests.
    while await call_next(screen, desk) != number:
        pass
    await display.locator(".called .turn:first-of-type small", has_text=number).wait_for()
    assert "fresh" in await display.locator(".called .turn").first.get_attribute("class")
    # The officer sees to it, by keyboard.
    await desk.locator(".waiting-room .turn a", has_text=number).click()
    await desk.locator("h2 .number", has_text=number).wait_for()
    for state in ("accepted", "handling"):
        await desk.keyboard.press("1")
        await desk.locator(f".stand.{state}").wait_for()
    await display.locator(".served small", has_text=number).wait_for()
    assert number not in await display.locator(".called").inner_text()
    await desk.keyboard.press("1")
    await desk.locator("[name=result][value=advised]").check()
    await desk.keyboard.press("Enter")
    await desk.locator(".stand.closed").wait_for()
    await display.locator(".served small", has_text=number).wait_for(state="detached")
    # The citizen is asked, and is not satisfied.
    await screen.shows("#rate-very_satisfied")
    assert number in await screen.page.locator(".rating").inner_text()
    await screen.tap("#rate-very_dissatisfied")
    # It thanks, and makes room by itself; a machine that is busy elsewhere may be too late to see it thank.
    await screen.shows(".rating h2 .icon-check, #service-HZ-01")
    await screen.shows("#service-HZ-01")
    # The desk is told nothing of it; headquarters is.
    await desk.reload()
    assert not re.search("atisfied|满意", await desk.content())
    await until(lambda: follow_ups_of(city, number))
    (one,) = follow_ups_of(city, number)
    assert (one["station"], one["rating"], one["overdue"]) == (screen.station, "very_dissatisfied", False)
    hq = await beside(screen, f"{city.hq_url}/sign-in?lang={language}")
    await hq.fill("[name=name]", SUPERVISOR)
    await hq.fill("[name=password]", PASSWORD)
    await hq.keyboard.press("Enter")
    await hq.locator("#follow-ups").click()
    row = hq.locator("tr", has_text=number)
    assert one["due"] in await row.inner_text()
    await row.locator("[name=reason]").fill("telephoned")
    await row.locator("button").click()
    await row.wait_for(state="detached")
    assert follow_ups_of(city, number) == []
    for page in (desk, display, hq):
        await page.context.close()


async def test_the_display_is_fit_to_be_read_from_across_the_room(city, window):
    """With somebody at the desk, several called, and more waiting than it can show."""
    screen = await window(city, city.stations[0])
    await begun(screen)
    desk = await beside(screen, screen.duty + "/duty")
    for _ in range(12):
        await desk.goto(f"{screen.duty}/duty/new?service=ZX-01")
        await desk.click("button[value=registered]")
    for _ in range(3):
        await call_next(screen, desk)
        await desk.locator(".waiting-room .turn a").first.click()
        await desk.click("form[action$=accept] button")
    for _ in range(4):
        await call_next(screen, desk)
    wrong = []
    for width, height in DISPLAYS:
        await screen.page.set_viewport_size({"width": width, "height": height})
        await screen.open("/queue")
        for stale in (False, True):
            await screen.page.evaluate("(stale) => { document.getElementById('stale').hidden = !stale; }", stale)
            found = (await screen.page.evaluate(FINDINGS, DISPLAY))["found"]
            wrong += [f"{width}×{height}{' stale' if stale else ''}: {word}" for word in found]
        wrong += await screen.axe()
    await desk.context.close()
    assert not wrong, "\n".join(wrong)
