"""Who is signed in at the duty desk: one person, until they leave, nobody touches it for long, or the shift ends.

Answering a call for help never asks for it; what shows people's data in full does. It is verified here, without
headquarters. Times are CLOCK_BOOTTIME.
"""

import asyncio
import contextlib
import hmac
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeAlias

from agent import staff
from agent.database import JournalError
from agent.entry import Clock
from agent.journal import Journal
from common.events.desk import StaffRefused, StaffSignedIn, StaffSignedOut
from common.events.terms import Payload
from common.identifiers import uuid7
from common.pins import NOBODYS
from common.slowing import FREE, Slowing

IDLE_S: Final = 300
"""Without a touch for so long (seconds), whoever is signed in is signed out."""

LONGEST_WAIT_S: Final = 300.0
"""The longest wait between two guesses: a million PINs take nine years, and an officer comes in after five minutes."""

_FORGOTTEN_S: Final = 24 * 3600.0
_AGAIN_S: Final = 5.0
_NS: Final = 1_000_000_000
_NOBODY: Final = ""
"""Under which guesses at numbers that are not on the list are counted, all together."""

Refusal: TypeAlias = Literal["wrong", "wait", "busy", "failed"]
"""wrong: no such number, or not its PIN; wait: too many of these, not looked at; busy: another one is being looked at;
failed: it could not be looked at."""

log = logging.getLogger(__name__)


