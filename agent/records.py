"""Walk-in records: opened, amended and led from step to step, each change one event of the journal.

Each form carries the id of the event it will create, so a repeated submit changes nothing, also after a kill. What is
decided (the number, the step) is decided inside the transaction that writes it. Personal fields are sealed before they
come anywhere near the journal, and no plaintext of them is kept here.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import partial
from types import MappingProxyType
from typing import Final, Literal, Protocol

import msgspec

from agent import done_rows, record_form, record_rows
from agent.done_rows import Done
from agent.entry import Clock, Moment
from agent.journal import Journal
from agent.orders import OrderRefused
from agent.pen import Pen
from agent.record_form import Filled, Header, Mistake, WrongForm
from agent.record_rows import Kept
from common import personal, workflow
from common.catalogue import Catalogue, Target
from common.events.records import Channel, RecordAmended, RecordOpened, RecordStepped, ReferralSigned
from common.events.terms import Sealed
from common.identifiers import uuid7
from common.record import Record

MOST_LISTED: Final = 500
"""Most records a list returns."""

_NOTHING: Final = Filled()
_NOBODY: Final[Mapping[str, str]] = MappingProxyType({})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Seals(Protocol):
    """What seals personal fields; `agent.shift_keys.ShiftKeys` is the one of this station."""

    async def seal(self, event_id: str, fields: Mapping[str, object]) -> Sealed:
        """Return the fields sealed for the event of that id."""

    def open(self, event_id: str, sealed: Sealed) -> dict[str, object] | None:
        """Return the fields again; None once their key is forgotten."""


class Records:
    """The station's walk-in records, as its journal has them.

    Hand `record_rows.projectors()` and `record_rows.SCHEMA` to the journal. `code` begins every number (`JW012`),
    `zone` is the city's: a number's day is its local date. `team` tells who is on duty, `known_ms` what time it is
    (milliseconds since 1970, None when nobody knows). Everything belongs to the journal's loop, and every change
    raises JournalError when the disk fails: the same form may then be submitted again.
    """

    def __init__(
        self, journal: Journal, clock: Clock, *, catalogue: Catalogue, code: str, zone: tzinfo, seals: Seals
    ) -> None:
        self.catalogue = catalogue
        self.team: Callable[[], str | None] = _nobody_known
        self.known_ms: Callable[[], int | None] = lambda: clock.wall_ms() if clock.trusted() else None
        self._journal = journal
        self._clock = clock
        self._code = code
        self._zone = zone
        self._seals = seals

    # -- what is done -----------------------------------------------------------------------------------------------

    async def open(
        self,
        event_id: str,
        *,
        channel: Channel,
        header: Header,
        state: Literal["draft", "registered"] = "draft",
        typed: Mapping[str, str] = _NOBODY,
    ) -> Record:
        """Open a record, or return the one this form opened before.

        `typed` are its personal fields. Raises WrongForm.
        """
        record_form.check_id(event_id)
        if self._is_known(event_id):
            return self._opened_by(event_id)
        record_form.check_opening(self.catalogue, header, typed, registered=state == "registered")
        assert header.service is not None  # or it would be missing
        event = RecordOpened(
            record=event_id,
            number="",  # in the transaction
            service=header.service,
            catalogue=self.catalogue.version,
            channel=channel,
            state=state,
            priority=header.priority or "normal",
            team=header.team or self.team(),
            staff=header.staff,
            grid=header.grid,
            reference=header.reference,
            on_file=personal.on_file(typed),
            sealed=await self._seal(event_id, typed),
        )
        await self._journal.run(partial(self._open, event_id, event))
        return self._opened_by(event_id)

    async def amend(self, record: str, event_id: str, *, header: Header, typed: Mapping[str, str] = _NOBODY) -> bool:
        """Correct or complete an open record; False when there is none, and nothing changed.

        Of `typed` only the fields to change; one that is empty is taken away. Raises WrongForm.
        """
        record_form.check_id(event_id)
        if self._is_known(event_id):
            return True
        found = self.get(record)
        if found is None or found.state == "closed":
            return False
        record_form.check_amending(self.catalogue, found, header, typed)
        event = RecordAmended(
            record=record,
            change=1,  # both in the transaction
            on_file=None,
            staff=header.staff,
            service=header.service,
            catalogue=header.service and self.catalogue.version,
            priority=header.priority,
            grid=header.grid,
            reference=header.reference,
            sealed=await self._seal(event_id, typed),
        )
        told = {name: bool(text) for name, text in typed.items()}
        return await self._journal.run(partial(self._amend, event_id, event, told))

    async def step(
        self,
        record: str,
        step: workflow.Name,
        event_id: str,
        filled: Filled = _NOTHING,
    ) -> bool:
        """Take a record one step on; False when the table has no such step from where it stands, and nothing changed.

        Raises WrongForm when something is missing that the step asks for.
        """
        record_form.check_id(event_id)
        return await self._journal.run(partial(self._step, record, step, event_id, filled))

    def sign(self, pen: Pen, _order_id: str, payload: ReferralSigned) -> None:
        """Carry out the order `referral.signed`, in the transaction that stores it.

        A record that the same receiver has signed for already stays as it is. Raises OrderRefused.
        """
        kept = record_rows.find_number(pen.connection, payload.record)
        if kept is None:
            raise OrderRefused(f"no record {payload.record} is here")
        record = kept.record
        if record.state not in ("referred", "received"):
            raise OrderRefused(f"{payload.record} is {record.state}, it is not referred")
        if record.target != payload.by:
            raise OrderRefused(f"{payload.record} is referred to {record.target}, not to {payload.by}")
        if record.state == "received":
            return  # somebody at the desk has noted it
        event_id = uuid7(wall_ms=self._clock.wall_ms())
        try:
            self._step(record.id, "sign", event_id, Filled(reference=payload.reference), pen)
        except WrongForm as error:
            raise OrderRefused(f"{payload.record}: {error}") from error

    # -- what is there ----------------------------------------------------------------------------------------------

    def get(self, record: str) -> Record | None:
        """Return a record by its id; raises JournalError."""
        return self._journal.query(lambda connection: record_rows.find(connection, record))

    def by_number(self, number: str) -> Kept | None:
        """Return a record by the number people call it, however they typed its letters; raises JournalError."""
        spelt = number.strip().upper()
        return self._journal.query(lambda connection: record_rows.find_number(connection, spelt))

    def open_ones(self) -> tuple[Kept, ...]:
        """Return the records that are not closed, the oldest first, at most MOST_LISTED; raises JournalError."""
        return self._journal.query(lambda connection: record_rows.list_open(connection, most=MOST_LISTED))

    def page(self, due: Sequence[Kept], *, skip: int, most: int) -> tuple[tuple[Kept, ...], int]:
        """Return `most` open records after the first `skip`, and how many are open; `due` ones stand on top.

        Raises JournalError.
        """
        top = due[skip : skip + most]
        beside = [kept.record.id for kept in due]

        def look(connection: sqlite3.Connection) -> tuple[tuple[Kept, ...], int]:
            rest = record_rows.list_open(connection, most=most - len(top), skip=max(0, skip - len(due)), beside=beside)
            return (*top, *rest), record_rows.count_open(connection)

        return self._journal.query(look)

    def done_ones(self, *, most: int) -> tuple[Done, ...]:
        """Return what was closed last, the newest first; raises JournalError."""
        return self._journal.query(lambda connection: done_rows.last(connection, most=most))

    def due_ones(self) -> tuple[Kept, ...]:
        """Return those that come back to the desk today: suspended until now, or referred and overdue.

        Nothing while nobody knows what day it is: nothing expires then. Raises JournalError.
        """
        today = self.today()
        if today is None:
            return ()
        day = today.isoformat()
        return self._journal.query(lambda connection: record_rows.list_due(connection, day, most=MOST_LISTED))

    def is_overdue(self, record: Record) -> bool:
        """Tell whether a record is a referral whose day is past; never while nobody knows what day it is."""
        if record.state not in ("referred", "received") or record.due is None:
            return False
        today = self.today()
        return today is not None and record.due < today.isoformat()

    def today(self) -> date | None:
        """Return the local day; None while nobody knows it."""
        now_ms = self.known_ms()
        return None if now_ms is None else self.day(now_ms)

    def day(self, wall_ms: int) -> date:
        """Return the local day of a moment (ms since 1970)."""
        return (_EPOCH + timedelta(milliseconds=wall_ms)).astimezone(self._zone).date()

    def proposed(self, target: Target) -> str | None:
        """Return the day by which a referral of now is to be done there; None while nobody knows what day it is."""
        today = self.today()
        return None if today is None else (today + timedelta(days=target.days)).isoformat()

    # -- inside the writer's transaction ----------------------------------------------------------------------------

    def _open(self, event_id: str, event: RecordOpened, pen: Pen) -> None:
        if record_rows.is_known(pen.connection, event_id):
            return  # submitted twice at once
        at = pen.envelope.now()  # one look at the clock: the number's day is the event's
        numbered = msgspec.structs.replace(event, number=self._number(pen.connection, at))
        pen.record(pen.envelope.entry(numbered, event_id, at=at))

    def _number(self, connection: sqlite3.Connection, at: Moment) -> str:
        day = self.day(at.wall_ms).strftime("%Y%m%d")
        return f"{self._code}-{day}-{record_rows.last_of_day(connection, day) + 1:04d}"

    def _amend(self, event_id: str, event: RecordAmended, told: dict[str, bool], pen: Pen) -> bool:
        if record_rows.is_known(pen.connection, event_id):
            return True
        found = record_rows.find(pen.connection, event.record)
        if found is None or found.state == "closed":
            return False
        there = dict.fromkeys(found.on_file, True) | told
        on_file = tuple(name for name in personal.ON_FILE if there.get(name)) if told else None
        pen.append(msgspec.structs.replace(event, change=found.change + 1, on_file=on_file), event_id)
        return True

    def _step(self, record: str, name: workflow.Name, event_id: str, filled: Filled, pen: Pen) -> bool:
        if record_rows.is_known(pen.connection, event_id):
            return True
        found = record_rows.find(pen.connection, record)
        if found is None:
            return False
        state = workflow.after(found.state, name)
        if state is None:
            return False
        at = pen.envelope.now()
        today = self.day(at.wall_ms) if at.trusted else None
        record_form.check_step(self.catalogue, found, workflow.step_called(name), filled, today=today)
        refers = name == "refer"
        still = state in ("received", "closed")
        event = RecordStepped(
            record=record,
            change=found.change + 1,
            step=name,
            state=state,
            staff=filled.staff,
            missing=filled.missing,
            until=filled.until,
            target=filled.target if refers else found.target if still else None,
            due=filled.due if refers else found.due if still else None,
            consent=filled.consent if refers else found.consent and still,
            reference=filled.reference,
            result=filled.result,
            duplicate_of=filled.duplicate_of,
            reason=filled.reason,
        )
        pen.record(pen.envelope.entry(event, event_id, at=at))
        return True

    # -- small things -----------------------------------------------------------------------------------------------

    async def _seal(self, event_id: str, typed: Mapping[str, str]) -> Sealed | None:
        return await self._seals.seal(event_id, typed) if typed else None

    def _is_known(self, event_id: str) -> bool:
        return self._journal.query(lambda connection: record_rows.is_known(connection, event_id))

    def _opened_by(self, event_id: str) -> Record:
        record = self.get(event_id)
        if record is None:
            raise WrongForm([Mistake("event_id", "wrong")])  # it amended or stepped another record
        return record


def _nobody_known() -> str | None:
    return None
