"""The agent is killed in the middle of a submit: nothing is lost, nothing is twice, and the page recovers by itself."""

import json
import signal

import pytest
from browser_rig import LANGUAGES, Screen
from looks import begun, walked
from walks import HELP, NEWS, READ, Walk

from tests.faults.faults_rig import LockedDatabase, journaled, query

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

NOT_SENT = {"zh-CN": "您的求助还没有发出去。", "en": "Your call for help has not been sent."}
NOT_WORKING = {"zh-CN": "本机暂时不能使用。", "en": "This machine is not working now."}
MAYBE_NOT_DONE = {"zh-CN": "刚才的操作可能没有完成。", "en": "What you tapped last may not have been done."}


@pytest.fixture(params=LANGUAGES)
def language(request):
    return request.param


async def ready(window, city, station: str, language: str) -> Screen:
    screen = await window(city, station)
    screen.forgiven = "net::ERR_"  # the browser's own word for a station that does not answer
    await begun(screen)
    await screen.speak(language)
    # From then on the browser keeps the page that stands in.
    await screen.page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    await screen.page.wait_for_function("navigator.serviceWorker.controller !== null")
    return screen


async def test_a_press_that_the_agent_died_of_is_said_not_to_be_sent_and_is_one_call_once_it_lives_again(
    city, window, language
):
    station = city.stations[1]
    process = city.process(f"station-{station}")
    screen = await ready(window, city, station, language)
    before = [len(journaled(city, f"help.{what}", station)) for what in ("raised", "pressed_again")]
    process.send(signal.SIGSTOP)
    async with screen.page.expect_request(lambda request: request.method == "POST"):
        await screen.tap(HELP)
    process.kill()
    await process.ended()
    await screen.shows(f"text={NOT_SENT[language]}")
    assert await screen.page.locator(".call-110 b").inner_text() == "110"
    await city.restart(process.name)
    await screen.shows(NEWS.format("sounding"))
    after = [len(journaled(city, f"help.{what}", station)) for what in ("raised", "pressed_again")]
    assert (after[0] - before[0], after[1] - before[1]) == (1, 0)


async def test_a_confirm_that_the_agent_died_of_is_said_to_be_unsure_and_is_one_record_or_none(city, window, language):
    station = city.stations[0]
    process = city.process(f"station-{station}")
    screen = await ready(window, city, station, language)
    await walked(screen, Walk(name="confirm", shows=".own", steps=READ))
    visit = await screen.page.locator("form[action='/visit/confirm'] input[name=event_id]").get_attribute("value")
    with LockedDatabase(city.station_folder(station) / "data/station.db"):
        async with screen.page.expect_request(lambda request: request.url.endswith("/visit/confirm")):
            await screen.tap("#confirm")
        process.kill()
        await process.ended()
    await screen.shows(f"text={NOT_WORKING[language]}")
    await screen.shows(f"text={MAYBE_NOT_DONE[language]}")
    await city.restart(process.name)
    await screen.shows("#all-services")
    lines = query(city.station_folder(station) / "data/station.db", "SELECT line FROM events")
    assert len([line for line in lines if json.loads(line)["id"] == visit]) <= 1
    # The same form once more, as a browser sends it that was asked to load the page again: still one at most.
    await screen.page.evaluate(
        "visit => fetch('/visit/confirm', {method: 'POST', body: new URLSearchParams({event_id: visit})})", visit
    )
    lines = query(city.station_folder(station) / "data/station.db", "SELECT line FROM events")
    assert len([line for line in lines if json.loads(line)["id"] == visit]) <= 1
