"""A loop in a thread of its own, for work that may block it: nobody else has to wait meanwhile."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

_STOP_S: Final = 1.5
"""How long a stop waits for work that stands in the middle of a transaction."""


class OwnLoop:
    """Where one lane lives: its connection, its messages and their transactions, without a hand-over between them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work` there until it ends, and raise what it raised; a cancellation cancels it."""
        outer, inner = asyncio.get_running_loop(), asyncio.new_event_loop()
        ended: asyncio.Future[None] = outer.create_future()
        task = inner.create_task(work(), name=self._name)
        self._loop = inner

        def settle() -> None:
            failure = None if task.cancelled() else task.exception()
            if failure is not None:
                ended.set_exception(failure)
            else:
                ended.set_result(None)

        def serve() -> None:
            inner.run_until_complete(asyncio.wait({task}))
            inner.close()
            with contextlib.suppress(RuntimeError):  # the outer loop has closed: nobody waited any longer
                outer.call_soon_threadsafe(settle)

        # A daemon: a database that hangs must not hold up the end of the process.
        threading.Thread(target=serve, name=self._name, daemon=True).start()
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            self.call(task.cancel)
            await asyncio.wait({ended}, timeout=_STOP_S)
            raise

    def call(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Have `callback` called there, from any thread; nothing happens before the work began or after it ended."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has closed
                self._loop.call_soon_threadsafe(callback, *arguments)
