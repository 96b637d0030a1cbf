"""microdot's own small HTTP server, with limits: the kiosk's pages need no other."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from microdot import Microdot, Request, Response

from common.web.head import HEAD_BYTES, REQUEST_S, WrongHead, check_headers, check_line

CONNECTIONS = 64
"""Most connections open at once; further ones are closed unanswered."""


STREAM_BYTES: Final = 4096
"""What may lie at the kernel for a reader of a stream who is behind; it sends a few bytes every few seconds."""


class SlowReader(Exception):
    """Somebody does not read what they asked for; no OSError, which microdot would take for one of its own."""


class LocalServer(Microdot):
    """A microdot application that no slow, endless or malformed request can hold up or fill."""

    def __init__(self) -> None:
        super().__init__()
        self._connections: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[int]:
        """Serve on `host`:`port` (0: any free one) inside the block, and yield the port.

        At the end open streams are cut: they would never end by themselves. Raises OSError when the address is taken.
        """
        await self.start_server(host=host, port=port, start_serving=False)
        await self.server.start_serving()
        try:
            yield self.server.sockets[0].getsockname()[1]
        finally:
            self.server.close()
            for connection in self._connections:
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await self.server.wait_closed()

    async def handle_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close."""
        connection = asyncio.current_task()
        assert connection is not None
        if len(self._connections) >= CONNECTIONS:
            writer.close()
            return
        self._connections.add(connection)
        try:
            await self._answer(reader, writer)
        except asyncio.CancelledError:
            pass  # only `serving` cancels, and this is the task's outermost frame: nobody is left to be told
        finally:
            self._connections.discard(connection)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # microdot's stubs ask for more than its code uses: two methods of a reader, and a request or None.
        head: Any = _Head(reader)
        request: Any
        try:
            async with asyncio.timeout(REQUEST_S):
                request = await Request.create(self, head, writer, writer.get_extra_info("peername"))
        except (TimeoutError, ConnectionError):
            return
        except (ValueError, LookupError, asyncio.IncompleteReadError):
            request = None  # microdot parses by splitting and converting; dispatching None answers 400
        if head.left == HEAD_BYTES:
            return  # a browser's spare connection, closed without a word
        response = await self.dispatch_request(request)
        if hasattr(response.body, "__anext__"):
            await _stream(response, reader, writer)
            return
        try:
            async with asyncio.timeout(REQUEST_S):
                await response.write(writer)
        except TimeoutError:
            writer.transport.abort()  # closing would wait for a reader that does not read


async def _stream(response: Response, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write until nobody reads any more: who leaves makes room at once, and who does not keep up is cut off."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, STREAM_BYTES)
    writer.transport.set_write_buffer_limits(high=0)  # each message is with the kernel before the next one is made
    hurried: Any = _Hurried(writer)
    writing = asyncio.ensure_future(response.write(hurried))
    leaving = asyncio.ensure_future(_left(reader))
    try:
        await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (writing, leaving):
            task.cancel()
        ended, _ = await asyncio.gather(writing, leaving, return_exceptions=True)
        body: Any = response.body
        await body.aclose()  # microdot does so only where the connection breaks under it
    if isinstance(ended, SlowReader):
        writer.transport.abort()  # closing would wait for a reader that does not read
    elif isinstance(ended, Exception):
        raise ended


async def _left(reader: asyncio.StreamReader) -> None:
    """Return when the browser has closed its end; it has nothing more to say meanwhile."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(1024):
            pass


class _Hurried:
    """The writer as `Response.write` uses it, for readers who take what they are given in REQUEST_S."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer: Any = writer  # microdot has given it an `awrite`

    async def awrite(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(REQUEST_S):
                await self._writer.awrite(data)
        except TimeoutError:
            raise SlowReader from None


class _Head:
    """The reader as `Request.create` uses it, refusing a head that is endless or could be read in two ways."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._started = False
        self._headers: list[tuple[bytes, bytes]] = []
        self.left = HEAD_BYTES

    async def readline(self) -> bytes:
        line = await self._reader.readline()
        self.left -= len(line)
        if self.left < 0:
            raise WrongHead("request head too long")
        self._check(line.removesuffix(b"\n").removesuffix(b"\r"))
        return line

    async def readexactly(self, count: int) -> bytes:
        return await self._reader.readexactly(count)

    def _check(self, line: bytes) -> None:
        if not self._started:
            self._started = True
            check_line(line)
        elif line:
            name, _, value = line.partition(b":")
            self._headers.append((name, value.strip(b" \t")))
        else:
            check_headers(self._headers)
