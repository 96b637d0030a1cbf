"""Work that may hang, done beside the loop: opening a port, looking for a chip."""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable


async def beside(work: Callable[[], object], undo: Callable[[], object]) -> None:
    """Do `work` on a thread of its own and wait for it; what it raises is raised here.

    Who is cancelled does not wait on: work that ends well after that is undone, on a thread as well, so that no port
    stays open, and locked, that nobody knows of. A wedged USB adapter or a serial server can take seconds to open. A
    daemon thread, because the loop's own executor is waited for when the process stops, and a stop must not take as
    long.
    """
    outcome: concurrent.futures.Future[None] = concurrent.futures.Future()

    def run() -> None:
        try:
            work()
        except Exception as caught:  # noqa: BLE001 - nothing is swallowed: whoever waits gets it
            with contextlib.suppress(concurrent.futures.InvalidStateError):
                outcome.set_exception(caught)
            return
        try:
            outcome.set_result(None)
        except concurrent.futures.InvalidStateError:
            undo()

    threading.Thread(target=run, name="beside", daemon=True).start()
    try:
        await asyncio.wrap_future(outcome)
    except asyncio.CancelledError:
        if not outcome.cancel() and outcome.exception() is None:
            threading.Thread(target=undo, name="beside", daemon=True).start()
        raise
