"""Keeps the station's tasks alive: what breaks is started again, after a while that grows and is drawn by chance."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine

_log = logging.getLogger(__name__)


class Supervisor:
    """Keeps named tasks alive.

    A task that raises or returns is started again after full-jitter back-off: a delay drawn from 0 to
    `first_s` doubled with every attempt, at most `ceiling_s`. The attempts are forgotten only when the task has
    lasted `lasted_s`. All in seconds.
    """

    def __init__(
        self,
        *,
        jitter: Callable[[float, float], float] = random.uniform,
        first_s: float = 0.1,
        ceiling_s: float = 5.0,
        lasted_s: float = 10.0,
    ) -> None:
        self._jitter = jitter
        self._first_s = first_s
        self._ceiling_s = ceiling_s
        self._lasted_s = lasted_s
        self._alive: dict[str, bool] = {}
        self._keepers: list[asyncio.Task[None]] = []

    def keep(self, name: str, work: Callable[[], Coroutine[object, object, None]]) -> None:
        """Start `work()` as a task of that name, and again whenever it ends."""
        self._alive[name] = True
        self._keepers.append(asyncio.create_task(self._keep(name, work), name=f"keep {name}"))

    def alive(self, name: str | None = None) -> bool:
        """Tell whether the task of that name, or every task, is running now and not waiting to be started again."""
        return all(self._alive.values()) if name is None else self._alive[name]

    async def stop(self) -> None:
        """Cancel every task and wait until each has ended."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keep(self, name: str, work: Callable[[], Coroutine[object, object, None]]) -> None:
        attempts = 0
        while True:
            self._alive[name] = True
            task = asyncio.create_task(work(), name=name)
            try:
                _, running = await asyncio.wait({task}, timeout=self._lasted_s)
                if running:
                    if attempts:
                        _log.info("%s runs again", name)
                        attempts = 0
                    await asyncio.wait({task})
            finally:
                self._alive[name] = False
                task.cancel()
                await asyncio.wait({task})
            if not attempts:
                _log.error("%s broke, it is started again: %s", name, _why(task), exc_info=_exception(task))
            attempts += 1
            await asyncio.sleep(self._jitter(0, min(self._ceiling_s, self._first_s * 2 ** min(attempts - 1, 16))))


def _exception(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()


def _why(task: asyncio.Task[None]) -> str:
    if task.cancelled():
        return "it was cancelled"
    error = task.exception()
    return "it returned" if error is None else f"{type(error).__name__}: {error}"
