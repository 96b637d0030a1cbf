"""Asking a card reader, and being sure which question an answer belongs to.

An answer does not name its question, and lines bring answers late, short, twice or not at all. What can be trusted is
that a serial line keeps the order, and that the reader answers one question after the other. So the SAM's id, which
looks like no other answer, is the marker: once the answer to that question is here, every answer to an earlier one has
come or never will. From then on each question must be followed by exactly one answer of its own shape; anything else
(too late, too short, too much, of another shape) puts the line out of step, and nothing is asked or believed until the
marker has gone round again.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from drivers import card_frames
from drivers.card_frames import Answer
from drivers.serial_line import SerialLine

# Time limits of host libraries for these readers. Before a marker, the answer to an earlier question may still come.
_LIMIT_S = 1.0
_READ_LIMIT_S = 3.0
_MARKER_LIMIT_S = 1.5
_OF_THE_CARD = (card_frames.READ, card_frames.NEWEST_ADDRESS)
# A frame is sent in one go; USB adapters hold bytes back for 16 ms, serial servers for some more.
_GAP_S = 0.3
# After the marker: an echo of it, if there is one, comes in this time.
_QUIET_S = 0.05
_MAX_HEARD = 8


class OddError(Exception):
    """No answer in time, or not the one answer to what was asked: synchronise before asking again."""


class LostError(Exception):
    """The line has gone away."""


class AilingError(Exception):
    """The reader says that it cannot work; `status` is SELF_TEST_FAILED or NOT_AUTHORISED of `card_frames`."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the reader answers {status:02X} to everything")
        self.status = status


class CardLine:
    """One line to a reader. Not for two who ask at a time; `monotonic` in seconds.

    Raises ValueError when `port_url` is of no kind that pyserial knows.
    """

    def __init__(self, port_url: str, *, monotonic: Callable[[], float], baud: int) -> None:
        self._line = SerialLine(port_url, on_bytes=self._read, on_room=lambda: None, baud=baud)
        self._baud = baud
        self._monotonic = monotonic
        self._decoder = card_frames.Decoder()
        self._heard: deque[Answer] = deque(maxlen=_MAX_HEARD)
        self._news: asyncio.Future[None] | None = None
        self._byte_at = 0.0
        self._answered = False

    @property
    def lost(self) -> asyncio.Future[None]:
        """Done when the line that was opened last has gone."""
        return self._line.lost

    @property
    def noise_bytes(self) -> int:
        """How many bytes belonged to no good frame."""
        return self._decoder.noise

    @property
    def has_speed(self) -> bool:
        """Whether its speed can be set from here."""
        return self._line.has_speed

    async def open(self, baud: int | None = None) -> None:
        """Open the port at a speed, its own if none is given; the line is out of step.

        Raises one of serial_line.PORT_ERRORS.
        """
        self._line.baud = self._baud if baud is None else baud
        self._forget()
        self._answered = False
        await self._line.open()

    async def close(self) -> None:
        """Close the port: whoever waits for an answer gets LostError."""
        await self._line.close()
        self._forget()

    async def synchronise(self, *, tries: int = 2) -> bytes:
        """Send the marker round, passing over whatever comes before it; return the 16 bytes of the SAM's id.

        Each try takes at most 1.5 s, for one may be lost, and 1 s comes on top. Raises OddError when none comes back or
        the line will not be quiet, AilingError, LostError.
        """
        self._answered = False
        while True:
            tries -= 1
            try:
                sam_id = await self._go_round()
            except OddError:
                if tries <= 0:
                    raise
            else:
                break
        deadline = self._monotonic() + _LIMIT_S
        while (quiet_at := self._byte_at + _QUIET_S) > self._monotonic():
            if self._monotonic() >= deadline:
                raise OddError("the line is never quiet")
            await self.pause(quiet_at)
        self._forget()
        self._answered = True
        return sam_id

    async def ask(self, request: bytes) -> Answer:
        """Return the good answer to a request, or a refusal: a bare status.

        Raises OddError when the line is out of step or becomes so, AilingError, LostError.
        """
        if not self._answered or self._heard or self._decoder.waiting:
            raise OddError("something came that nobody had asked for")
        self._answered = False
        self._send(request)
        limit_s = _READ_LIMIT_S if request in _OF_THE_CARD else _LIMIT_S
        answer = await self._hear(self._monotonic() + limit_s)
        _check_health(answer)
        # The reader did not understand: what it heard was not what was sent.
        misheard = answer.status in (card_frames.BAD_CHECKSUM, card_frames.BAD_LENGTH)
        if misheard or self._heard or not (answer.refusal or answer.fits(request)):
            raise OddError("not the one answer to what was asked")
        self._answered = True
        return answer

    async def pause(self, until: float) -> None:
        """Wait until the monotonic clock shows `until`. Raises LostError as soon as the line has gone."""
        while (left_s := until - self._monotonic()) > 0 and not self.lost.done():
            await asyncio.wait([self.lost], timeout=left_s)
        if self.lost.done():
            raise LostError

    async def _go_round(self) -> bytes:
        self._forget()
        self._send(card_frames.SAM_ID)
        deadline = self._monotonic() + _MARKER_LIMIT_S
        while not (answer := await self._hear(deadline)).fits(card_frames.SAM_ID):
            _check_health(answer)
        return answer.data

    async def _hear(self, deadline: float) -> Answer:
        """Return the next answer; one that has stopped in the middle is not waited for."""
        lost = self.lost
        while True:
            now = self._monotonic()
            if lost.done():
                raise LostError
            if self._heard:
                return self._heard.popleft()
            if now >= deadline:
                raise OddError("no answer in time")
            if self._decoder.waiting and now - self._byte_at >= _GAP_S:
                raise OddError("the answer stopped in the middle")
            self._news = asyncio.get_running_loop().create_future()
            wait_s = min(deadline - now, _GAP_S)
            await asyncio.wait([self._news, lost], timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)

    def _send(self, request: bytes) -> None:
        if not self._line.send(card_frames.frame(request)):
            raise LostError if self.lost.done() else OddError("the line takes nothing")

    def _read(self, data: bytes) -> None:
        self._byte_at = self._monotonic()
        self._heard.extend(map(card_frames.answer, self._decoder.feed(data)))
        if self._heard and self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _forget(self) -> None:
        self._decoder.reset()
        self._heard.clear()


def _check_health(answer: Answer) -> None:
    if answer.refusal and answer.status in (card_frames.SELF_TEST_FAILED, card_frames.NOT_AUTHORISED):
        raise AilingError(answer.status)
