"""The citizen's screen says what it shows, once it is asked to: every page has a prompt, and none is left over."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from test_visit_pages import CARDS, PANEL, act, answer, begin, opened, the_id, until
from web_desks import StationDesk, a_call, at_station

from agent.screens import speech
from agent.screens.told import News
from agent.visit import IDLE_S, WARNING_S, Page

SCREENS = Path(speech.__file__).parent
PROMPTS = tomllib.loads((SCREENS / "prompts.toml").read_text(encoding="utf-8"))


@pytest.fixture
async def screen():
    async with at_station(StationDesk(devices=(PANEL, CARDS))) as browser:
        yield browser


async def ask_to_speak(browser, *, on=True):
    await browser.post("/look", data={"speech": "on" if on else "off"})
    return (await browser.get("/")).text


def said(page):
    """Return the name of the clip that a page plays when it is opened, and the one it would go on to, which is that."""
    heard = re.search(r'<audio id="voice" src="/speech/([a-z0-9_]+)\.[A-Za-z-]+\.opus" autoplay></audio>', page)
    live = re.search(r'data-clip="/speech/([a-z0-9_]+)\.', page)
    assert (heard is None) == (live is None)
    assert heard is None or heard[1] == live[1]
    return None if heard is None else heard[1]


def test_every_page_has_a_prompt_and_no_prompt_is_left_over():
    sources = "".join(path.read_text(encoding="utf-8") for path in SCREENS.parent.rglob("*.py"))
    shown = set(re.findall(r'\bShown\(\s*"([a-z_]+)\.html"', sources)) - {"citizen_visit"}
    visits = {f"visit_{page}" for page in get_args(Page)}
    calls = {f"call_{news}" for news in get_args(News) if news != "nothing"} | {"call_110"}
    assert shown
    assert set(PROMPTS) == shown | visits | calls | {"leaving"}


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
async def test_nothing_is_said_until_somebody_asks_for_it_and_then_every_page_speaks(screen, lang):
    page = (await screen.get(f"/?lang={lang}")).text
    assert said(page) is None
    assert 'id="speak"' in page
    page = await ask_to_speak(screen)
    assert said(page) == "citizen_home"
    assert f'/speech/citizen_home.{lang}.opus"' in page
    assert said(await opened(screen, "QZ-03")) == "citizen_service"
    visit = the_id((await screen.get("/")).text, "/visit")
    await screen.post("/visit", data={"event_id": visit, "service": "QZ-03"})
    assert said((await screen.get("/")).text) == "visit_question"
    await answer(screen, visit, "0")
    assert said(await answer(screen, visit, "skip")) == "visit_purpose"
    assert said(await act(screen, visit, "agree")) == "visit_card"
    screen.counter.visits._reader.tap()
    await until(lambda: screen.counter.visits.view().page == "confirm")
    assert said((await screen.get("/")).text) == "visit_confirm"
    assert said(await act(screen, visit, "phone")) == "visit_phone"
    await act(screen, visit, "without")
    assert said(await act(screen, visit, "confirm")) == "visit_ticket"
    assert said(await ask_to_speak(screen, on=False)) is None


async def test_of_an_open_call_is_spoken_first_whatever_else_is_open(screen):
    await begin(screen, "ZX-01")
    await ask_to_speak(screen)
    for changes, name in (
        ({"recorded": True}, "call_sounding"),
        ({"recorded": False}, "call_110"),
        ({"recorded": True, "breached": True}, "call_110"),
        ({"hq_answered": True, "recorded": True}, "call_hq_answering"),
        ({"state": "acknowledged", "recorded": True}, "call_seen"),
        ({"state": "attending", "recorded": True}, "call_coming"),
    ):
        await screen.desk.become(calls=(a_call(**changes),))
        assert said((await screen.get("/")).text) == name
    absent = replace(PANEL, state="absent")
    await screen.desk.become(calls=(a_call(recorded=True),), devices=(absent,))
    assert said((await screen.get("/")).text) == "call_shown"
    await screen.desk.become(calls=(), recently_closed=a_call(state="closed"))
    assert said((await screen.get("/")).text) == "call_closed"


@pytest.mark.parametrize("how", ["idle", "end"])
async def test_it_falls_silent_when_whoever_asked_is_gone(screen, how):
    await ask_to_speak(screen)
    await opened(screen, "ZX-01")
    if how == "idle":
        screen.counter.clock.ahead_s = IDLE_S + 1
        assert said((await screen.get("/")).text) == "leaving"
        screen.counter.clock.ahead_s += WARNING_S
        screen.counter.visits.look()
    else:
        await screen.post("/end")
    page = (await screen.get("/")).text
    assert said(page) is None
    assert "aloud" not in page


async def test_a_voice_alone_on_the_first_page_falls_silent_too(screen):
    await ask_to_speak(screen)
    screen.counter.clock.ahead_s = IDLE_S + WARNING_S + 1
    screen.counter.visits.look()
    assert said((await screen.get("/")).text) is None


async def test_a_clip_is_served_as_ogg_opus_and_nothing_else_from_its_folder(screen):
    clip = await screen.get("/speech/citizen_home.zh-CN.opus")
    assert clip.headers["content-type"] == "audio/ogg; codecs=opus"
    assert clip.content == (speech.MADE / "citizen_home.zh-CN.opus").read_bytes()
    assert "media-src 'self'" in clip.headers["content-security-policy"]
    for name in ("citizen_home.fr.opus", "citizen_home", "..%2fprompts.toml", "%2e%2e/prompts.toml"):
        assert (await screen.get(f"/speech/{name}")).status_code == 404


async def test_a_recording_takes_the_place_of_the_clip_of_its_name_and_no_other_is_said(tmp_path, caplog):
    (tmp_path / "citizen_home.zh-CN.opus").write_bytes(b"OggS recorded")
    (tmp_path / "citizen_hone.zh-CN.opus").write_bytes(b"OggS misspelt")
    async with at_station(StationDesk(), citizen={"recordings": tmp_path}) as browser:
        assert (await browser.get("/speech/citizen_home.zh-CN.opus")).content == b"OggS recorded"
        assert (await browser.get("/speech/citizen_home.en.opus")).content.startswith(b"OggS\0")
        assert (await browser.get("/speech/citizen_hone.zh-CN.opus")).status_code == 404
        assert "citizen_hone.zh-CN.opus" in caplog.text
        (tmp_path / "citizen_home.zh-CN.opus").unlink()
        assert (await browser.get("/speech/citizen_home.zh-CN.opus")).status_code == 404


async def test_a_folder_of_recordings_that_is_not_there_changes_nothing(tmp_path):
    async with at_station(StationDesk(), citizen={"recordings": tmp_path / "gone"}) as browser:
        assert said(await ask_to_speak(browser)) == "citizen_home"


async def test_without_clips_nothing_offers_to_speak(tmp_path, monkeypatch):
    monkeypatch.setattr(speech, "MADE", tmp_path)
    async with at_station(StationDesk()) as browser:
        page = await ask_to_speak(browser)
    assert said(page) is None
    assert 'id="speak"' not in page


async def test_no_prompt_and_no_address_of_one_tells_anything_of_a_visit(screen):
    visit = await begin(screen, "HZ-01")
    page = await ask_to_speak(screen)
    assert said(page) == "visit_purpose"
    assert "HZ-01" not in "".join(re.findall('/speech/[^"]+', page))
    assert visit not in "".join(re.findall('/speech/[^"]+', page))
