"""microdot's own small HTTP server, with limits: the kiosk's pages need no other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from microdot import Microdot, Request

from common.web.head import HEAD_BYTES, REQUEST_S, WrongHead, check_headers, check_line

CONNECTIONS = 64
"""Most connections open at once; further ones are closed unanswered."""


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
            await response.write(writer)
            return
        try:
            async with asyncio.timeout(REQUEST_S):
                await response.write(writer)
        except TimeoutError:
            writer.transport.abort()  # closing would wait for a reader that does not read


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
