"""What stands on the citizen's screen: the first of visit, rating, page of a room, idle content, first page.

A help call stands before all of them: whole where nothing else is open, else as a strip above it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from agent.rating import Ratings
from agent.screens.shown import Offer, Room, Shown
from agent.screens.visit_pages import VisitPages
from agent.visits import Visits

Kind: TypeAlias = Literal["visit", "rating", "room", "idle", "home"]

HOME: Final = Shown("citizen_home.html")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Who is asked, and in which order. `rooms`: by the first word of a page's address (`agent.screens.shown`)."""

    visits: Visits
    ratings: Ratings
    visit: VisitPages
    rooms: Mapping[str, Room]
    rating: Offer
    idle: Offer

    def room(self, words: tuple[str, ...]) -> Shown | None:
        """Return a page of the rooms, None where there is none."""
        room = self.rooms.get(words[0]) if words else None
        return None if room is None else room(words[1:])

    def shown(self) -> tuple[Kind, Shown]:
        """Return what stands there now."""
        if self.visits.view() is not None:
            return "visit", self.visit.shown()
        if (rating := self.rating()) is not None:
            return "rating", rating
        if (page := self.room(self.visits.browse.at)) is not None:
            return "room", page
        if self.visits.rests() and (idle := self.idle()) is not None:
            return "idle", idle
        return "home", HOME


def nothing() -> Shown | None:
    """Offer nothing."""
    return None
