"""Handovers: begun, gone through item by item, signed by both sides; each step one event of the journal.

Each form carries the id of the event it will create, so a repeated submit changes nothing. What is decided is decided
in the transaction that writes it, by the sheet of that moment.
"""

import re
import sqlite3
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Literal, TypeAlias

from agent import handover_rows
from agent.handover import Item, Key, NotTakenError, Sheet, problem_of
from agent.handover_rows import Line, Signed
from agent.journal import Journal
from agent.pen import Pen
from agent.record_form import check_id
from agent.sign_in import SignIn, SignInRefused
from agent.view import DeviceView
from common.events.desk import HandoverBegun, HandoverChecked, HandoverNoted, HandoverSigned

MOST_PAST: Final = 20
"""Most signed handovers that are listed."""

Outcome: TypeAlias = Literal["done", "gone", "undecided"]
"""`gone`: there is no such handover, or item, any more; `undecided`: an item of the sheet was not gone through."""

By: TypeAlias = Literal["typed", "pin"]
"""How both sides signed."""

Side: TypeAlias = Literal["giving", "receiving"]

_STAFF: Final = re.compile(r"[0-9A-Za-z._/\-]{1,64}")


class SignatureRefused(Exception):
    """A side's PIN was not taken: `why` and `wait_s` as in `agent.sign_in.SignInRefused`."""

    def __init__(self, side: Side, refused: SignInRefused) -> None:
        super().__init__(f"{side}: {refused.why}")
        self.side, self.why, self.wait_s = side, refused.why, refused.wait_s


class Handovers:
    """The handovers of one station. Everything raises JournalError when the disk fails.

    `teams` tells who gives and who receives by the rota; `devices` and `alarms` what is broken, and shelved, now.
    `sign_in` has the staff list, if there is one: then both sides prove their numbers.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        teams: Callable[[], tuple[str, str] | None],
        devices: Callable[[], tuple[DeviceView, ...]],
        alarms: Callable[[], tuple[Item, ...]] = lambda: (),
        sign_in: SignIn | None = None,
    ) -> None:
        self._journal = journal
        self._teams = teams
        self._devices = devices
        self._alarms = alarms
        self._sign_in = sign_in

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

    @property
    def needs_pins(self) -> bool:
        """Tell whether signatures are proven: whether the station has a staff list."""
        return self._sign_in is not None and self._sign_in.listed

    def outcome(self, event_id: str, handover: str) -> Outcome | None:
        """Return what would come of signing before anybody gives their PIN; None when both may sign."""
        others = self._others()
        return self._journal.query(lambda connection: _outcome(connection, event_id, handover, others)[0])

    async def prove(self, signatures: Mapping[Side, tuple[str, str]]) -> By:
        """Look at both sides' numbers and PINs, one after the other, and return as what they may sign.

        Without a staff list nothing is looked at. Raises NotTakenError for numbers that are none, or twice the same;
        SignatureRefused for a PIN that is not theirs.
        """
        sides: tuple[Side, ...] = ("giving", "receiving")
        numbers = [_number(f"{side}_staff", signatures[side][0]) for side in sides]
        if numbers[0] == numbers[1]:
            raise NotTakenError("receiving_staff", "same")
        if self._sign_in is None or not self._sign_in.listed:
            return "typed"
        for side, number in zip(sides, numbers, strict=True):
            try:
                await self._sign_in.prove(number, signatures[side][1])
            except SignInRefused as refused:
                raise SignatureRefused(side, refused) from None
        return "pin"

    async def sign(self, event_id: str, handover: str, *, giving: str, receiving: str, by: By = "typed") -> Outcome:
        """Sign for both sides; nothing is signed before every item of the sheet of now was gone through.

        `by` is what `prove` returned. Raises NotTakenError for a number that is none, twice the same one, or one that
        was not proven where there is a staff list.
        """
        check_id(event_id)
        staff = _number("giving_staff", giving), _number("receiving_staff", receiving)
        if staff[0] == staff[1]:
            raise NotTakenError("receiving_staff", "same")
        if by == "typed" and self.needs_pins:
            raise NotTakenError("giving_staff", "wrong")
        return await self._journal.run(partial(self._sign, event_id, handover, staff, self._others(), by=by))

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

    def _sign(
        self, event_id: str, handover: str, staff: tuple[str, str], others: tuple[Item, ...], pen: Pen, *, by: By
    ) -> Outcome:
        outcome, sheet = _outcome(pen.connection, event_id, handover, others)
        if outcome is not None:
            return outcome
        event = HandoverSigned(
            handover=handover,
            giving_staff=staff[0],
            receiving_staff=staff[1],
            by=by,
            accepted=sheet.count(accepted=True),
            refused=sheet.count(accepted=False),
        )
        pen.append(event, event_id)
        return "done"

    # -- small things -----------------------------------------------------------------------------------------------

    def _others(self) -> tuple[Item, ...]:
        """Return what only the memory knows: devices that are broken, alarms that are shelved."""
        broken = tuple(
            Item(kind="device", id=device.name, label=device.name, state=device.state)
            for device in self._devices()
            if device.state in ("absent", "faulty") or (device.self_test and device.self_test.state == "failed")
        )
        return (*broken, *self._alarms())


def _outcome(
    connection: sqlite3.Connection, event_id: str, handover: str, others: tuple[Item, ...]
) -> tuple[Outcome | None, Sheet]:
    """Return what stands against signing, and the sheet."""
    sheet = handover_rows.draft(connection, others, read=False)
    if handover_rows.is_known(connection, event_id):
        return "done", sheet
    if sheet.id != handover:
        return "gone", sheet
    return ("undecided" if sheet.undecided else None), sheet


def _number(field: str, text: str) -> str:
    number = text.strip()
    if not _STAFF.fullmatch(number):
        raise NotTakenError(field, "wrong" if number else "missing")
    return number


def _check(field: str, text: str) -> None:
    problem = problem_of(text)
    if problem is not None:
        raise NotTakenError(field, problem)
