"""A rating offered on the citizen's screen after a service is done: voluntary, in memory until it is tapped, and short.

Whoever skips it, or walks away, or is overtaken by a call for help or by the next visitor, has given no rating: nothing
of the offer is written anywhere. Of what was tapped the duty desk shows nothing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from agent import record_rows
from agent.database import JournalError
from agent.entry import Clock
from agent.journal import Journal
from agent.pen import Pen
from agent.queue_rows import IN_THE_ROOM
from common.catalogue import Catalogue
from common.events.records import RATINGS, Rating, RecordRated
from common.identifiers import uuid7
from common.record import Record

OFFERED_S: Final = 60
"""How long the question stands without a touch (seconds); it asks nothing that would have to be erased with warning."""

THANKED_S: Final = 6
"""How long the screen thanks (seconds)."""

_LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferView:
    """The question as the screen shows it: `id` of the event it may become, and the ticket it is about, but not whose.

    `page`: `ask`, or `thanks` once it is recorded; `trouble`: it could not be, and may be tapped again.
    """

    id: str
    number: str
    page: Literal["ask", "thanks"]
    trouble: bool


@dataclass(slots=True)
class _Offer:
    id: str
    record: str
    number: str
    until_ns: int
    page: Literal["ask", "thanks"] = "ask"
    trouble: bool = False


class Ratings:
    """The offer of now, of which there is at most one. Keep `run()` alive; `changed()` is called when `view` differs.

    `gives_way` tells whether something else has the screen: a call for help, or a visit; an offer is over then.
    """

    def __init__(self, journal: Journal, clock: Clock, catalogue: Catalogue, *, gives_way: Callable[[], bool]) -> None:
        self.changed: Callable[[], None] = _nothing
        self.gives_way = gives_way
        self._journal = journal
        self._clock = clock
        self._catalogue = catalogue
        self._offer: _Offer | None = None
        self._wake = asyncio.Event()

    # -- what the officer does --------------------------------------------------------------------------------------

    def done(self, record: str) -> bool:
        """Offer the rating of a record that was just closed, if the citizen came in person; raises JournalError."""
        found = self._find(record)
        return found is not None and found.channel in IN_THE_ROOM and self._show(found)

    def offer(self, record: str) -> bool:
        """Offer the rating of a record; False when there is nothing to be rated, or the screen is taken.

        Raises JournalError.
        """
        found = self._find(record)
        return found is not None and self._show(found)

    def may_be_offered(self, record: Record) -> bool:
        """Tell whether a record is one that is rated: whether it was, is told to nobody at the station."""
        service = self._catalogue.services.get(record.service)
        return service is not None and service.rating and record.state == "closed" and record.outcome == "done"

    # -- what the citizen does --------------------------------------------------------------------------------------

    async def rate(self, offer: str, rating: str) -> bool:
        """Record what was tapped, once; False when that offer is over, or for a rating that is none.

        When the disk fails the question stays, and says so.
        """
        now, tapped = self._current(offer), next((one for one in RATINGS if one == rating), None)
        if now is None or tapped is None or now.page != "ask":
            return False
        try:
            await self._journal.run(partial(_rate, now, tapped))
        except JournalError:
            now.trouble = True
            self._lasts(now, OFFERED_S)
            return False
        now.page, now.trouble = "thanks", False
        self._lasts(now, THANKED_S)
        return True

    def skip(self, offer: str | None = None) -> bool:
        """End that offer, or whatever is offered now, without a rating; False when it is not shown."""
        now = self.view()
        if now is None or offer not in (None, now.id):
            return False
        self._end()
        return True

    def touch(self) -> None:
        """Hear that somebody is there."""
        now = self._alive()
        if now is not None and now.page == "ask":
            self._lasts(now, OFFERED_S)

    # -- what is seen, and when it is over --------------------------------------------------------------------------

    def view(self) -> OfferView | None:
        """Return what the screen shows; None when nothing is offered."""
        now = self._alive()
        if now is None:
            return None
        return OfferView(id=now.id, number=now.number, page=now.page, trouble=now.trouble)

    async def run(self) -> None:
        """End what nobody answers, for ever."""
        while True:
            self._wake.clear()
            if self._offer is None:
                await self._wake.wait()
            elif self._alive() is None:
                self.changed()
            else:
                await asyncio.sleep(_LOOK_S)

    # -- small things -----------------------------------------------------------------------------------------------

    def _find(self, record: str) -> Record | None:
        found = self._journal.query(lambda connection: record_rows.find(connection, record))
        return found if found is not None and self.may_be_offered(found) else None

    def _show(self, record: Record) -> bool:
        if record.rating is not None or self.gives_way():
            return False
        self._offer = _Offer(uuid7(wall_ms=self._clock.wall_ms()), record.id, record.number, 0)
        self._lasts(self._offer, OFFERED_S)
        return True

    def _lasts(self, offer: _Offer, seconds: int) -> None:
        offer.until_ns = self._clock.mono_ns() + seconds * 1_000_000_000
        self._wake.set()
        self.changed()

    def _alive(self) -> _Offer | None:
        """Return the offer of now; once it is overtaken or over, it does not come back."""
        now = self._offer
        if now is not None and (self._clock.mono_ns() >= now.until_ns or self.gives_way()):
            self._offer = None
        return self._offer

    def _current(self, offer: str) -> _Offer | None:
        now = self._alive()
        return now if now is not None and now.id == offer else None

    def _end(self) -> None:
        self._offer = None
        self.changed()


def _rate(offer: _Offer, rating: Rating, pen: Pen) -> None:
    if record_rows.is_known(pen.connection, offer.id):
        return
    found = record_rows.find(pen.connection, offer.record)
    # One for each time it is done: a second one would take back the first, and anybody may stand at the screen.
    if found is not None and found.state == "closed" and found.rating is None:
        pen.append(RecordRated(record=found.id, change=found.change + 1, rating=rating), offer.id)


def _nothing() -> None:
    """Nobody listens."""
