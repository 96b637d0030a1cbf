"""What the station's pages need of the station, and nothing more."""

from typing import Literal, Protocol

from agent.view import StationView
from common.events.calls import CloseReason


class Desk(Protocol):
    """The station behind the pages.

    Every action carries the id of the event it will create; the same id a second time changes nothing. An action
    takes effect on what is shown and heard at once, and returns when it is recorded. False: it was not possible
    (no such call, or another state by now), and nothing changed.
    """

    def view(self) -> StationView:
        """Return the station as it stands now."""

    async def press(self, event_id: str) -> None:
        """Raise a help call from the citizen's screen, or press again on the open one."""

    async def acknowledge(self, call: str, event_id: str) -> bool:
        """Take the call at the duty desk."""

    async def attend(self, call: str, event_id: str) -> bool:
        """Say that an officer is on the way."""

    async def close(self, call: str, event_id: str, reason: CloseReason) -> bool:
        """End the call."""

    def self_test(self, device: str, event_id: str) -> Literal["unknown", "call", "away", "journal"] | None:
        """Begin a panel's self-test; None when it is under way, else why it is not."""

    async def changed(self, since: int) -> int:
        """Wait until `view().version` is above `since`, and return it."""
