"""Patience with a database that fails: what was to be done is tried again until it works."""

import asyncio
import logging
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

    `on_change` is called when `failing` has become another.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._waiting: set[object] = set()

    @property
    def failing(self) -> bool:
        """Whether something waits for a database that refused it."""
        return bool(self._waiting)

    def over(self, work: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        """Return `work` as a coroutine function that repeats it until the database does its part."""

        async def insistent(*args: P.args, **kwargs: P.kwargs) -> T:
            me = object()
            try:
                while True:
                    try:
                        return await work(*args, **kwargs)
                    except FAILURES as error:
                        self._failed(me, error)
                        await asyncio.sleep(RETRY_S)
            finally:
                self._over(me)

        return insistent

    def _failed(self, me: object, error: Exception) -> None:
        first = not self._waiting
        self._waiting.add(me)
        if first:
            cause = str(getattr(error, "orig", error)).strip()
            log.error(
                "The database fails (%s); nothing is acknowledged until it works. Look at its disk, or its server.",
                cause,
            )
            self._on_change()

    def _over(self, me: object) -> None:
        if me in self._waiting:
            self._waiting.remove(me)
            if not self._waiting:
                log.warning("What the database had refused is done.")
                self._on_change()
