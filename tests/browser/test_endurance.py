"""Tabs that pile up, stall or stay for hours: they never slow a call for help, nor grow the station."""

import asyncio
import contextlib
import gc
import signal
import socket
import time
from urllib.parse import urlsplit

import psutil
import pytest
import pytest_asyncio
from browser_rig import DEADLINE_S, until
from looks import begun
from playwright.async_api import Error as PlaywrightError
from walks import officer, pressed

from common.web.stream import HEARTBEAT_S, OF_ONE
from jingting.web import fetch

pytestmark = pytest.mark.asyncio(loop_scope="module")

TABS = 10
STALLED = 40
QUICK_S = 3.0
"""Two cores of a test machine, ten pages: on a quiet one it is a tenth."""
HOUR_S = 3600
STALE_S = 15
SPARE = 3
"""Descriptors likewise: a connection for the next page that the browser keeps ready, a connection to the journal."""
SINCE_THE_LAST_ANSWER = """() => {
    const answers = performance.getEntriesByType("resource")
        .filter((entry) => entry.name.includes("/duty/live") && entry.responseStatus === 200);
    return (performance.now() - Math.max(...answers.map((entry) => entry.responseEnd))) / 1000;
}"""
"""In seconds, by the page's own clock: it may have had an answer in whole before we hear of it."""
STEADY = 10
GROWTH = 3 * 2**20
"""Bytes that come and go with what a process has under way."""


@pytest_asyncio.fixture(loop_scope="module")
async def desk(city, window):
    screen = await window(city, city.stations[1])
    await begun(screen)
    await screen.page.goto(screen.duty + "/duty?lang=en")
    await screen.shows(".board")
    return screen


def process_of(screen):
    return psutil.Process(screen.city.process(f"station-{screen.station}").pid)


def calls(screen):
    return [call["state"] for call in (fetch(screen.duty + "/status.json") or {})["calls"]]


async def files_of(process):
    """How many descriptors a process has when nothing comes and goes for a while."""
    seen = [process.num_fds()]
    deadline = time.monotonic() + DEADLINE_S
    while len(seen) < STEADY or len(set(seen[-STEADY:])) > 1:
        assert time.monotonic() < deadline, seen
        await asyncio.sleep(0.05)
        seen.append(process.num_fds())
    return seen[-1]


async def is_taken_quickly(screen, page):
    """Call, see it on a page, and take it there with one key; then end it."""
    began = time.monotonic()
    await pressed(screen)
    await page.wait_for_selector(".call.raised", timeout=QUICK_S * 1000)
    await page.keyboard.press("F8")
    await until(lambda: calls(screen) == ["acknowledged"], within=QUICK_S)
    assert time.monotonic() - began < 2 * QUICK_S
    await officer("close", reason="test")(screen)


async def test_ten_tabs_of_one_browser_all_hear_a_call_and_the_last_one_takes_it(desk):
    """A browser has six connections for one host: streams of its tabs must not take them all."""
    tabs = [desk.page]
    for _ in range(TABS - 1):
        tabs.append(await desk.page.context.new_page())
        await tabs[-1].goto(desk.duty + "/duty?lang=en", timeout=DEADLINE_S * 1000)
    heard = [asyncio.create_task(tab.wait_for_selector(".call.raised", timeout=(QUICK_S + 4) * 1000)) for tab in tabs]
    await is_taken_quickly(desk, tabs[-1])
    told = await asyncio.gather(*heard, return_exceptions=True)
    # A tab without a stream looks every few seconds: it may miss what is over by then, and shows what is true.
    assert sum(not isinstance(one, Exception) for one in told) >= OF_ONE
    for tab in tabs:
        await tab.wait_for_selector(".quiet", timeout=(QUICK_S + 4) * 1000)
        assert await tab.locator("#stale").is_hidden()


async def gone(page):
    """Leave a page that may just be on its way: where a call led, it leads back once the call is over."""
    while True:
        try:
            return await page.goto("about:blank")
        except PlaywrightError as error:
            if "interrupted" not in error.message:
                raise


