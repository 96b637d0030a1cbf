"""Patience with a database that fails: what was to be done is tried again until it works."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, ParamSpec, TypeVar

from hq.database import FAILURES

log = logging.getLogger(__name__)

RETRY_S: Final = 1.0
"""How long to wait before the next attempt."""

P = ParamSpec("P")
T = TypeVar("T")


class Patience:
    """Makes work wait for the database; says once that it fails and once that it works again.

    `on_change` is called when `failing` has become another, in the thread that saw it; work may be on several loops.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._failing: set[object] = set()
        self._lock = threading.Lock()

    @property
    def failing(self) -> bool:
        """Whether some work was refused by the database, and has not succeeded since."""
        return bool(self._failing)

    def over(
        self, work: Callable[P, Awaitable[T]], *, attempts: int | None = None
    ) -> Callable[P, Coroutine[Any, Any, T]]:
        """Return `work` as a coroutine function that repeats it until the database does its part.

        After so many `attempts` (None: never) it raises what the last one raised, one of FAILURES.
        """
        me = object()

        async def insistent(*args: P.args, **kwargs: P.kwargs) -> T:
            attempt = 0
            while True:
                attempt += 1
                try:
                    result = await work(*args, **kwargs)
                except FAILURES as error:
                    self._failed(me, error)
                    if attempt == attempts:
                        raise
                    await asyncio.sleep(RETRY_S)
                else:
                    self._worked(me)
                    return result

        return insistent

    def _failed(self, me: object, error: Exception) -> None:
        with self._lock:
            first = not self._failing
            self._failing.add(me)
        if first:
            log.error(
                "The database fails (%s); what it refuses is not acknowledged. Look at its disk, or its server.",
                str(getattr(error, "orig", error)).strip(),
            )
            self._on_change()

    def _worked(self, me: object) -> None:
        if me not in self._failing:
            return
        with self._lock:
            self._failing.discard(me)
            last = not self._failing
        if last:
            log.warning("The database works again.")
            self._on_change()
