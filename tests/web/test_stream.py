import asyncio
import contextlib

import pytest
from web_desks import CityDesk, StationDesk, a_call, at_headquarters, at_station

from common.web.stream import Stream

SERVED = [(at_station, StationDesk), (at_headquarters, CityDesk)]


@contextlib.asynccontextmanager
async def _listening(browser):
    """Yield an iterator over the messages of one event stream."""
    async with browser.stream("GET", "/events") as response, asyncio.timeout(10):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")

        async def messages():
            message = []
            async for line in response.aiter_lines():
                if line:
                    message.append(line)
                else:
                    yield message
                    message = []

        yield messages()


@pytest.mark.parametrize(("at", "desk"), SERVED)
async def test_a_page_that_connects_is_told_to_look_and_then_hears_heartbeats(at, desk):
    async with at(desk(), heartbeat_s=0.05) as browser, _listening(browser) as messages:
        assert [await anext(messages) for _ in range(4)] == [
            ["retry: 2000"],
            ["data: 1"],
            ["event: heartbeat", "data:"],
            ["event: heartbeat", "data:"],
        ]


async def test_a_change_is_told_at_once():
    async with at_station(StationDesk(), heartbeat_s=60) as browser, _listening(browser) as messages:
        await anext(messages)
        await anext(messages)
        await browser.desk.become(calls=(a_call(),))
        assert await anext(messages) == ["data: 2"]


@pytest.mark.parametrize(("at", "desk"), SERVED)
async def test_a_server_that_stops_waits_for_no_stream(at, desk):
    async with asyncio.timeout(10):
        async with at(desk(), heartbeat_s=60) as browser:
            reader, writer = await asyncio.open_connection("127.0.0.1", browser.port)
            held = f"Cookie: session={browser.cookies.get('session')}"
            writer.write(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n{held}\r\n\r\n".encode())
            await reader.readuntil(b"retry: 2000")
        await reader.read()
        writer.close()


async def test_a_burst_of_changes_is_few_messages_of_which_the_last_tells_all():
    async with at_station(StationDesk(), heartbeat_s=60) as browser, _listening(browser) as messages:
        await anext(messages)
        assert await anext(messages) == ["data: 1"]
        for _ in range(100):
            await browser.desk.become()
        told = [await anext(messages)]
        while told[-1] != ["data: 101"]:
            told.append(await anext(messages))
        assert len(told) < 20


async def test_a_full_house_is_answered_503_and_a_page_that_leaves_makes_room():
    async def never(since):
        return await asyncio.get_running_loop().create_future()

    stream = Stream(never, heartbeat_s=0.01, subscribers=1)
    first = stream.response().body
    await anext(first)
    with pytest.raises(Exception, match="Too many pages"):
        stream.response()
    await first.aclose()
    second = stream.response().body
    assert await anext(second) == b"retry: 2000\n\n"
    await second.aclose()
