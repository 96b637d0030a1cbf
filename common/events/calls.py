"""Calls for help, from the press to the close, and headquarters' answer."""

from typing import Literal, TypeAlias

import msgspec

from common.events.terms import Count, Identifier, Instant, Name, Number, Payload

CloseReason: TypeAlias = Literal["helped", "handed_over", "false_alarm", "test"]
CLOSE_REASONS: tuple[CloseReason, ...] = ("helped", "handed_over", "false_alarm", "test")


class Press(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered press of one panel; the three together never come twice for two presses."""

    panel: Name
    epoch: Count
    number: Number


class HelpRaised(Payload, frozen=True, kw_only=True):
    """Somebody asks for help: the first press of a call. `age_ms`: how long the press waited in the panel."""

    call: Identifier
    origin: Literal["panel", "screen"]
    press: Press | None = None
    button: Count = 0
    age_ms: Count = 0


class HelpPressedAgain(Payload, frozen=True, kw_only=True):
    """A further press while the call is open."""

    call: Identifier
    origin: Literal["panel", "screen"]
    press: Press | None = None
    button: Count = 0
    age_ms: Count = 0


class HelpAcknowledged(Payload, frozen=True, kw_only=True):
    """Somebody at the duty desk has taken the call; `after_ms` on the monotonic clock since the press."""

    call: Identifier
    after_ms: Count


class HelpAttending(Payload, frozen=True, kw_only=True):
    """An officer is on the way to the citizen."""

    call: Identifier


class HelpEscalated(Payload, frozen=True, kw_only=True):
    """Nobody answered in time: headquarters' desk rings."""

    call: Identifier
    after_ms: Count


class HelpBreached(Payload, frozen=True, kw_only=True):
    """Still nobody: the time promised has passed."""

    call: Identifier
    after_ms: Count


class HelpClosed(Payload, frozen=True, kw_only=True):
    """The call is over."""

    call: Identifier
    reason: CloseReason


class HelpTested(Payload, frozen=True, kw_only=True):
    """A self-test's press came back through the panel's latch: nobody pressed, nothing rings, and it is no call.

    Urgent all the same, for it is the way of a call for help that is tested.
    """

    panel: Name
    press: Press
    button: Count = 0
    age_ms: Count = 0


class HelpAnswered(Payload, frozen=True, kw_only=True):
    """Headquarters answers a help call. `order`: the id of the order this one stands for in a later snapshot."""

    call: Identifier
    by: Name
    order: Identifier | None = None
    expires: Instant | None = None


class HelpTestAnswered(Payload, frozen=True, kw_only=True):
    """Headquarters answers a self-test: it has the help.tested event of that id. `order` as in help.answered."""

    test: Identifier
    order: Identifier | None = None
    expires: Instant | None = None
