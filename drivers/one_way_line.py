"""A device that speaks when something is held to it, and is never asked: its line, its state, and its silences."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from drivers import device
from drivers.serial_line import SerialLine
from drivers.serving import keep_serving
from drivers.standing import Standing

_RETRY_BASE_S = 0.2
_RETRY_CAP_S = 2.0
# What speaks so long without a pause says nothing: 17 s at 9600 baud.
_FLOOD = 16384
_CALM_S = 1.0


class OneWayLine:
    """A line on which a device speaks in bursts with silence between them.

    It is ready when its port is open and silent, since it answers nothing; garbled while it speaks without a pause.
    `on_burst(data, begins)` gets the bytes, `begins` true for the first after `quiet_s` of silence; of a burst in the
    middle of which the port was opened it gets none. `what`, `on_state`, `to_do` and `log` as in `Standing`.
    `monotonic` in seconds. Raises ValueError when `port_url` is of no kind that pyserial knows.
    """

    def __init__(
        self,
        what: str,
        port_url: str,
        *,
        baud: int,
        quiet_s: float,
        monotonic: Callable[[], float],
        on_state: Callable[[device.State, str], None],
        on_burst: Callable[[bytes, bool], None],
        to_do: Mapping[str, str],
        log: logging.Logger,
    ) -> None:
        self.quiet_s = quiet_s
        self._monotonic = monotonic
        self._on_burst = on_burst
        self._line = SerialLine(port_url, on_bytes=self._hear, on_room=lambda: None, baud=baud)
        self._standing = Standing(what, to_do=to_do, on_state=on_state, log=log)
        self._retry = device.Retry(_RETRY_BASE_S, _RETRY_CAP_S)
        self._spoke_at = monotonic()
        self._spoken = 0
        self._in_the_middle = True
        self._flood: asyncio.Future[None] | None = None

    @property
    def state(self) -> device.State:
        """How it stands."""
        return self._standing.state

    @property
    def reason(self) -> str:
        """Why it stands so; empty when ready."""
        return self._standing.reason

    @property
    def lost(self) -> asyncio.Future[None]:
        """Done when the line that is open now has gone; only when the state is not absent."""
        return self._line.lost

    @property
    def silent_s(self) -> float:
        """How long it has said nothing."""
        return self._monotonic() - self._spoke_at

    async def run(self) -> None:
        """Serve the line until cancelled; may be run again after that."""
        await keep_serving(self._line, self._standing, self._retry, self._serve)

    async def _serve(self) -> None:
        # Who knows what was said before: from here on it must be silent once.
        self._spoke_at, self._spoken, self._in_the_middle = self._monotonic(), 0, True
        lost = self._line.lost
        while not lost.done():
            if self.state == "ready":
                self._flood = asyncio.get_running_loop().create_future()
                await asyncio.wait([lost, self._flood], return_when=asyncio.FIRST_COMPLETED)
                continue
            wait_s = (self.quiet_s if self.state == "starting" else _CALM_S) - self.silent_s
            if wait_s > 0:
                await asyncio.wait([lost], timeout=wait_s)
            else:
                self._standing.become("heard", "")
                self._retry.reset()

    def _hear(self, data: bytes) -> None:
        begins = self.silent_s >= self.quiet_s
        self._spoke_at = self._monotonic()
        self._spoken = len(data) if begins else self._spoken + len(data)
        self._in_the_middle = self._in_the_middle and not begins
        if self._spoken > _FLOOD and self.state != "faulty":
            self._standing.become("silent", "garbled")
            if self._flood is not None and not self._flood.done():
                self._flood.set_result(None)
        if not self._in_the_middle:
            self._on_burst(data, begins)