class SignInRefused(Exception):
    """Nobody was signed in; `wait_s`: after how many seconds the next attempt is looked at."""

    def __init__(self, why: Refusal, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.wait_s = wait_s


@dataclass(slots=True, eq=False)
class _Session:
    staff: str
    pin: str
    token: str
    touched_ns: int


class SignIn:
    """The one sign-in there is. Keep `run()` alive; `changed()` is told when `present` says another name."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        *,
        changed: Callable[[], None],
        is_pin: Callable[[str, str], Awaitable[bool]] = staff.is_pin,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._changed = changed
        self._is_pin = is_pin
        self._slowing = Slowing(lambda: clock.mono_ns() / _NS, longest_s=LONGEST_WAIT_S, forgotten_s=_FORGOTTEN_S)
        self._looking = False
        self._session: _Session | None = None
        self._wake = asyncio.Event()
        self._to_note: deque[tuple[str, Payload]] = deque()
        for number, member in journal.query(staff.members).items():
            for _ in range(member.wrong):
                self._slowing.wrong(number)

    @property
    def present(self) -> str | None:
        """The staff number of who is signed in."""
        return None if self._session is None else self._session.staff

    def who(self, token: str | None) -> str | None:
        """Return whose browser has this token, and hear that they are there; None for anybody else's."""
        session = self._session
        if session is None or self._left_s(session) <= 0:
            return None
        if token is None or not hmac.compare_digest(session.token.encode(), token.encode()):
            return None
        session.touched_ns = self._clock.mono_ns()
        return session.staff

    @property
    def listed(self) -> bool:
        """Tell whether headquarters has sent a staff list; raises JournalError."""
        return bool(self._journal.query(staff.members))

    async def sign_in(self, number: str, pin: str) -> str:
        """Sign somebody in, in place of who is, and return the token for their browser once it stands in the journal.

        Raises SignInRefused, and JournalError when the disk fails: who cannot be noted is not signed in.
        """
        member = await self._member(number, pin)
        await self._journal.append(StaffSignedIn(staff=number))
        await self._was_right(number, member)
        self._end("replaced")
        self._session = _Session(number, member.pin, secrets.token_urlsafe(24), self._clock.mono_ns())
        self._wake.set()
        self._changed()
        return self._session.token

    async def prove(self, number: str, pin: str) -> None:
        """Look at a PIN that somebody signs something else with; who is signed in stays so.

        It is slowed down together with signing in, so that it is no second way to guess. Raises likewise.
        """
        await self._was_right(number, await self._member(number, pin))

    async def _member(self, number: str, pin: str) -> staff.Member:
        """Return whose number and PIN these are. Raises SignInRefused, and JournalError."""
        member = self._journal.query(staff.members).get(number)
        guesser = _NOBODY if member is None else number
        if wait_s := self._slowing.wait_s(guesser):
            raise SignInRefused("wait", wait_s)
        if self._looking:
            raise SignInRefused("busy", 1.0)
        self._looking = True
        try:
            # Of a number that nobody has as much is looked at, so that no answer's time tells which numbers there are.
            right = await self._is_pin(pin, NOBODYS if member is None else member.pin)
        except staff.CheckFailed as error:
            log.error("A PIN could not be looked at: %s.", error)  # noqa: TRY400 - it says all
            raise SignInRefused("failed") from None
        finally:
            self._looking = False
        if member is None or not right:
            await self._note_wrong(guesser)
            raise SignInRefused("wrong", self._slowing.wait_s(guesser))
        now = self._journal.query(staff.members).get(number)
        if now is None or now.pin != member.pin:
            raise SignInRefused("wrong")  # withdrawn, or another one issued, while it was looked at
        return member

    async def _was_right(self, number: str, member: staff.Member) -> None:
        self._slowing.forget(number)
        if member.wrong:
            await self._journal.run(partial(staff.count, number=number, wrong=0))

    def sign_out(self, token: str | None) -> None:
        """End the sign-in of this browser."""
        if self.who(token) is not None:
            self._end("asked")

    def shift_ended(self) -> None:
        """End the sign-in with its shift."""
        self._end("shift")

    def orders_applied(self) -> None:
        """Look whether who is signed in may still be."""
        session = self._session
        if session is None:
            return
        with contextlib.suppress(JournalError):  # what cannot be read was not changed either
            member = self._journal.query(staff.members).get(session.staff)
            if member is None or member.pin != session.pin:
                self._end("withdrawn")

    async def run(self) -> None:
        """End what nobody touches any more, and journal what has happened, for ever."""
        while True:
            self._wake.clear()
            again_s = self._look()
            if not await self._write():
                again_s = _AGAIN_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(again_s):
                    await self._wake.wait()

    def _look(self) -> float | None:
        """End a sign-in that is over, and return in how many seconds to look again; None when nobody is signed in."""
        if self._session is None:
            return None
        left_s = self._left_s(self._session)
        if left_s <= 0:
            self._end("idle")
            return None
        return left_s

    def _left_s(self, session: _Session) -> float:
        return IDLE_S - (self._clock.mono_ns() - session.touched_ns) / _NS

    def _end(self, reason: Literal["asked", "idle", "shift", "replaced", "withdrawn"]) -> None:
        if self._session is None:
            return
        ended, self._session = self._session, None
        self._note(StaffSignedOut(staff=ended.staff, reason=reason))
        self._changed()

    async def _note_wrong(self, guesser: str) -> None:
        self._slowing.wrong(guesser)
        times = self._slowing.count(guesser)
        if guesser:
            with contextlib.suppress(JournalError):  # the journal has logged it; this process still remembers
                await self._journal.run(partial(staff.count, number=guesser, wrong=times))
        if times == FREE:
            log.warning("%d wrong PINs in a row at the duty desk: each further one has to wait.", times)
            self._note(StaffRefused(times=times, staff=guesser or None))

    def _note(self, event: Payload) -> None:
        """Have journaled what has happened already, whatever the disk says to it now."""
        self._to_note.append((uuid7(wall_ms=self._clock.wall_ms()), event))
        self._wake.set()

    async def _write(self) -> bool:
        """Journal what is to be noted; False when the disk fails, and it is tried again."""
        while self._to_note:
            event_id, event = self._to_note[0]
            try:
                await self._journal.append(event, event_id=event_id)
            except JournalError:
                return False
            self._to_note.popleft()
        return True
