import asyncio
from pathlib import Path

from common.web import server


async def _connection(browser, request):
    reader, writer = await asyncio.open_connection("127.0.0.1", browser.port)
    writer.write(request)
    return reader, writer


async def test_a_request_that_never_ends_is_cut_and_holds_up_nobody(station, monkeypatch):
    monkeypatch.setattr(server, "REQUEST_S", 0.05)
    reader, writer = await _connection(station, b"POST /help HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n1")
    assert (await station.get("/")).status_code == 200
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()
    assert station.desk.view().calls == ()


async def test_a_browsers_spare_connection_is_closed_without_a_word(station):
    reader, writer = await _connection(station, b"")
    writer.write_eof()
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()


async def test_more_connections_than_the_house_holds_are_closed_and_room_comes_back(station, monkeypatch):
    monkeypatch.setattr(server, "CONNECTIONS", 2)
    streams = []
    for _ in range(2):
        reader, writer = await _connection(station, b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b"retry: 2000")
        streams.append(writer)
    async with asyncio.timeout(10):
        assert await station.raw(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") == b""
        for writer in streams:
            writer.close()
        while not await station.raw(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):
            await station.desk.become()  # a write is what tells a server that its reader has left


def test_the_browsers_code_stays_small_and_asks_no_other_host():
    script = (Path(server.__file__).parent / "static" / "jingting.js").read_text()
    assert len(script.splitlines()) < 200
    assert "://" not in script
