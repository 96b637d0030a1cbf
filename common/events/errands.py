"""What headquarters asks of a station's officers, and patrols."""

from common.dispatch import Result as DispatchResult
from common.dispatch import Step as DispatchStep
from common.events.records import Priority
from common.events.terms import Identifier, Instant, Name, Payload, Text
from common.patrol import Purpose as PatrolPurpose
from common.patrol import Step as PatrolStep
from common.patrol import Where as PatrolWhere


class DispatchStepped(Payload, frozen=True, kw_only=True):
    """An officer has taken a step of a dispatch: received it, set out, arrived, reported (then with a `result`)."""

    dispatch: Identifier
    step: DispatchStep
    result: DispatchResult | None = None
    staff: Name | None = None


class DispatchExpired(Payload, frozen=True, kw_only=True):
    """Nobody at the station received a dispatch before its time was over."""

    dispatch: Identifier


class PatrolBegun(Payload, frozen=True, kw_only=True):
    """Somebody is out on patrol, keyed in by hand. `patrol`: this event's id.

    `where`: a code, or of a `place` the name that the city's file has. `at`: since when, where that was keyed in later.
    """

    patrol: Identifier
    kind: PatrolWhere
    where: Name
    purpose: PatrolPurpose
    at: Instant | None = None
    staff: Name | None = None


class PatrolEnded(Payload, frozen=True, kw_only=True):
    """They are back, or it had been keyed in by mistake; `at` as in patrol.begun."""

    patrol: Identifier
    step: PatrolStep
    at: Instant | None = None
    staff: Name | None = None


class NoticeRead(Payload, frozen=True, kw_only=True):
    """Somebody at the duty desk has read a notice; no `staff`: whoever it was had not signed in."""

    notice: Identifier
    staff: Name | None = None


class DispatchSent(Payload, frozen=True, kw_only=True):
    """Somebody is to go: `reference` is the case's in the 110 system, which has all else; `service` of the catalogue.

    It is to be received before `expires`. `order` as elsewhere.
    """

    service: Name
    reference: Name
    expires: Instant
    grid: Name | None = None
    priority: Priority = "normal"
    order: Identifier | None = None


class NoticeSent(Payload, frozen=True, kw_only=True):
    """A few words to whoever is on duty, shown until `expires`: in `zh`, `en`, or both. Of nobody.

    `notice`: the same at every station that is told. `must_read`: shown above the others until somebody has read it.
    `order` as elsewhere.
    """

    notice: Identifier
    expires: Instant
    zh: Text = ""
    en: Text = ""
    must_read: bool = False
    order: Identifier | None = None