class Stalled:
    """Somebody who asks for an event stream and does not read it, or a byte at a time."""

    def __init__(self, url):
        address = urlsplit(url)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # as little as the system gives
        self._socket.connect((address.hostname, address.port))
        self._socket.sendall(f"GET /events HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())

    def read_a_byte(self):
        with contextlib.suppress(BlockingIOError):
            self._socket.recv(1, socket.MSG_DONTWAIT)

    def leave(self):
        self._socket.close()


async def test_streams_that_nobody_reads_slow_no_call_and_leave_no_trace(desk):
    process = process_of(desk)
    files, memory = await files_of(process), process.memory_info().rss
    stalled = [Stalled(url) for _ in range(STALLED) for url in (desk.home, desk.duty)]
    await until(lambda: process.num_fds() <= files + 2 * OF_ONE + 4)
    page = await desk.page.context.new_page()
    await page.goto(desk.duty + "/duty?lang=en", timeout=QUICK_S * 1000)
    for _ in range(5):
        for slow in stalled[-4:]:
            slow.read_a_byte()
        await is_taken_quickly(desk, page)
    assert process.memory_info().rss - memory < GROWTH
    await gone(page)
    for slow in stalled:
        slow.leave()
    # Whoever leaves makes room at once: nobody waits for the next heartbeat.
    await until(lambda: process.num_fds() <= files + SPARE, within=QUICK_S)


async def test_a_page_held_open_for_an_hour_grows_nothing_and_is_live_at_its_end(late, window, clock):
    screen = await window(late, late.stations[0])
    await begun(screen)
    page = screen.page
    screen.forgiven = "net::ERR_"  # two jumps of the clock during one request are ten seconds: it is cut
    asked = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    await page.goto(screen.duty + "/duty?lang=en")
    tools = await page.context.new_cdp_session(page)
    process = process_of(screen)

    async def heap():
        await tools.send("HeapProfiler.collectGarbage")
        return (await tools.send("Runtime.getHeapUsage"))["usedSize"]

    async def passes(seconds):
        for _ in range(int(seconds / HEARTBEAT_S)):
            clock.forward(int(HEARTBEAT_S))
            await asyncio.to_thread(fetch, screen.duty + "/status.json")  # it wakes whoever waits by the clock

    def has_its_devices():
        view = fetch(screen.duty + "/status.json") or {"devices": ()}
        return view["devices"] and all(device["state"] == "ready" for device in view["devices"])

    await passes(HOUR_S / 10)
    # A line that was silent for a jump of the clock is opened anew: five descriptors, a port and two pipes.
    await until(has_its_devices)
    files, memory, used = await files_of(process), process.memory_info().rss, await heap()
    asked.clear()
    await passes(HOUR_S)
    assert asked.count("/events") > 1, "a stream ends after its time, and its page comes again"
    assert asked.count("/duty/live") > HOUR_S / HEARTBEAT_S / 4  # several beats at once are one look
    assert await page.locator("#stale").is_hidden()
    await is_taken_quickly(screen, page)
    await page.wait_for_selector(".quiet")
    gc.collect()
    assert await heap() - used < GROWTH
    assert process.memory_info().rss - memory < GROWTH
    try:
        await until(lambda: has_its_devices() and process.num_fds() <= files + SPARE)
    except AssertionError:
        raise AssertionError(files, process.num_fds(), process.net_connections("all"), process.open_files()) from None


async def test_a_page_says_that_it_is_stale_fifteen_seconds_after_the_last_sign_of_life(desk):
    process = desk.city.process(f"station-{desk.station}")
    stale = desk.page.locator("#stale")
    async with desk.page.expect_event("requestfinished", lambda request: "/duty/live" in request.url):
        pass
    process.send(signal.SIGSTOP)
    try:
        await stale.wait_for(state="visible", timeout=(STALE_S + 5) * 1000)
        assert STALE_S - 0.5 < await desk.page.evaluate(SINCE_THE_LAST_ANSWER) < STALE_S + 3
        desk.forgiven = "ERR_"
    finally:
        process.send(signal.SIGCONT)
    await stale.wait_for(state="hidden", timeout=QUICK_S * 2000)
    await is_taken_quickly(desk, desk.page)
