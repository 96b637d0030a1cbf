"""The idle screen's content, over HTTP: shown when nobody is there, gone at a touch or a call for help."""

import contextlib
import hashlib
import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from web_desks import WALL_MS, StationDesk, a_call, at_station

from agent.content_files import ContentFiles
from agent.content_shelf import Shelf
from common.pack import open_pack
from tests.packs import make_pack, name

DAY = datetime.fromtimestamp(WALL_MS / 1000, UTC).date().isoformat()


class ShelfClock:
    ahead_s = 0.0

    def known_ms(self):
        return WALL_MS

    def mono_ns(self):
        return int(self.ahead_s * 1e9)


@contextlib.asynccontextmanager
async def an_idle_station(folder, *calls, **changes):
    """A station with one pack of two pages, whose screen nobody has touched for a minute."""
    pack = make_pack(pictures=2, size=3000, change={"begins": DAY, "ends": DAY})
    files = ContentFiles(folder / "content")
    files.folder.mkdir()
    files.path(name(pack)).write_bytes(pack)
    clock = ShelfClock()
    shelf = Shelf(files, clock, ZoneInfo("UTC"))
    shelf.whole[name(pack)] = open_pack(io.BytesIO(pack))
    desk = StationDesk(*calls, **changes)
    async with at_station(desk, citizen={"content": shelf}) as browser:
        browser.counter.clock.ahead_s += 61
        browser.shelf, browser.shelf_clock, browser.pack = shelf, clock, pack
        yield browser


async def test_it_is_shown_once_nobody_has_touched_the_first_page_for_a_minute(tmp_path):
    async with an_idle_station(tmp_path) as browser:
        page = (await browser.get("/")).text
        assert 'class="leaf" lang="zh-CN"' in page
        assert "第0页" in page
        # The frame around it is the same: help, the way out, the numbers.
        for always in ('class="help"', 'id="end"', "<b>110</b>", "<b>12345</b>"):
            assert always in page
        # All of it is one button, a form that needs no script.
        assert '<form method="post" action="/stay"><button id="begin"' in page


async def test_a_touch_brings_the_first_page_at_once(tmp_path):
    async with an_idle_station(tmp_path) as browser:
        assert "leaf" in (await browser.get("/live")).text
        touched = await browser.post("/stay")
        assert (touched.status_code, touched.headers["location"]) == (303, "/")
        assert "leaf" not in (await browser.get("/live")).text


async def test_pages_turn_by_themselves_in_both_languages_and_count_as_one_play(tmp_path):
    async with an_idle_station(tmp_path) as browser:
        seen = []
        for _ in range(5):
            live = (await browser.get("/live")).text
            seen.append(next(word for word in ("第0页", "第1页", "Page 0", "Page 1") if word in live))
            browser.shelf_clock.ahead_s += 10.5
        assert seen == ["第0页", "第1页", "Page 0", "Page 1", "第0页"]
        assert browser.shelf.show.take_plays() == {name(browser.pack): 2}


@pytest.mark.parametrize("state", ["raised", "acknowledged", "attending"])
async def test_an_open_call_for_help_takes_the_screen_and_nothing_is_counted(tmp_path, state):
    async with an_idle_station(tmp_path, a_call(state=state)) as browser:
        assert "leaf" not in (await browser.get("/live")).text
        assert browser.shelf.show.take_plays() == {}


async def test_a_picture_has_its_type_and_nothing_else_is_served_there(tmp_path):
    async with an_idle_station(tmp_path) as browser:
        head = browser.shelf.whole[name(browser.pack)].head
        picture = next(file for file in head.files if file.type == "image/png")
        page = next(file for file in head.files if file.type == "text/html")
        found = await browser.get(f"/content/{picture.sha256}")
        assert (found.status_code, found.headers["content-type"]) == (200, "image/png")
        assert found.headers["x-content-type-options"] == "nosniff"
        assert "img-src 'self'" in found.headers["content-security-policy"]
        assert hashlib.sha256(found.content).hexdigest() == picture.sha256
        for other in (page.sha256, name(browser.pack), "0" * 64, "..%2f..%2fetc%2fpasswd", "x"):
            assert (await browser.get(f"/content/{other}")).status_code == 404


async def test_a_file_that_is_gone_shows_the_first_page(tmp_path):
    async with an_idle_station(tmp_path) as browser:
        browser.shelf._files.path(name(browser.pack)).unlink()
        live = await browser.get("/live")
        assert (live.status_code, "leaf" in live.text) == (200, False)
        picture = browser.shelf.whole[name(browser.pack)].head.files[0].sha256
        assert (await browser.get(f"/content/{picture}")).status_code == 404
