"""Liveness: an event stream that says "something changed" and, when nothing does, "still here"."""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from microdot import Response
from microdot.microdot import HTTPException

HEARTBEAT_S = 5.0
"""A page that hears nothing for three heartbeats says that its data is stale."""

PAUSE_S = 0.2
"""Least time between two messages: a burst of changes is one look at the page, not one for each."""

OF_ONE: Final = 4
"""Most streams of one browser: it opens six connections to a host, and its forms and pages need some of them."""

LIFETIME_S: Final = 600.0
"""How long a stream lasts (seconds): its page opens another at once, and one that nobody reads any more is gone."""

_AGAIN_MS: Final = 100


@dataclass(slots=True, eq=False)
class _Seat:
    """One stream of a browser; `since`: when its page was opened, by the browser's clock. `over`, once set, ends it."""

    since: float
    over: asyncio.Event = field(default_factory=asyncio.Event)


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
        lifetime_s: float = LIFETIME_S,
        stopping: asyncio.Event | None = None,
    ) -> None:
        self._changed = changed
        self._heartbeat_s = heartbeat_s
        self._subscribers = subscribers
        self._lifetime_s = lifetime_s
        self._stopping = stopping or asyncio.Event()
        self._open = 0
        self._seats: dict[str, list[_Seat]] = {}

    def response(self, browser: str = "", since: str = "") -> Response:
        """Return the stream for a browser, known by its address; "" is one that nobody knows.

        `since` is when its page was opened (`performance.timeOrigin`, by that browser's clock). Of more than OF_ONE
        pages those that were opened last have streams. The others are answered 204, which ends the matter for an
        EventSource; such a page asks every few seconds instead. Raises HTTPException 503 when the whole audience is
        full.
        """
        seat = _Seat(_number(since))
        seats = self._seats.get(browser, ())
        if browser and len(seats) >= OF_ONE and seat.since < min(taken.since for taken in seats):
            return Response(status_code=204)
        if self._open >= self._subscribers:
            raise HTTPException(503, "Too many pages are open")
        headers = {"Content-Type": "text/event-stream; charset=utf-8"}
        # The stub knows no generator, but a body with `__anext__` is streamed: microdot.Response, "body".
        return Response(self._messages(browser, seat), headers=headers)  # type: ignore[arg-type]

    async def _messages(self, browser: str, seat: _Seat) -> AsyncGenerator[bytes, None]:
        self._open += 1
        self._sit(browser, seat)
        now = asyncio.get_running_loop().time
        until = now() + self._lifetime_s
        # From -1, so that every (re)connected page is told at once to look: it may have missed anything, and after
        # a restart of ours the versions begin anew.
        waiting = asyncio.ensure_future(self._changed(-1))
        ends = {asyncio.ensure_future(end.wait()) for end in (self._stopping, seat.over)}
        try:
            yield b"retry: 2000\n\n"
            while not any(end.done() for end in ends) and now() < until:
                await asyncio.wait({waiting, *ends}, timeout=self._heartbeat_s, return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    version = waiting.result()
                    yield b"data: %d\n\n" % version
                    await asyncio.wait(ends, timeout=PAUSE_S, return_when=asyncio.FIRST_COMPLETED)
                    waiting = asyncio.ensure_future(self._changed(version))
                elif not any(end.done() for end in ends):
                    yield b"event: heartbeat\ndata:\n\n"
            if now() >= until:
                yield b"retry: %d\n\n" % _AGAIN_MS
        finally:
            self._open -= 1
            self._rise(browser, seat)
            for task in (waiting, *ends):
                task.cancel()

    def _sit(self, browser: str, seat: _Seat) -> None:
        """Give a stream its seat: where there is none left, that of the page that was opened first."""
        seats = self._seats.setdefault(browser, [])
        if browser and len(seats) >= OF_ONE:
            # A page that comes again may not have been missed yet.
            gives_way = next((taken for taken in seats if taken.since == seat.since), None)
            gives_way = gives_way or min(seats, key=lambda taken: taken.since)
            gives_way.over.set()
            seats.remove(gives_way)
        seats.append(seat)

    def _rise(self, browser: str, seat: _Seat) -> None:
        seats = self._seats.get(browser, [])
        with contextlib.suppress(ValueError):  # it had to give way
            seats.remove(seat)
        if not seats:
            self._seats.pop(browser, None)


def _number(text: str) -> float:
    """Return the number that somebody says, 0 where it is none."""
    try:
        number = float(text[:32])
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0
