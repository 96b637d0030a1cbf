"""The resident-card reader on a serial line, as the station sees it: a card is read when somebody asks, and only then.

How a wrong or mixed identity is kept out:

- Everything comes from one answer to one question; nothing is put together from several.
- The answers are counted between two markers (`card_line`): with exactly one answer of the right shape for each
  question, and the order kept, none of them can belong to an earlier card or question.
- A frame's check is one XOR byte, which two changed characters, or two that changed places, pass one time in 256 or
  more. And between select and read the card may be swapped for another. So the card is read twice, and both texts must
  be the same: then this very card lay there from the first reading to the second, and the line has changed nothing.
- The newest address stands elsewhere on the card, and is asked for twice between the two readings, under the same rule.
- The number must be one that there can be (`identity_numbers`).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection

from drivers import card_frames, card_text, device
from drivers.card_line import AilingError, CardLine, LostError, OddError
from drivers.identity import Field, Identity, NotRead
from drivers.serial_line import PORT_ERRORS
from drivers.serving import keep_serving
from drivers.standing import Standing

# GA 450's readers want 300 ms between two attempts to find a card.
_POLL_S = 0.3
_STATUS_EVERY_S = 10.0
_STATUS_WHILE_NOT_READY_S = 1.0
# A line that stays silent is opened anew: after a wedged adapter's reset only a new descriptor hears it.
_REOPEN_S = 15.0
_SEEK_EVERY_S = 60.0
_RETRY_BASE_S = 0.2
_RETRY_CAP_S = 2.0
_READING_TRIES = 3
_AILMENTS = {card_frames.SELF_TEST_FAILED: "self_test_failed", card_frames.NOT_AUTHORISED: "not_authorised"}
_TO_DO = {
    "not_found": "check that the card reader is plugged in and that `port` names it",
    "busy": "another program holds the port: stop it",
    "no_permission": "let this user open the port (group dialout)",
    "cannot_open": "check cable, adapter and `port`",
    "hung_up": "check the card reader's cable",
    "silent": "check the card reader's power and cable; every speed is tried",
    "garbled": "check the cable's shield and ground, and `baud`; 8N1",
    "self_test_failed": "switch the card reader off and on; when that does not help, have it replaced",
    "not_authorised": "its SAM is not authorised: have it replaced",
}

_log = logging.getLogger(__name__)


class CardReader:
    """One card reader; lives through unplugging, noise and restarts of either side.

    `on_state(state, reason)` is told when either changed; `state` is one of device.State, `reason` empty when ready,
    else one of not_found, ambiguous, busy, no_permission, cannot_open, hung_up, opening, silent, garbled,
    self_test_failed, not_authorised. It is called on the loop and must not wait. `monotonic` in seconds. `baud` is one
    of `card_frames.SPEEDS`: a reader that was set to another one is found and set to this. `read_twice` False is for a
    reader that serves a card only once each time it is put there: a line that garbles is then noticed less surely, and
    the printed address is all there is.
    Raises ValueError when `port_url` is of no kind that pyserial knows.
    """

    def __init__(
        self,
        name: str,
        port_url: str,
        *,
        monotonic: Callable[[], float],
        on_state: Callable[[device.State, str], None],
        baud: int = 115200,
        read_twice: bool = True,
    ) -> None:
        self.name = name
        self.sam_id = ""
        self._port_url = port_url
        self._monotonic = monotonic
        self._baud = baud
        self._read_twice = read_twice
        self._line = CardLine(port_url, monotonic=monotonic, baud=baud)
        self._standing = Standing(f"card reader {name} at {port_url}", to_do=_TO_DO, on_state=on_state, log=_log)
        self._retry = device.Retry(_RETRY_BASE_S, _RETRY_CAP_S)
        self._talking = asyncio.Lock()
        self._reading = False
        self._noise_before = 0
        self._find_at = 0.0
        self._seek_at = 0.0

    @property
    def state(self) -> device.State:
        """How it stands."""
        return self._standing.state

    @property
    def reason(self) -> str:
        """Why it stands so; empty when ready."""
        return self._standing.reason

    @property
    def noise_bytes(self) -> int:
        """How many bytes on its line belonged to no good frame."""
        return self._line.noise_bytes

    async def read(self, fields: Collection[Field], *, timeout_s: float) -> Identity:
        """Wait for a card, read it, and return of it only `fields`; the photo goes no further than this.

        The address is the newest that was appended to the card, and the printed one when there is none. Waits
        `timeout_s` for a card; one that was found by then is read to the end, which a broken line can draw out to half
        a minute. Raises NotRead. Cancelled at any moment, it leaves nothing that a later read could mistake.
        """
        if self._reading:
            raise NotRead("busy")
        if self.state == "absent":
            raise NotRead("reader")
        self._reading = True
        try:
            async with self._talking:
                text, address = await self._read(self._monotonic() + timeout_s, with_address="address" in fields)
        finally:
            self._reading = False
        try:
            return card_text.decode(text, newest_address=address).only(fields)
        except card_text.UnreadableError:
            raise NotRead("unreadable") from None

    async def run(self) -> None:
        """Serve the reader until cancelled; may be run again after that."""
        await keep_serving(self._line, self._standing, self._retry, self._serve)

    async def _serve(self) -> None:
        """Ask how the reader is now and then, until the line is lost or so long silent that it shall be opened anew."""
        understood_at, heard = self._monotonic(), False
        while not self._line.lost.done():
            if not self._reading:
                async with self._talking:
                    await self._ask_how_it_is()
                    may_seek = self._is_mute and not heard and self._monotonic() >= self._seek_at
                    if may_seek and await self._seek():
                        await self._ask_how_it_is()
            if not self._is_mute:
                understood_at, heard = self._monotonic(), True
            elif self._monotonic() - understood_at >= _REOPEN_S:
                return
            wait_s = _STATUS_EVERY_S if self.state == "ready" else _STATUS_WHILE_NOT_READY_S
            await asyncio.wait([self._line.lost], timeout=wait_s)

    @property
    def _is_mute(self) -> bool:
        return self.reason in ("silent", "garbled")

    async def _seek(self) -> bool:
        """Look for a reader that answers at another speed only, and set it to ours; tell whether there was one.

        Leaves the line open at our speed, or lost.
        """
        self._seek_at = self._monotonic() + _SEEK_EVERY_S
        if not self._line.has_speed:
            return False
        found = False
        for baud in card_frames.SPEEDS:
            if baud != self._baud and await self._answers_at(baud):
                _log.info("card reader %s answers at %d baud: it is set to %d", self.name, baud, self._baud)
                # Whether it answers this at the old speed or at the new one is not written anywhere.
                with contextlib.suppress(OddError, AilingError, LostError):
                    await self._line.ask(card_frames.SPEEDS[self._baud])
                found = True
                break
        await self._line.close()
        with contextlib.suppress(*PORT_ERRORS):
            await self._line.open()
        return found

    async def _answers_at(self, baud: int) -> bool:
        await self._line.close()
        try:
            await self._line.open(baud)
            await self._line.synchronise(tries=1)
        except (*PORT_ERRORS, OddError, AilingError, LostError):
            return False
        return True

    async def _ask_how_it_is(self) -> None:
        try:
            try:
                await self._line.ask(card_frames.SAM_STATUS)
            except OddError:
                await self._synchronise()
        except OddError:
            self._be_silent()
        except AilingError as error:
            self._standing.become("ailing", _AILMENTS[error.status])
        except LostError:
            pass
        else:
            self._be_well()

    async def _read(self, deadline: float, *, with_address: bool) -> tuple[bytes, bytes]:
        """Return the 256 bytes of a card's text, and the newest address, b"" for none. Raises NotRead."""
        try:
            await self._synchronise()
            await self._select(deadline)
            text, address = await self._read_alike(with_address=with_address)
        except OddError:
            self._be_silent()
        except AilingError as error:
            self._standing.become("ailing", _AILMENTS[error.status])
        except LostError:
            pass
        else:
            self._be_well()
            return text, address
        raise NotRead("reader")

    async def _select(self, deadline: float) -> None:
        """Look for a card until one is selected. 80 and 81 say that none is there, or one that was read before."""
        while True:
            # Across reads too: a page may ask again at once.
            await self._line.pause(self._find_at)
            try:
                if await self._finds() and (await self._line.ask(card_frames.SELECT)).fits(card_frames.SELECT):
                    return
            except OddError:
                await self._synchronise()
            if self._find_at >= deadline:
                raise NotRead("no_document")

    async def _finds(self) -> bool:
        try:
            return (await self._line.ask(card_frames.FIND)).fits(card_frames.FIND)
        finally:
            # From the answer on: when the question reached the reader, nobody knows.
            self._find_at = self._monotonic() + _POLL_S

    async def _read_alike(self, *, with_address: bool) -> tuple[bytes, bytes]:
        """Read the selected card until two readings in a row, and nothing beside them, came between two markers."""
        for _ in range(_READING_TRIES):
            try:
                text = await self._read_text()
                addresses: set[bytes] = set()
                if with_address and self._read_twice and card_text.has_address(text):
                    addresses = {await self._read_address(), await self._read_address()}
                again = await self._read_text() if self._read_twice else text
                marker = await self._line.ask(card_frames.SAM_ID)
            except OddError:
                await self._synchronise()
                continue
            if text == again and len(addresses) <= 1 and marker.fits(card_frames.SAM_ID):
                return text, next(iter(addresses), b"")
            break
        raise NotRead("lift")

    async def _read_text(self) -> bytes:
        answer = await self._line.ask(card_frames.READ)
        text = card_frames.card_text(answer.data)
        if text is None:
            raise NotRead("lift", answer.status)
        return text

    async def _read_address(self) -> bytes:
        """Return the newest address, b"" when the card has none or the reader does not know the question."""
        answer = await self._line.ask(card_frames.NEWEST_ADDRESS)
        if answer.fits(card_frames.NEWEST_ADDRESS):
            return answer.data
        if answer.status in (card_frames.NO_SUCH_ITEM, card_frames.BAD_COMMAND):
            return b""
        raise NotRead("lift", answer.status)

    async def _synchronise(self) -> None:
        sam_id = card_frames.printed_sam_id(await self._line.synchronise())
        if sam_id != self.sam_id:
            self.sam_id = sam_id
            _log.info("card reader %s at %s has the SAM %s", self.name, self._port_url, sam_id)

    def _be_well(self) -> None:
        self._standing.become("heard", "")
        self._retry.reset()
        self._noise_before = self._line.noise_bytes

    def _be_silent(self) -> None:
        garbled = self._line.noise_bytes > self._noise_before
        self._standing.become("silent", "garbled" if garbled else "silent")
