"""A version that grows with every change, and waiting for the next one."""

import asyncio


class Changes:
    """Counts changes; many may wait. For one loop."""

    def __init__(self) -> None:
        self.version = 0
        self._next = asyncio.Event()

    def moved(self) -> None:
        """Count a change and wake whoever waits for it."""
        self.version += 1
        waited, self._next = self._next, asyncio.Event()
        waited.set()

    async def after(self, since: int) -> int:
        """Wait until the version is above `since`, and return it."""
        while self.version <= since:
            await self._next.wait()
        return self.version
