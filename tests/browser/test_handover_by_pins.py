"""Both sides sign a handover with PINs that headquarters has issued, by keyboard alone, looked at where no link is."""

import asyncio
import contextlib
import re
import sqlite3
import subprocess
import sys
import time

import pytest
from browser_rig import DEADLINE_S, until
from looks import begun

from common.identifiers import uuid7
from jingting.web import fetch, page, submit

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOES, COMES = "012345", "054321"


def issued(city, station, number):
    line = (sys.executable, "-m", "jingting", "hq", "staff", "issue", number, "--station", station)
    config = ("--config", str(city.folder / "hq/hq.toml"))
    return subprocess.run([*line, *config], capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def listed(city, station):
    path = next(city.station_folder(station).rglob("station.db"))
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return {number for (number,) in connection.execute("SELECT number FROM staff")}


async def test_both_sides_sign_with_their_pins_while_headquarters_is_out_of_reach(city, window):
    station = city.stations[1]
    screen = await window(city, station, viewport={"width": 1280, "height": 800})
    await begun(screen)
    pins = {number: await asyncio.to_thread(issued, city, station, number) for number in (GOES, COMES)}
    assert submit(screen.duty + "/duty/handover/begin", event_id=uuid7(wall_ms=time.time_ns() // 1_000_000))
    accept_all(screen.duty)
    desk, keys = screen.page, screen.page.keyboard
    await until(lambda: listed(city, station) == {GOES, COMES})
    assert 'type="password"' in page(screen.duty + "/duty/handover/next")
    await city.process("broker").stop()
    await until(lambda: (fetch(screen.duty + "/status.json") or {}).get("link") == "down")
    await desk.goto(screen.duty + "/duty/handover/next?lang=en")
    screen.forgiven = "status of 403"
    wrong = "000000" if pins[COMES] != "000000" else "000001"
    for number, pin in ((GOES, pins[GOES]), (COMES, wrong)):
        await keys.type(number)
        await keys.press("Tab")
        await keys.type(pin)
        await keys.press("Tab")
    await keys.press("Enter")
    await desk.get_by_text("not its PIN").wait_for(timeout=DEADLINE_S * 1000)
    kept = [await desk.input_value(f"[name={name}]") for name in ("giving_staff", "receiving_staff")]
    assert kept == [GOES, COMES]
    assert [await desk.input_value(f"[name={side}_pin]") for side in ("giving", "receiving")] == ["", ""]
    for side, number in (("giving", GOES), ("receiving", COMES)):
        await desk.focus(f"[name={side}_pin]")
        await keys.type(pins[number])
    await keys.press("Enter")
    await desk.get_by_text("with the PINs of both").wait_for(timeout=DEADLINE_S * 1000)
    await city.restart("broker")
    await city.connected(station)


def accept_all(duty):
    """Accept whatever else stands on the sheet."""
    while item := re.search(r'name="item" value="([^"]+)"', html := page(duty + "/duty/handover/next")):
        action = re.search(r'action="(/duty/handover/[^"]+/check)"', html)[1]
        event_id = uuid7(wall_ms=time.time_ns() // 1_000_000)
        assert submit(duty + action, event_id=event_id, item=item[1], **{"as": "accepted"})
