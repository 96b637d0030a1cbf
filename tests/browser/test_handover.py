"""A handover in a real Chromium, by keyboard alone: 200 open items, one refused and staying, and a sheet on paper."""

import asyncio
import contextlib
import json
import re
import sqlite3
import time

import pytest
from browser_rig import DEADLINE_S, until

from common.identifiers import uuid7
from jingting.web import page as fetched
from jingting.web import submit

pytestmark = pytest.mark.asyncio(loop_scope="module")

ITEMS = 200
BY_KEY = 6
WHY = "材料不齐"


def new_id() -> str:
    return uuid7(wall_ms=time.time_ns() // 1_000_000)


def at_headquarters(city, station: str, event_type: str) -> list[dict]:
    rows = "SELECT line FROM events JOIN journals ON journals.id = journal_id WHERE station = ? ORDER BY number"
    with contextlib.closing(sqlite3.connect(f"file:{city.hq_database}?mode=ro", uri=True)) as connection:
        events = [json.loads(line) for (line,) in connection.execute(rows, (station,))]
    return [event["data"] for event in events if event["type"] == event_type]


async def people_come(url: str, count: int) -> None:
    for _ in range(count):
        form = {"event_id": new_id(), "service": "QZ-01", "as": "registered"}
        assert await asyncio.to_thread(submit, f"{url}/duty/records", **form)


async def press(desk, key: str, shown: str) -> None:
    """Press a key until the page, which takes no second step at once, shows what it leads to."""
    deadline = time.monotonic() + DEADLINE_S
    while not await desk.get_by_text(shown, exact=False).first.is_visible():
        assert time.monotonic() < deadline, f"{key} never led to {shown}: {await desk.inner_text('main')}"
        await desk.keyboard.press(key)
        with contextlib.suppress(Exception):
            await desk.get_by_text(shown, exact=False).first.wait_for(timeout=700)


async def the_rest_is_taken(url: str) -> None:
    """What the keyboard does, many times over: each answer its own form."""
    page = f"{url}/duty/handover/next"
    while item := re.search(r'name="item" value="([^"]+)"', html := await asyncio.to_thread(fetched, page)):
        action = re.search(r'action="(/duty/handover/[0-9a-f-]+/check)"', html)[1]
        assert await asyncio.to_thread(submit, url + action, event_id=new_id(), item=item[1], **{"as": "accepted"})


async def test_200_open_items_are_handed_over_by_keyboard_alone_and_one_stays(city, window):
    station = city.stations[0]
    screen = await window(city, station, viewport={"width": 1280, "height": 800})
    await people_come(screen.duty, ITEMS)
    desk, wrong = screen.page, []
    await desk.goto(f"{screen.duty}/duty?lang=en")
    await press(desk, "h", "Begin the handover")
    await press(desk, "ArrowRight", f"page 2 of {ITEMS // 25}")
    wrong += await screen.axe()
    await press(desk, "b", f"item 1 of {ITEMS}")
    wrong += await screen.axe()
    for done in range(1, BY_KEY):
        await press(desk, "t", f"item {done + 1} of {ITEMS}")
    refused = await desk.locator("h2 .number").inner_text()
    await desk.keyboard.press("r")
    await desk.keyboard.type(WHY)
    await desk.keyboard.press("Enter")
    await desk.get_by_text(f"item {BY_KEY + 1} of {ITEMS}").wait_for()
    assert await desk.get_by_text(f"{ITEMS - BY_KEY} left").is_visible()
    await the_rest_is_taken(screen.duty)
    await desk.reload()
    await desk.get_by_text("Sign the handover").wait_for()
    wrong += await screen.axe()
    await desk.keyboard.type("1001")
    await desk.keyboard.press("Tab")
    await desk.keyboard.type("2001")
    await desk.keyboard.press("Enter")
    await desk.get_by_text("To print: Ctrl+P.").wait_for()
    wrong += await screen.axe()
    first = desk.locator("tbody tr").first
    assert refused in await first.inner_text()
    assert WHY in await first.inner_text()
    # On paper there is the sheet, and nothing to press.
    await desk.emulate_media(media="print")
    assert await desk.locator(".signatures").is_visible()
    assert await desk.locator("a.button:visible, button:visible, #live:visible").count() == 0
    assert (await desk.pdf()).startswith(b"%PDF")
    await desk.emulate_media(media="screen")
    # Nothing was closed by it, and what was refused stays with the giving side.
    await desk.keyboard.press("Escape")
    await press(desk, "h", "Begin the handover")
    row = desk.locator("tbody tr", has_text=refused)
    assert "stays with –" in await row.inner_text()
    assert await desk.locator(".stays").count() == 1
    assert not wrong, "\n".join(wrong)
    await until(lambda: at_headquarters(city, station, "handover.signed"))
    [signed] = at_headquarters(city, station, "handover.signed")
    assert (signed["accepted"], signed["refused"]) == (ITEMS - 1, 1)
    assert len(at_headquarters(city, station, "handover.checked")) == ITEMS
    assert not at_headquarters(city, station, "record.stepped")
