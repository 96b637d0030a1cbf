"""A device on a serial line, served for as long as its driver runs: opened, served, and after a while opened again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from drivers import device
from drivers.serial_line import PORT_ERRORS, why
from drivers.standing import Standing


class Line(Protocol):
    """What is opened and closed."""

    @property
    def lost(self) -> asyncio.Future[None]:
        """Done when the line that was opened last has gone."""

    async def open(self) -> None:
        """Open it. Raises one of serial_line.PORT_ERRORS."""

    async def close(self) -> None:
        """Close it."""


async def keep_serving(
    line: Line, standing: Standing, retry: device.Retry, serve: Callable[[], Awaitable[None]]
) -> None:
    """Serve until cancelled; may be called again after that.

    `serve` begins with the line open, and returns when it was lost or shall be opened anew.
    """
    if standing.state != "absent":
        standing.become("lost", "hung_up")
    try:
        while True:
            try:
                await line.open()
            except PORT_ERRORS as error:
                standing.become("lost", why(error))
            else:
                standing.become("opened", "opening" if standing.state == "absent" else standing.reason)
                await serve()
                if line.lost.done():
                    standing.become("lost", "hung_up")
                await line.close()
            await asyncio.sleep(retry.next_s())
    finally:
        await line.close()
