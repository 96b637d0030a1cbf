import asyncio
import contextlib
import socket

import pytest
from web_desks import CityDesk, StationDesk, a_call, at_headquarters, at_station

from common.web import server
from common.web.stream import OF_ONE, Stream

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


async def never(since):
    return await asyncio.get_running_loop().create_future()


async def opened(stream, browser, since):
    messages = stream.response(browser, since).body
    assert await anext(messages) == b"retry: 2000\n\n"
    return messages


async def test_of_many_pages_of_one_browser_those_opened_last_have_streams():
    stream = Stream(never, heartbeat_s=0.01)
    pages = [await opened(stream, "10.0.0.1", str(1000.5 + since)) for since in range(OF_ONE)]
    assert stream.response("10.0.0.1", "999.9").status_code == 204
    newest = await opened(stream, "10.0.0.1", "2000")
    with pytest.raises(StopAsyncIteration):
        await anext(pages[0])
    assert stream.response("10.0.0.1", "1000.5").status_code == 204
    assert await anext(pages[1]) == await anext(newest) == b"event: heartbeat\ndata:\n\n"
    other = await opened(stream, "10.0.0.2", "1")
    for messages in (*pages, newest, other):
        await messages.aclose()
    assert stream._seats == {}


async def test_a_page_that_comes_again_takes_its_own_place_and_nobody_elses():
    stream = Stream(never, heartbeat_s=0.01)
    pages = [await opened(stream, "10.0.0.1", str(since)) for since in range(1, OF_ONE + 1)]
    again = await opened(stream, "10.0.0.1", "2")
    with pytest.raises(StopAsyncIteration):
        await anext(pages[1])
    for messages in (pages[0], *pages[2:], again):
        assert await anext(messages) == b"event: heartbeat\ndata:\n\n"
        await messages.aclose()


@pytest.mark.parametrize("since", ["", "x", "nan", "1e999", "-inf", "9" * 99], ids=str)
async def test_whatever_a_page_says_of_its_age_there_is_room_for_so_many(since):
    stream = Stream(never, heartbeat_s=0.01)
    pages = [stream.response("10.0.0.1", since) for _ in range(3 * OF_ONE)]
    streams = [page.body for page in pages if page.status_code == 200]
    for messages in streams:
        await anext(messages)
    assert len(stream._seats["10.0.0.1"]) <= OF_ONE
    for messages in streams:
        await messages.aclose()


async def test_a_stream_ends_after_its_time_and_its_page_comes_again_at_once():
    stream = Stream(never, heartbeat_s=0.01, lifetime_s=0.03)
    said = [message async for message in stream.response("10.0.0.1", "1").body]
    assert said[0] == b"retry: 2000\n\n"
    assert said[-1] == b"retry: 100\n\n"
    assert stream._open == 0


async def test_tabs_of_headquarters_leave_their_browser_connections_for_its_forms():
    async with at_headquarters(CityDesk(), heartbeat_s=60) as browser, contextlib.AsyncExitStack() as open_ones:
        for _ in range(OF_ONE):
            streaming = await open_ones.enter_async_context(browser.stream("GET", "/events?since=2"))
            assert streaming.status_code == 200
        older = await browser.get("/events?since=1")
        assert older.status_code == 204


async def test_whoever_leaves_makes_room_without_a_heartbeat():
    async with at_station(StationDesk(), heartbeat_s=60) as browser, asyncio.timeout(10):
        for _ in range(3 * OF_ONE):
            async with _listening(browser) as messages:
                assert await anext(messages) == ["retry: 2000"]


async def test_somebody_who_reads_nothing_is_cut_off_once_the_room_for_him_is_full(monkeypatch):
    monkeypatch.setattr(server, "REQUEST_S", 0.2)
    app, stream = server.LocalServer(), Stream(never, heartbeat_s=0)

    async def events(_request):
        return stream.response("10.0.0.1")

    app.get("/events")(events)
    async with app.serving("127.0.0.1", 0) as port, asyncio.timeout(30):
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            for is_open in (True, False):
                while bool(stream._open) is not is_open:  # noqa: ASYNC110 - it is the server that moves
                    await asyncio.sleep(0.01)
            assert not app._connections
