"""Things that are lent and things that are found."""

from common.events.terms import Count, Identifier, Name, Number, Payload, Text
from common.found import Step as FoundStep
from common.loan import Step as LoanStep
from common.patrol import Where as PatrolWhere


class LoanBegun(Payload, frozen=True, kw_only=True):
    """Something is lent. `loan`: this event's id; `thing`: a code of the city's list; `number`: which one of them.

    `hours` until it is overdue, 0: never. `record`: the walk-in record of who has it, which has them sealed.
    """

    loan: Identifier
    thing: Name
    hours: Count = 0
    number: Name | None = None
    record: Name | None = None
    staff: Name | None = None


class LoanEnded(Payload, frozen=True, kw_only=True):
    """It is back, or given up, or had been keyed in by mistake; what was given up may come back."""

    loan: Identifier
    step: LoanStep
    staff: Name | None = None


class FoundKept(Payload, frozen=True, kw_only=True):
    """Something that was found is kept at the station. `found`: this event's id; `category`: of the city's list.

    `shelf`: where it lies; `kind`, `where`: where it was found, as in patrol.begun; `note`: a few words, in plain, of
    nobody; `days`: so long it is kept here.
    """

    found: Identifier
    category: Name
    shelf: Name
    days: Number
    kind: PatrolWhere | None = None
    where: Name | None = None
    note: Text = ""
    staff: Name | None = None


class FoundEnded(Payload, frozen=True, kw_only=True):
    """It was handed back, or on, or had been keyed in by mistake.

    `reference`: back, the number of its owner's walk-in record, if there is one; on, the receipt of who keeps it now.
    """

    found: Identifier
    step: FoundStep
    reference: Name | None = None
    staff: Name | None = None
