"""Liveness: an event stream that says "something changed" and, when nothing does, "still here"."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from microdot import Response
from microdot.microdot import HTTPException

HEARTBEAT_S = 5.0
"""A page that hears nothing for three heartbeats says that its data is stale."""

PAUSE_S = 0.2
"""Least time between two messages: a burst of changes is one look at the page, not one for each."""


class Stream:
    """Server-sent events (HTML standard, section 9.2) of one ever-growing version number, for a bounded audience.

    A message says only that there is something new; the page then fetches what it shows. Each subscriber is a
    generator that waits for its own browser: `microdot.sse` queues without bound for one that has stopped reading.
    `stopping`, once set, ends every stream: a server that waits for open answers could not stop otherwise.
    """

    def __init__(
        self,
        changed: Callable[[int], Awaitable[int]],
        *,
        heartbeat_s: float = HEARTBEAT_S,
        subscribers: int = 32,
        stopping: asyncio.Event | None = None,
    ) -> None:
        self._changed = changed
        self._heartbeat_s = heartbeat_s
        self._subscribers = subscribers
        self._stopping = stopping or asyncio.Event()
        self._open = 0

    def response(self) -> Response:
        """Return the stream; raises HTTPException 503 when the audience is full."""
        if self._open >= self._subscribers:
            raise HTTPException(503, "Too many pages are open")
        headers = {"Content-Type": "text/event-stream; charset=utf-8"}
        # The stub knows no generator, but a body with `__anext__` is streamed: microdot.Response, "body".
        return Response(self._messages(), headers=headers)  # type: ignore[arg-type]

    async def _messages(self) -> AsyncGenerator[bytes, None]:
        self._open += 1
        # From -1, so that every (re)connected page is told at once to look: it may have missed anything, and after
        # a restart of ours the versions begin anew.
        waiting = asyncio.ensure_future(self._changed(-1))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            yield b"retry: 2000\n\n"
            while not stopping.done():
                await asyncio.wait({waiting, stopping}, timeout=self._heartbeat_s, return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    version = waiting.result()
                    yield b"data: %d\n\n" % version
                    await asyncio.wait({stopping}, timeout=PAUSE_S)
                    waiting = asyncio.ensure_future(self._changed(version))
                elif not stopping.done():
                    yield b"event: heartbeat\ndata:\n\n"
        finally:
            self._open -= 1
            waiting.cancel()
            stopping.cancel()
