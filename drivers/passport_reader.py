"""The swipe reader for passports, visas and permits on a serial line: it says what it read when a document is swiped.

Such readers send the lines of the machine readable zone as ASCII, each with CR or CR LF behind it, some with STX before
and ETX behind them all, some all lines in one; speed is a setting of the reader.

How a wrong or mixed identity is kept out:

- A swipe is one burst, with silence before and behind it. A burst that is anything but one zone is nobody.
- Nothing is put together from two bursts. What is said while nobody asks, or when the asking began in the middle of it,
  is dropped unread.
- Every check digit must be right (`mrz`); what one of them mended is among the identity's doubts.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Collection
from datetime import date

from drivers import device, mrz, mrz_identity
from drivers.identity import Field, Identity, NotRead
from drivers.one_way_line import OneWayLine

# The longest zone is 90 characters; with every framing there is, under twice that.
_LONGEST = 256
# Fewer bytes than that are noise on the line; more of them were a document.
_SWIPE = 20
# How long after its time a swipe may still end.
_LATE_S = 1.0
_FRAMING = re.compile(r"[\r\n\x02\x03]+")
# A permit to travel to Hong Kong, Macau or Taiwan has one line of its own, in no published layout.
_ONE_LINE_PERMIT = re.compile(r"C[A-Z0-9<]{29}")
_TO_DO = {
    "not_found": "check that the passport reader is plugged in and that `port` names it",
    "busy": "another program holds the port: stop it",
    "no_permission": "let this user open the port (group dialout)",
    "cannot_open": "check cable, adapter and `port`",
    "hung_up": "check the passport reader's cable",
    "garbled": "it speaks without a pause: check speed, cable, shield and ground; 8N1",
}

_log = logging.getLogger(__name__)


class PassportReader:
    """One swipe reader; lives through unplugging, noise and restarts of either side.

    `on_state(state, reason)` is told when either changed; `state` is one of device.State, `reason` empty when ready,
    else one of not_found, busy, no_permission, cannot_open, hung_up, opening, garbled. It is called on the loop and
    must not wait. A reader that is asked nothing answers nothing: ready says that its port is open. `monotonic` in
    seconds; `today` tells the century of two-digit years, None when no clock is trusted. `baud` as the reader is set.
    `quiet_s`: how much silence ends a swipe. Raises ValueError when `port_url` is of no kind that pyserial knows.
    """

    def __init__(
        self,
        name: str,
        port_url: str,
        *,
        monotonic: Callable[[], float],
        today: Callable[[], date | None],
        on_state: Callable[[device.State, str], None],
        baud: int = 9600,
        quiet_s: float = 0.3,
    ) -> None:
        self.name = name
        self.noise_bytes = 0
        self._monotonic = monotonic
        self._today = today
        self._line = OneWayLine(
            f"passport reader {name} at {port_url}",
            port_url,
            baud=baud,
            quiet_s=quiet_s,
            monotonic=monotonic,
            on_state=on_state,
            on_burst=self._hear,
            to_do=_TO_DO,
            log=_log,
        )
        self._reading = False
        self._swipe: bytearray | None = None
        self._news: asyncio.Future[None] | None = None

    @property
    def state(self) -> device.State:
        """How it stands."""
        return self._line.state

    @property
    def reason(self) -> str:
        """Why it stands so; empty when ready."""
        return self._line.reason

    async def run(self) -> None:
        """Serve the reader until cancelled; may be run again after that."""
        await self._line.run()

    async def read(self, fields: Collection[Field], *, timeout_s: float) -> Identity:
        """Wait for a document to be swiped, and return of it only `fields`.

        Waits `timeout_s`, and for the end of a swipe that has begun by then, up to a second longer. Raises NotRead:
        lift when it shall be swiped again, unreadable for a document with a zone of no known layout. Cancelled at any
        moment, it leaves nothing behind.
        """
        if self._reading:
            raise NotRead("busy")
        if self.state == "absent":
            raise NotRead("reader")
        self._reading = True
        try:
            lines = await self._next_swipe(self._monotonic() + timeout_s)
        finally:
            self._reading, self._swipe, self._news = False, None, None
        try:
            zone = mrz.parse(lines, today=self._today())
        except mrz.MrzError:
            self.noise_bytes += sum(map(len, lines))
            raise NotRead("unreadable" if _is_one_line_permit(lines) else "lift") from None
        return mrz_identity.identity(zone).only(fields)

    async def _next_swipe(self, deadline: float) -> list[str]:
        lost, quiet_s = self._line.lost, self._line.quiet_s
        while not lost.done():
            silent_s, left_s = self._line.silent_s, deadline - self._monotonic()
            quiet = silent_s >= quiet_s
            if quiet and (lines := self._lines()):
                return lines
            if quiet and left_s <= 0:
                raise NotRead("no_document")
            if left_s <= -_LATE_S:
                raise NotRead("reader" if self.reason == "garbled" else "lift")
            self._news = asyncio.get_running_loop().create_future()
            wait_s = left_s if quiet else quiet_s - silent_s
            await asyncio.wait([self._news, lost], timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        raise NotRead("reader")

    def _hear(self, data: bytes, begins: bool) -> None:  # noqa: FBT001 - a callback's only two arguments
        if begins and self._reading:
            self._swipe = bytearray()
        if self._swipe is None:
            self.noise_bytes += len(data)
            return
        # One byte over is enough to know that it was too long.
        self._swipe += data[: _LONGEST + 1 - len(self._swipe)]
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _lines(self) -> list[str]:
        """Return the lines of the swipe that has ended; none for noise."""
        swipe, self._swipe = bytes(self._swipe or b""), None
        if len(swipe) >= _SWIPE and len(swipe) <= _LONGEST and swipe.count(b"\x02") <= 1 and swipe.count(b"\x03") <= 1:
            # A byte that is no ASCII becomes a character that stands in no zone.
            return [line for line in _FRAMING.split(swipe.decode("ascii", errors="replace")) if line]
        self.noise_bytes += len(swipe)
        if len(swipe) >= _SWIPE:
            raise NotRead("lift")
        return []


def _is_one_line_permit(lines: list[str]) -> bool:
    return len(lines) == 1 and _ONE_LINE_PERMIT.fullmatch(lines[0]) is not None
