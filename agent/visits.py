"""The visit at the citizen's screen, and what is open there without one: whom it waits for, and when it is over.

There is one screen, so there is one visit; another one begun ends it, and the page it was begun from stays below it.
Nothing of a visit is written anywhere until the citizen confirms, and nothing of it is left anywhere after its end.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Protocol

from agent.browse import Browse, erased_in_s
from agent.database import JournalError
from agent.entry import Clock
from agent.quota import JournalFullError
from agent.record_form import Header, check_id
from agent.records import Records
from agent.visit import WARNING_S, Visit, VisitView
from drivers.card_status import advice
from drivers.identity import Field, Identity, NotRead

READING_S: Final = 30.0
"""How long a card is waited for, in seconds."""


class Reader(Protocol):
    """What reads documents: a driver, or several of them as one (`agent.either_reader`)."""

    async def read(self, fields: Collection[Field], *, timeout_s: float) -> Identity:
        """Return `fields` of the next document; raises NotRead."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the citizen takes along: the record's number, `unsure` when the clock was not to be trusted for its day."""

    number: str
    unsure: bool


class Visits:
    """The visit of now. Keep `run()` alive; `changed()` is called when `view` says another thing than before.

    Every method that takes a visit's id does nothing, and says so, when that visit is over. Clocks are CLOCK_BOOTTIME.
    `browse` is read by the screen, and changed here alone. `waiting` tells whether somebody waits for help: the
    language that they read in then stays.
    """

    def __init__(
        self, records: Records, clock: Clock, *, reader: Reader | None, waiting: Callable[[], bool] | None = None
    ) -> None:
        self.changed: Callable[[], None] = _nothing
        self._waiting = waiting or _nobody
        self.browse = Browse(clock.mono_ns())
        self._records = records
        self._clock = clock
        self._reader = reader
        self._visit: Visit | None = None
        self._reading: asyncio.Task[None] | None = None
        self._confirming: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    # -- what the citizen does --------------------------------------------------------------------------------------

    def begin(self, visit: str, service: str) -> bool:
        """Begin a visit for a service of the catalogue, and end the one before.

        `visit` is the id that its form carries, and of the record it may become; the visit of now goes on under it.
        False for a service that is none, or that only keeps another system's reference, and for an id that has become
        a record. Raises WrongForm for one that is no id, JournalError when the disk cannot be read.
        """
        check_id(visit)
        if self._current(visit) is not None:
            return True
        wanted = self._records.catalogue.services.get(service)
        if wanted is None or wanted.reference_only or self._records.get(visit) is not None:
            return False
        self._forget()
        self._visit = Visit(visit, wanted, self._clock.mono_ns())
        self._touch()
        return True

    def answer(self, visit: str, question: str, answer: str) -> bool:
        """Take a tap on a question of the service, as `agent.answers` does."""
        now = self._current(visit)
        return now is not None and self._touched(now.answer(question, answer))

    def agree(self, visit: str) -> bool:
        """Start reading a card: the citizen has seen what for, and tapped."""
        now = self._current(visit)
        if now is None or not now.agree():
            return False
        if self._reader is None:
            now.not_read("reader")
        else:
            self._reading = asyncio.create_task(self._read(now, self._reader), name="card of a visit")
        self._touch()
        return True

    def go_without(self, visit: str) -> bool:
        """Go on without an identity, where the service allows it, or without a telephone number."""
        now = self._current(visit)
        return now is not None and self._touched(now.go_without())

    def ask_phone(self, visit: str) -> bool:
        """Show the number pad: the citizen wants to be called."""
        now = self._current(visit)
        return now is not None and self._touched(now.ask_phone())

    def key(self, visit: str, key: str) -> bool:
        """Take one key of the number pad, a digit or `back`."""
        now = self._current(visit)
        return now is not None and self._touched(now.key(key))

    def keep_phone(self, visit: str) -> bool:
        """Take the telephone number as it was typed."""
        now = self._current(visit)
        return now is not None and self._touched(now.keep_phone())

    def touch(self, visit: str) -> bool:
        """Hear that somebody is there."""
        return self._current(visit) is not None and self._touched(True)  # noqa: FBT003 - it is the answer

    def end(self, visit: str) -> bool:
        """End the visit and erase it; a confirm that is under way is not called back."""
        if self._current(visit) is None:
            return False
        self.leave()
        return True

    # -- what needs no visit ----------------------------------------------------------------------------------------

    def go(self, words: tuple[str, ...]) -> None:
        """Open a page of the screen, and end the visit; no words: the first page."""
        self._forget()
        self.browse.go(words)
        self._touch()

    def back(self) -> None:
        """Return to the page before: of the visit, then to where it was begun."""
        if self._visit is None:
            self.browse.back()
        elif not self._visit.back():
            self._forget()
        elif not self._visit.reading:
            self._stop_reading()
        self._touch()

    def appear(self, *, language: str | None = None, large: bool | None = None, aloud: bool | None = None) -> None:
        """Speak another language, in another size, or aloud, until nobody is there.

        What is open is not held open by it.
        """
        if language is not None:
            self.browse.language = language
        if large is not None:
            self.browse.large = large
        if aloud is not None:
            self.browse.aloud = aloud
        if self._visit is None and not self.browse.at:
            self.browse.touch(self._clock.mono_ns())
        self._wake.set()
        self.changed()

    def stay(self) -> None:
        """Hear that somebody is there."""
        self._touch()

    def leave(self) -> None:
        """End everything and erase it; a confirm that is under way is not called back."""
        self._forget()
        self.browse.erase(look=not self._waiting())
        self._touch()

    # -- a visit becomes a record -----------------------------------------------------------------------------------

    async def confirm(self, visit: str) -> Ticket | None:
        """Make the visit a record, once, and return its ticket; None when there is nothing to confirm or it failed.

        The same again returns the same ticket, also when the process was killed in between. Why it failed, the view
        says. Raises WrongForm, and JournalError when the disk cannot be read.
        """
        check_id(visit)
        now = self._current(visit)
        if now is not None and now.page == "confirm":
            if not now.confirming:
                now.confirming = True
                self._confirming = asyncio.create_task(self._open(now), name="record of a visit")
                self._touch()
            assert self._confirming is not None
            await asyncio.shield(self._confirming)
        record = self._records.get(visit)
        return None if record is None else Ticket(record.number, record.clock_unsure)

    # -- what is seen, and when it is over --------------------------------------------------------------------------

    def view(self) -> VisitView | None:
        """Return what the screen shows; None when there is no visit."""
        return None if self._visit is None else self._visit.view(self._clock.mono_ns())

    async def run(self) -> None:
        """End what nobody touches any more, for ever; cancelled, it erases the visit of now."""
        try:
            while True:
                self._wake.clear()
                again_s = self.look()
                try:
                    async with asyncio.timeout(again_s):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            self._forget()

    def look(self) -> float | None:
        """Do what is due now, and return in how many seconds to look again; None when nothing can become due."""
        visit, browse = self._visit, self.browse
        left_s = (visit or browse).left_s(self._clock.mono_ns())
        if left_s > WARNING_S:
            return left_s - WARNING_S
        if visit is None and not browse.at and not browse.changed_look:
            self.changed()  # the screen rests
            return None
        if left_s <= 0 and not (visit is not None and visit.confirming):
            waiting = self._waiting()
            self._forget()
            browse.erase(look=not waiting)
            self.changed()
            return 1.0 if waiting else None
        self.changed()
        return max(left_s % 1, 0.05) if left_s > 0 else 1.0  # with every second of the warning

    def erased_in_s(self) -> int | None:
        """Return whole seconds until what is open is erased, once the screen warns of it."""
        if self._visit is None and not self.browse.at:
            return None
        return erased_in_s((self._visit or self.browse).left_s(self._clock.mono_ns()))

    def rests(self) -> bool:
        """Tell whether nobody is there, as far as the screen can know."""
        return self._visit is None and self.browse.rests(self._clock.mono_ns())

    # -- small things -----------------------------------------------------------------------------------------------

    async def _read(self, visit: Visit, reader: Reader) -> None:
        try:
            identity = await reader.read(visit.service.card, timeout_s=READING_S)
        except NotRead as failure:
            visit.not_read(advice(failure))
        else:
            visit.read(identity)
        self._moved(visit)

    async def _open(self, visit: Visit) -> None:
        typed = visit.personal.texts()
        header = Header(service=visit.service.code)
        try:
            record = await self._records.open(visit.id, channel="kiosk", header=header, state="registered", typed=typed)
        except JournalFullError:
            visit.not_recorded("full")
        except JournalError:
            visit.not_recorded("not_recorded")
        else:
            visit.recorded(record.number, unsure=record.clock_unsure)
        finally:
            typed.clear()
            visit.confirming = False
        self._moved(visit)

    def _current(self, visit: str) -> Visit | None:
        return self._visit if self._visit is not None and self._visit.id == visit else None

    def _moved(self, visit: Visit) -> None:
        """Go on with a visit, unless it is over meanwhile."""
        if visit is self._visit:
            self._touch()

    def _touched(self, done: bool) -> bool:  # noqa: FBT001 - it is the answer
        self._touch()
        return done

    def _touch(self) -> None:
        now = self._clock.mono_ns()
        self.browse.touch(now)
        if self._visit is not None:
            self._visit.touch(now)
        self._wake.set()
        self.changed()

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _forget(self) -> None:
        self._stop_reading()
        if self._visit is not None:
            self._visit.erase()
            self._visit = None


def _nothing() -> None:
    """Nobody listens."""


def _nobody() -> bool:
    return False
