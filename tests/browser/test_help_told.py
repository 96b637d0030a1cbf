"""Somebody presses help on the screen, whatever else is broken: the page says what has really happened, and no more."""

import contextlib
import json

import pytest
import pytest_asyncio
from browser_rig import LANGUAGES, Screen, until
from looks import looked_at
from walks import HELP, Walk, headquarters_answers, officer

from jingting.city import City
from tests.faults.faults_rig import FullDisk

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

SOUNDING = {"zh-CN": "报警声已响起。", "en": "The desk alarm is sounding."}
RECORDED = {"zh-CN": "求助已记录。", "en": "Your call is recorded."}
AT_HQ = {"zh-CN": "指挥中心已收到。", "en": "Headquarters has your call."}
NOT_RECORDED = {"zh-CN": "求助尚未记录，请拨打", "en": "Your call is not recorded yet. Please call"}
UNANSWERED = {"zh-CN": "还没有人应答，请拨打", "en": "Nobody has answered yet. Please call"}
HQ_ANSWERS = {"zh-CN": "指挥中心正在应答。", "en": "Headquarters is answering."}
SEEN = {"zh-CN": "值班台已收到您的求助。", "en": "The duty desk has seen your call."}
COMING = {"zh-CN": "民警正在过来。", "en": "An officer is coming."}
CLOSED = {"zh-CN": "本次求助已结束。", "en": "This call is closed."}


@pytest.fixture(params=LANGUAGES)
def language(request):
    return request.param


@pytest_asyncio.fixture(loop_scope="module")
async def hasty(tmp_path):
    """A city whose ladder takes a twentieth of its time, but for the first rung: 1 s is the least its settings take."""
    async with City(tmp_path, stations=1) as city:
        [station] = city.stations
        with (city.station_folder(station) / "station.toml").open("a") as settings:
            settings.write("\n[help]\nlouder_after_s = 1\nescalate_after_s = 1.5\nbreach_after_s = 3\n")
        await city.restart(f"station-{station}")
        await city.connected()
        yield city


@contextlib.asynccontextmanager
async def pressed(city: City, window, language: str):
    """A screen on which help was just pressed, once; at the end the call is closed, and the page says so."""
    screen = await window(city, city.stations[-1])
    await screen.speak(language)
    await screen.tap(HELP)
    yield screen
    await officer("acknowledge")(screen)
    await reads(screen, SEEN[language])
    await officer("attend")(screen)
    await reads(screen, COMING[language])
    await officer("close", reason="helped")(screen)
    await reads(screen, CLOSED[language])


def tones(city: City, station: str) -> list[int]:
    """How loud the panel was told to be, one after the other."""
    said = [json.loads(line) for line in city.panel_log(station).read_text().splitlines()]
    return [one["tone"] for one in said if one["event"] == "outputs"]


async def reads(screen: Screen, words: str) -> None:
    """Wait until the page says so by itself."""
    await screen.shows(f"text={words}")


async def says_nothing_of(screen: Screen, *words: str) -> None:
    shown = await screen.page.inner_text("body")
    assert not [word for word in words if word in shown], shown


async def test_with_the_network_down_the_desk_rings_and_headquarters_is_not_claimed_until_it_has_it(
    city, window, language
):
    await city.process("broker").stop()
    async with pressed(city, window, language) as screen:
        await reads(screen, SOUNDING[language])
        await reads(screen, RECORDED[language])
        await says_nothing_of(screen, AT_HQ[language], HQ_ANSWERS[language])
        await city.restart("broker")
        await reads(screen, AT_HQ[language])


async def test_with_headquarters_away_it_is_recorded_and_headquarters_is_claimed_once_it_is_back(
    city, window, language
):
    await city.process("hq").stop()
    async with pressed(city, window, language) as screen:
        await reads(screen, SOUNDING[language])
        await reads(screen, RECORDED[language])
        await says_nothing_of(screen, AT_HQ[language], HQ_ANSWERS[language])
        await city.restart("hq")
        await reads(screen, AT_HQ[language])
        await headquarters_answers(screen)
        await reads(screen, HQ_ANSWERS[language])


async def test_with_the_disk_full_the_desk_rings_the_page_says_110_and_recorded_only_once_it_is(city, window, language):
    with contextlib.ExitStack() as disk:
        disk.enter_context(FullDisk(city.process(f"station-{city.stations[-1]}").pid))
        async with pressed(city, window, language) as screen:
            await reads(screen, SOUNDING[language])
            await reads(screen, NOT_RECORDED[language])
            assert await screen.page.locator(".call-110 b").inner_text() == "110"
            await says_nothing_of(screen, RECORDED[language])
            if language == LANGUAGES[0]:  # it looks in both
                wrong = await looked_at(screen, Walk(name="not recorded", shows=".call-110"))
                assert not wrong, "\n".join(wrong)
                await screen.looks("normal")
                await screen.speak(language)
            disk.close()
            await reads(screen, RECORDED[language])
            await reads(screen, AT_HQ[language])
            await says_nothing_of(screen, NOT_RECORDED[language])


async def test_nobody_answers_and_the_page_says_at_each_step_of_the_ladder_what_is_true(hasty, window, language):
    async with pressed(hasty, window, language) as screen:
        await reads(screen, SOUNDING[language])
        await reads(screen, RECORDED[language])
        await reads(screen, AT_HQ[language])
        shown = await screen.page.inner_text("body")
        # Read before the station was asked: a slow machine may have climbed meanwhile.
        assert UNANSWERED[language] not in shown or (await screen.status())["calls"][0]["breached"]
        await until(lambda: 2 in tones(hasty, screen.station))
        await until(lambda: [call for call in hasty.overview()["calls"] if call["escalated"]])
        await reads(screen, UNANSWERED[language])
        assert await screen.page.locator(".call-110 b").inner_text() == "110"
        await headquarters_answers(screen)
        await reads(screen, HQ_ANSWERS[language])
        await says_nothing_of(screen, UNANSWERED[language])
