"""From stored events to what they mean: calls, closed journals, outcomes of orders, alarms (`docs/link.md`, "Batch").

Help is acted on when stored; everything else by number, as the journal's cursor passes it. Each event counts once, by
its id, whatever number or journal it comes under. What cannot be understood is counted and shown, and stops nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Final, get_args

import msgspec
from sqlalchemy import Connection, Row, bindparam, exists, insert, literal_column, null, select, update

from common.events import EVENTS, is_urgent_event, read_payload
from common.events.calls import HelpAcknowledged, HelpRaised, HelpTested
from common.events.content import ContentPlayed, ContentRefused, ContentRemoved, ContentStored, ContentWanted
from common.events.equipment import DeviceTested
from common.events.journal import JournalOpened, OrderApplied, OrderFailed, SettingsChanged, SettingsRolledBack
from common.events.records import KeyIssued, KeyRotated, RecordAmended, RecordOpened, RecordRated, RecordStepped
from common.events.terms import Payload
from common.identifiers import is_identifier
from common.record import RecordEvent, Told
from hq import desk_events, station_settings, tables
from hq.alarms import AlarmKind, is_name, plain, write_alarm
from hq.aside import keep_aside
from hq.calls import HelpEvent, project_help
from hq.content_rows import note_content, note_failed
from hq.desk_events import DeskEvent
from hq.figures import CITY
from hq.follow_ups import open_follow_up
from hq.journals import JournalRow, add_journal, close_journal, each_line, find_journal, journal_row
from hq.prepared import Prepared
from hq.records import project_records, told_by
from hq.self_tests import note_pressed, note_tested
from hq.shift_keys import is_readable, keep_shift_key
from hq.usable import event_key, is_usable, unwrap
from sync import base64url
from sync.batch import Batch, Line, Settled
from sync.receiver import check_line
from sync.signing import KEY_BYTES, VerifyKey

MAX_RECORDS: Final = 2048
"""Most events of records that wait in memory to be written together."""

_projected, _orders, _stations = tables.projected, tables.orders, tables.stations
_HELP: Final = get_args(HelpEvent)

_ONCE = Prepared(
    insert(_projected)
    .from_select(
        ["station", "id"],
        select(bindparam("of", type_=_projected.c.station.type), bindparam("id_", type_=_projected.c.id.type)).where(
            ~exists(literal_column("1")).where(
                _projected.c.station == bindparam("of"), _projected.c.id == bindparam("id_")
            )
        ),
    )
    .returning(_projected.c.id)
)
_OUTCOME = (
    update(_orders)
    .where(_orders.c.station == bindparam("of"), _orders.c.id == bindparam("id_"), _orders.c.outcome == "open")
    .values(outcome=bindparam("to_outcome"), reason=bindparam("to_reason"))
    .returning(_orders.c.type, _orders.c.data)
)
_PINNED = update(_stations).where(_stations.c.station == bindparam("of")).values(order_key=bindparam("key"))
_RECORDED = Prepared(
    update(_stations)
    .where(_stations.c.station == bindparam("of"), _stations.c.unrecorded_since.is_not(None))
    .values(unrecorded_since=null())
)
_LEFTOVER = (
    select(tables.journals)
    .where(tables.journals.c.station == bindparam("of"), tables.journals.c.leftover)
    .order_by(tables.journals.c.id)
)


@dataclass(slots=True)
class Findings:
    """What a transaction found that is told once it is committed; `tested`: ids of help.tested to be answered."""

    unprojected: Counter[str] = field(default_factory=Counter)
    acknowledged_s: list[float] = field(default_factory=list)
    tested: list[str] = field(default_factory=list)


class Projection:
    """The projections of one transaction; the caller holds the station's lock.

    `meanwhile` may be called while many rows are written (`hq.bulk.insert_rows`). Figures count by days of `zone`.
    """

    def __init__(
        self,
        connection: Connection,
        station: str,
        *,
        received_ms: int,
        committed_ms: int,
        meanwhile: Callable[[], None] | None = None,
        zone: tzinfo = CITY,
    ) -> None:
        self.findings = Findings()
        self._zone = zone
        self._meanwhile = meanwhile
        self._ahead: dict[int, Told] = {}
        self._connection = connection
        self._station = station
        self._received_ms = received_ms
        self._committed_ms = committed_ms
        self._alarms: Counter[AlarmKind] = Counter()
        self._details: dict[AlarmKind, str] = {}
        self._closed_one = False
        self._records: list[Told] = []

    def read_ahead(self, batch: Batch) -> None:
        """Read what the events of a batch tell of records, which takes the longest, before it is known to count.

        For a time in which there is only waiting to do.
        """
        self._ahead.clear()
        for event in batch.events:
            payload = read_payload(EVENTS, event)
            told = told_by(payload, event) if isinstance(payload, RecordEvent) else None
            if told is not None:
                self._ahead[id(event)] = told  # the batch keeps the event, and so its id

    def stored(self, batch: Batch, settled: Settled, row: JournalRow, *, before: int, home: Row[Any]) -> None:
        """Project what came of a batch that is not a fork.

        `before` is where the journal's cursor stood, `home` the station's row.
        """
        # What could not be compared may be another history's: a call in it rings, and its id tells a repeated one.
        heard = {*settled.fresh, *settled.forgotten}
        for line, event in zip(batch.lines, batch.events, strict=True):
            if line.number in heard:
                self._act_on_help(event)
        if settled.newly_gone:
            spans = ", ".join(f"{first}-{last}" for first, last in settled.newly_gone[:8])
            self._alarm("gone", f"{batch.journal}: {spans}")
        self._pass(batch, row, before)
        if row.last_common is not None and any(number > row.last_common for number in settled.fresh):
            close_journal(self._connection, row, last_common=row.last_common, leftover=True)
        if row.leftover:
            self.leftovers(find_journal(self._connection, self._station, home.journal), home.head)
        elif row.journal == home.journal and (before < home.head or self._closed_one):
            self.leftovers(row, home.head)

    def refused(self, batch: Batch) -> None:
        """Keep the lines of a forked batch aside; the help in them is acted on all the same."""
        self._alarm("fork", f"{batch.journal}: {batch.first}-{batch.last}")
        if not keep_aside(self._connection, self._station, batch, received_ms=self._received_ms):
            self._alarm("aside_full", f"{batch.journal}: {batch.first}-{batch.last}")
        for event in batch.events:
            if self._act_on_help(event):
                self._alarm("refused_help", f"{batch.journal}: {batch.first}-{batch.last}")

    def leftovers(self, current: JournalRow | None, head: int) -> None:
        """Project what is held of closed journals and was not shown, once the rescued copies have gone before.

        That is when the cursor of the station's current journal has reached `head`, which its birth named: a sender
        appends every copy before that birth.
        """
        if current is None or current.standing.cursor < head:
            return
        # One leftover can tell that yet another journal is closed; each can tell so only once.
        while found := self._connection.execute(_LEFTOVER, {"of": self._station}).first():
            row = journal_row(found)
            assert row.last_common is not None
            close_journal(self._connection, row, last_common=row.last_common, leftover=False)
            shown = min(row.standing.cursor, row.last_common)
            for line in each_line(self._connection, row, shown, row.standing.held[-1][1]):
                self._act_by_number(check_line(line.line), row)

    def overdue(self, lines: Iterable[Line], row: JournalRow) -> None:
        """Project by number what a gap, or copies that never came, kept from being shown for as long as it is held."""
        for line in lines:
            self._act_by_number(check_line(line.line), row)

    def finish(self) -> Findings:
        """Write the records and the alarms, each kind once, and return what to tell after the commit."""
        self._write_records()
        for kind, count in self._alarms.items():
            write_alarm(
                self._connection, self._station, kind, self._details[kind], at_ms=self._received_ms, count=count
            )
        return self.findings

    def _pass(self, batch: Batch, row: JournalRow, before: int) -> None:
        """Project by number what the cursor has passed; of a closed journal only what both sides have in common."""
        cursor = row.standing.cursor if row.last_common is None else min(row.standing.cursor, row.last_common)
        for event in self._between(batch, row, before, cursor):
            self._act_by_number(event, row)

    def _between(self, batch: Batch, row: JournalRow, above: int, last: int) -> Iterable[dict[str, Any]]:
        for line in each_line(self._connection, row, above, min(last, batch.first - 1)):
            yield check_line(line.line)
        for line, event in zip(batch.lines, batch.events, strict=True):
            if above < line.number <= last:
                yield event
        for line in each_line(self._connection, row, max(above, batch.last), last):
            yield check_line(line.line)

    def _act_on_help(self, event: dict[str, Any]) -> bool:
        """Act on a help event, or the help event in a rescued one; tell whether it was one."""
        inner = unwrap(event)
        if inner is None or not is_urgent_event(inner["type"]):
            return False
        payload = read_payload(EVENTS, inner)
        if isinstance(payload, HelpTested):
            self._self_test(payload, inner)
            return True
        # A call's id is checked again: a pattern's `$` also matches before a final newline.
        if not isinstance(payload, _HELP) or not is_identifier(payload.call):
            self._not_understood(inner["type"], "unreadable_help")
            return True
        if self._first_time(inner):
            self._help(payload, inner)
        return True

    def _self_test(self, payload: HelpTested, event: dict[str, Any]) -> None:
        if not is_identifier(event["id"]) or not is_name(payload.panel):
            self._not_understood(event["type"], "unreadable")
        elif self._first_time(event):
            note_pressed(self._connection, self._station, payload, received_ms=self._received_ms)
            self.findings.tested.append(event["id"])

    def _help(self, payload: HelpEvent, event: dict[str, Any]) -> None:
        project_help(
            self._connection,
            self._station,
            payload,
            event_key(event["id"]),
            event,
            received_ms=self._received_ms,
            committed_ms=self._committed_ms,
            zone=self._zone,
        )
        if isinstance(payload, HelpAcknowledged):
            self.findings.acknowledged_s.append(payload.after_ms / 1000)
        if isinstance(payload, HelpRaised):
            _RECORDED.run(self._connection, {"of": self._station})

    def _act_by_number(self, event: dict[str, Any], row: JournalRow) -> None:
        if (told := self._ahead.pop(id(event), None)) is not None:
            self._record(told, event["type"])
            return
        inner = unwrap(event)
        if inner is None:
            self._not_understood("rescued", "unreadable")
            return
        if is_urgent_event(inner["type"]):
            return  # acted on when it was stored
        payload = read_payload(EVENTS, inner)
        match payload:
            case (
                RecordOpened() | RecordAmended() | RecordStepped() | RecordRated()
            ):  # first, since a backlog is made of these
                self._record(told_by(payload, inner), inner["type"])
            case None:
                self._not_understood(inner["type"], "unreadable")
            case KeyIssued():
                self._key_issued(payload)
            case _:
                usable = is_usable(payload, row.journal)
                if usable is not None:
                    self._once(inner, payload, usable)

    def _key_issued(self, payload: KeyIssued) -> None:
        """Keep a shift key; not remembered by the event's id, so that one that was forgotten can come back."""
        if is_readable(payload):
            keep_shift_key(self._connection, self._station, payload, received_ms=self._received_ms)
        else:
            self._not_understood("key.issued", "unreadable")

    def _once(self, event: dict[str, Any], payload: Payload, usable: bool) -> None:  # noqa: FBT001 - read where it is computed
        if not usable:
            self._not_understood(event["type"], "unreadable")
        elif self._first_time(event):
            self._apply(payload, event)

    def _apply(self, payload: Payload, event: dict[str, Any]) -> None:
        match payload:
            case JournalOpened():
                self._close(payload)
            case OrderApplied() | OrderFailed() | SettingsChanged() | SettingsRolledBack():
                self._order(payload)
            case ContentWanted() | ContentStored() | ContentRefused() | ContentRemoved() | ContentPlayed():
                note_content(self._connection, self._station, payload, received_ms=self._received_ms)
            case _ if isinstance(payload, DeskEvent):
                desk_events.project(
                    self._connection, self._station, payload, event, received_ms=self._received_ms, zone=self._zone
                )
            case DeviceTested():
                note_tested(self._connection, self._station, payload, event, received_ms=self._received_ms)

    def _order(self, payload: OrderApplied | OrderFailed | SettingsChanged | SettingsRolledBack) -> None:
        match payload:
            case OrderApplied():
                self._outcome(payload.order, "applied", "")
            case OrderFailed():
                why = plain(payload.reason, 200)
                self._outcome(payload.order, "failed", why)
                note_failed(self._connection, self._station, payload.order, why, received_ms=self._received_ms)
                self._alarm("order_failed", payload.order)
            case SettingsChanged() | SettingsRolledBack():
                station_settings.note(self._connection, self._station, payload)
                if isinstance(payload, SettingsRolledBack) and payload.reason != "replaced":
                    self._alarm("settings_rolled_back", f"{payload.order}: {payload.reason}")

    def _record(self, told: Told | None, event_type: str) -> None:
        if told is None:
            self._not_understood(event_type, "unreadable")
            return
        self._records.append(told)
        if isinstance(told.payload, RecordRated):
            open_follow_up(self._connection, self._station, told.payload, told, received_ms=self._received_ms)
        if len(self._records) == MAX_RECORDS:  # a backlog can be any length
            self._write_records()

    def _write_records(self) -> None:
        if self._records:
            project_records(
                self._connection,
                self._station,
                self._records,
                received_ms=self._received_ms,
                meanwhile=self._meanwhile,
            )
            self._records.clear()

    def _close(self, payload: JournalOpened) -> None:
        row = find_journal(self._connection, self._station, payload.previous)
        if row is None:  # headquarters was restored from before that journal: it will ask for it by an ack
            row = add_journal(self._connection, self._station, payload.previous)
        last_common = max(payload.last_common, row.last_common or 0)
        held = row.standing.held
        leftover = bool(held) and held[-1][1] > min(row.standing.cursor, last_common)
        close_journal(self._connection, row, last_common=last_common, leftover=leftover)
        self._closed_one = True

    def _outcome(self, order: str, outcome: str, reason: str) -> None:
        values = {"of": self._station, "id_": order, "to_outcome": outcome, "to_reason": reason}
        done = self._connection.execute(_OUTCOME, values).one_or_none()
        if done is not None and outcome == "applied" and done.type == "key.rotated":
            self._rotated(msgspec.json.decode(done.data, type=KeyRotated))

    def _rotated(self, payload: KeyRotated) -> None:
        """Sign with the key that the station has pinned now."""
        if payload.use == "order":
            key = VerifyKey(base64url.decode(payload.key, size=KEY_BYTES))
            self._connection.execute(_PINNED, {"of": self._station, "key": key.id})

    def _first_time(self, event: dict[str, Any]) -> bool:
        values = {"of": self._station, "id_": event_key(event["id"])}
        return _ONCE.one(self._connection, values) is not None

    def _not_understood(self, event_type: str, kind: AlarmKind) -> None:
        self.findings.unprojected[event_type if event_type in EVENTS else "unknown"] += 1
        self._alarm(kind, plain(event_type, 64))

    def _alarm(self, kind: AlarmKind, detail: str) -> None:
        self._alarms[kind] += 1
        self._details[kind] = detail
