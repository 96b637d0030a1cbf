"""The bad line itself, before anything is proved with it."""

import asyncio
import contextlib

import pytest
from proxy import Proxy


@contextlib.asynccontextmanager
async def echo():
    async def answer(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, Proxy(server.sockets[0].getsockname()[1]) as line:
        reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
        try:
            yield line, reader, writer
        finally:
            writer.close()


async def test_a_stalled_line_passes_nothing_and_afterwards_everything():
    async with echo() as (line, reader, writer):
        line.stall()
        writer.write(b"word")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(4), 0.2)
        line.heal()
        assert await asyncio.wait_for(reader.readexactly(4), 5) == b"word"


async def test_a_cut_line_loses_what_was_on_its_way_and_resets_the_connection():
    async with echo() as (line, reader, writer):
        line.stall()
        writer.write(b"word")
        await writer.drain()
        line.cut()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.readexactly(4), 5)


async def test_a_line_delays_and_carries_only_so_much():
    async with echo() as (line, reader, writer):
        loop = asyncio.get_running_loop()
        line.delay_s = 0.1
        began = loop.time()
        writer.write(b"word")
        await asyncio.wait_for(reader.readexactly(4), 5)
        assert loop.time() - began >= 0.2
        line.delay_s, line.bytes_per_s = 0.0, 20_000
        began = loop.time()
        writer.write(bytes(10_000))
        await asyncio.wait_for(reader.readexactly(10_000), 10)
        assert loop.time() - began >= 0.4


async def test_an_end_that_hangs_up_is_heard_at_the_other():
    async with echo() as (_, reader, writer):
        writer.write_eof()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 5)
