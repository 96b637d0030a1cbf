"""microdot under uvicorn, with limits: what is ambiguous, endless or slow is refused before any page sees it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import h11
import uvicorn
from microdot import Request, Response
from microdot.asgi import Microdot
from microdot.microdot import urldecode
from uvicorn.protocols.http.h11_impl import H11Protocol

from common.web.guards import HEADERS
from common.web.head import HEAD_BYTES, REQUEST_S, WrongHead, check_headers, check_line

CONNECTIONS: Final = 1024
"""Most connections open at once; further ones are closed unanswered."""

_ANSWER = [(name.lower().encode(), value.encode()) for name, value in {**HEADERS, "Connection": "close"}.items()]


class AsgiServer(Microdot):
    """A microdot application for an ASGI server; a head or a query it should not read is answered 400.

    microdot decodes both outside of its error handling, and the ASGI server would log a fault of ours each time.
    `secure`: browsers come by TLS, and are told never to come otherwise.
    """

    def __init__(self, *, secure: bool = False) -> None:
        super().__init__()
        if secure:
            self.after_request(_strict)
            self.after_error_request(_strict)

    async def asgi_app(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if not _is_readable(scope):
            await _answer(send, 400)
            return
        body = _Body(receive)
        try:
            await super().asgi_app(scope, body.receive, send)  # type: ignore[misc] # the stub's two Microdots hide it
        except TimeoutError:
            if not body.late:
                raise
            await _answer(send, 408)


class _Body:
    """A request's body while it comes: it has only so long, whatever is waited for afterwards."""

    def __init__(self, receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        self._receive = receive
        self._until = asyncio.get_running_loop().time() + REQUEST_S
        self._complete = False
        self.late = False

    async def receive(self) -> dict[str, Any]:
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            self.late = True
            raise
        self._complete = not message.get("more_body", False)
        return message


class Unhurried(H11Protocol):
    """uvicorn's HTTP/1.1 with limits: how long a head takes, how many connections there are, one request at a time.

    uvicorn times only what is idle: from the first byte on, a head might take for ever. What comes behind a request
    before it was answered is no browser's, and may be a second request hidden in the first one: it cuts the connection.
    """

    _slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Take a connection, if there is room."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            transport.abort()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Read on, and wait only so long for the rest of a head."""
        super().data_received(data)
        if self.conn.trailing_data[0] and self.conn.their_state is not h11.IDLE:
            self.transport.abort()
        elif self.conn.their_state is not h11.IDLE:
            self._wait_no_more()
        elif self._slow is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._slow = self.loop.call_later(REQUEST_S, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None


def listener(app: AsgiServer, certificate: Path | None = None, key: Path | None = None) -> uvicorn.Server:
    """Return what serves `app` on a socket that is bound already, by TLS 1.2 or later if there is a certificate."""
    # What strangers send is no news of ours: each malformed request would be a line.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return uvicorn.Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type] # microdot's ASGI application is untyped
            http=Unhurried,
            ws="none",
            h11_max_incomplete_event_size=HEAD_BYTES,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,  # hq/screens/door.py takes a proxy's word, and only where there is one
            ssl_certfile=certificate,
            ssl_keyfile=key,
            timeout_graceful_shutdown=1,
        )
    )


async def _strict(_request: Request | None, response: Response) -> Response:
    response.headers["Strict-Transport-Security"] = "max-age=31536000"  # RFC 6797; a year
    return response


async def _answer(send: Callable[[dict[str, Any]], Awaitable[None]], status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": _ANSWER})
    await send({"type": "http.response.body", "body": b""})


def _is_readable(scope: dict[str, Any]) -> bool:
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    try:
        check_line(f"{scope['method']} ".encode() + target + f" HTTP/{scope['http_version']}".encode())
        check_headers(scope["headers"])
        urldecode(scope["query_string"])
        for name, value in scope["headers"]:
            name.decode()
            value.decode()
    except (WrongHead, ValueError):
        return False
    return True
