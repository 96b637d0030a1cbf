"""Handovers: begun, gone through item by item, signed by both sides; each step one event of the journal.

Each form carries the id of the event it will create, so a repeated submit changes nothing. What is decided is decided
in the transaction that writes it, by the sheet of that moment.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Final, Literal, TypeAlias

from agent import handover_rows
from agent.handover import Item, Key, NotTakenError, Sheet, problem_of
from agent.handover_rows import Line, Signed
from agent.journal import Journal
from agent.pen import Pen
from agent.record_form import check_id
from agent.view import DeviceView
from common.events import HandoverBegun, HandoverChecked, HandoverNoted, HandoverSigned

MOST_PAST: Final = 20
"""Most signed handovers that are listed."""

Outcome: TypeAlias = Literal["done", "gone", "undecided"]
"""`gone`: there is no such handover, or item, any more; `undecided`: an item of the sheet was not gone through."""

SignatureOf: TypeAlias = Callable[[str], str | None]
"""From what somebody gave to sign with to the staff number that stands in the journal; None when it is no good."""

_STAFF: Final = re.compile(r"[0-9A-Za-z._/\-]{1,64}")


def as_typed(text: str) -> str | None:
    """Take a staff number as it was typed: whoever types it is believed."""
    return text if _STAFF.fullmatch(text) else None


class Handovers:
    """The handovers of one station. Everything raises JournalError when the disk fails.

    `teams` tells who gives and who receives by the rota; `devices` and `alarms` what is broken, and shelved, now.
    `signature_of` is where signing in will come in.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        teams: Callable[[], tuple[str, str] | None],
        devices: Callable[[], tuple[DeviceView, ...]],
        alarms: Callable[[], tuple[Item, ...]] = lambda: (),
        signature_of: SignatureOf = as_typed,
    ) -> None:
        self._journal = journal
        self._teams = teams
        self._devices = devices
        self._alarms = alarms
        self._signature_of = signature_of

    def sheet(self) -> Sheet:
        """Return the sheet of now, whether a handover is begun or not."""
        others = self._others()
        return self._journal.query(lambda connection: handover_rows.draft(connection, others))

    def past(self) -> tuple[Signed, ...]:
        """Return the last handovers that were signed, the newest first."""
        return self._journal.query(partial(handover_rows.past, most=MOST_PAST))

    def find(self, handover: str) -> tuple[Signed, tuple[Line, ...]] | None:
        """Return a signed handover and its lines."""
        return self._journal.query(lambda connection: handover_rows.find(connection, handover))

    async def note(self, event_id: str, text: str) -> None:
        """Leave a note for whoever comes next. Raises NotTakenError."""
        check_id(event_id)
        text = text.strip()
        _check("text", text)
        await self._journal.run(partial(self._once, event_id, HandoverNoted(note=event_id, text=text)))

    async def begin(self, event_id: str) -> None:
        """Begin to go through the sheet; one that was begun before stays unsigned."""
        check_id(event_id)
        giving, receiving = self._teams() or (None, None)
        event = HandoverBegun(handover=event_id, giving=giving, receiving=receiving)
        await self._journal.run(partial(self._once, event_id, event))

    async def check(self, event_id: str, handover: str, key: Key, *, accepted: bool, reason: str = "") -> Outcome:
        """Note what the receiving side says of an item; it may be said anew until both have signed.

        Raises NotTakenError for a refusal without a reason, or with one that must not be written down.
        """
        check_id(event_id)
        reason = "" if accepted else reason.strip()
        if not accepted:
            _check("reason", reason)
        return await self._journal.run(
            partial(self._check, event_id, handover, key, self._others(), accepted=accepted, reason=reason)
        )

    async def sign(self, event_id: str, handover: str, *, giving: str, receiving: str) -> Outcome:
        """Sign for both sides; nothing is signed before every item of the sheet of now was gone through.

        Raises NotTakenError for a signature that is no good, or twice the same one.
        """
        check_id(event_id)
        by = self._signed("giving_staff", giving), self._signed("receiving_staff", receiving)
        if by[0] == by[1]:
            raise NotTakenError("receiving_staff", "same")
        return await self._journal.run(partial(self._sign, event_id, handover, by, self._others()))

    # -- inside the writer's transaction ----------------------------------------------------------------------------

    def _once(self, event_id: str, event: HandoverNoted | HandoverBegun, pen: Pen) -> None:
        if not handover_rows.is_known(pen.connection, event_id):
            pen.append(event, event_id)

    def _check(
        self, event_id: str, handover: str, key: Key, others: tuple[Item, ...], pen: Pen, *, accepted: bool, reason: str
    ) -> Outcome:
        if handover_rows.is_known(pen.connection, event_id):
            return "done"
        sheet = handover_rows.draft(pen.connection, others, read=False)
        item = next((item for item in sheet.items if item.key == key), None)
        if item is None or sheet.id != handover:
            return "gone"
        kind, name = key
        event = HandoverChecked(
            handover=handover, kind=kind, item=name, label=item.label, accepted=accepted, reason=reason
        )
        pen.append(event, event_id)
        return "done"

    def _sign(self, event_id: str, handover: str, by: tuple[str, str], others: tuple[Item, ...], pen: Pen) -> Outcome:
        if handover_rows.is_known(pen.connection, event_id):
            return "done"
        sheet = handover_rows.draft(pen.connection, others, read=False)
        if sheet.id != handover:
            return "gone"
        if sheet.undecided:
            return "undecided"
        event = HandoverSigned(
            handover=handover,
            giving_staff=by[0],
            receiving_staff=by[1],
            accepted=sheet.count(accepted=True),
            refused=sheet.count(accepted=False),
        )
        pen.append(event, event_id)
        return "done"

    # -- small things -----------------------------------------------------------------------------------------------

    def _signed(self, field: str, text: str) -> str:
        staff = self._signature_of(text.strip())
        if staff is None:
            raise NotTakenError(field, "wrong" if text.strip() else "missing")
        return staff

    def _others(self) -> tuple[Item, ...]:
        """Return what only the memory knows: devices that are broken, alarms that are shelved."""
        broken = tuple(
            Item(kind="device", id=device.name, label=device.name, state=device.state)
            for device in self._devices()
            if device.state in ("absent", "faulty") or (device.self_test and device.self_test.state == "failed")
        )
        return (*broken, *self._alarms())


def _check(field: str, text: str) -> None:
    problem = problem_of(text)
    if problem is not None:
        raise NotTakenError(field, problem)
