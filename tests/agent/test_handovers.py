"""Handing over: every open item is on the sheet, each is gone through, both sign, and nothing is closed by that."""

import asyncio
import sqlite3
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from handover_rig import PROJECTORS, SCHEMAS, Station, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from agent.dispatches import Dispatches
from agent.handover import LONGEST, NotTakenError, Stay, problem_of
from agent.handover_rows import KEPT
from common.events import EVENTS, read_payload
from common.events.errands import DispatchSent

LATER = "2099-01-01T00:00:00.000Z"


@pytest.fixture
async def station(tmp_path):
    station = await Station(tmp_path).start()
    yield station
    await station.journal.stop()


async def test_the_sheet_has_calls_records_devices_and_notes_and_only_what_is_open(station):
    record, done = await station.somebody_comes(), await station.somebody_comes()
    await station.ends(done)
    call, quick, late = await station.calls(), await station.calls(), await station.calls()
    await station.is_helped(quick)
    await station.nobody_answers(late)
    await station.is_helped(late)
    station.devices = {"front": "faulty", "cards": "ready", "door": "absent"}
    note = station.new_id()
    await station.handovers.note(note, "  门口的灯坏了  ")
    sheet = station.handovers.sheet()
    assert [item.key for item in sheet.items] == [
        ("call", call),
        ("call", late),
        ("record", record),
        ("device", "door"),
        ("device", "front"),
        ("note", note),
    ]
    assert [item.state for item in sheet.items[:2]] == ["raised", "unanswered"]
    assert sheet.items[0].label == "2026-11-22T04:00:00.000Z"
    assert sheet.items[2].label.startswith("JW012-")
    assert sheet.items[-1].label == "门口的灯坏了"
    assert (sheet.id, len(sheet.undecided)) == ("", 6)


async def test_a_dispatch_is_on_the_sheet_until_it_is_reported_whatever_was_said_of_it(station):
    sent, key = DispatchSent(service="QZ-01", reference="110-7", expires=LATER), ("dispatch", station.new_id())
    sending = Dispatches(station.journal, station.clock, lambda: None)
    await station.journal.run(lambda pen: sending.send(pen, key[1], sent))
    [item] = station.handovers.sheet().items
    assert (item.key, item.label, item.state) == (key, "110-7", "sent")
    await station.hand_over()
    assert station.keys() == [key]
    await station.hand_over(key)
    assert station.keys() == [key]
    assert list(station.handovers.sheet().stays) == [key]


async def test_what_was_to_be_told_is_over_once_it_was_accepted_and_what_is_open_stays_open(station):
    record, call, told = await station.somebody_comes(), await station.calls(), await station.calls()
    await station.nobody_answers(told)
    await station.is_helped(told)
    station.devices = {"front": "faulty"}
    await station.handovers.note(station.new_id(), "钥匙在抽屉里")
    await station.hand_over()
    assert station.keys() == [("call", call), ("record", record), ("device", "front")]
    assert station.records.get(record).state == "draft"
    assert not any(event["type"] == "help.closed" and event["data"]["call"] == call for event in station.events())
    [signed] = station.handovers.past()
    assert (signed.giving, signed.receiving, signed.giving_staff, signed.receiving_staff) == (
        "甲",
        "乙",
        "1001",
        "2001",
    )
    assert (signed.accepted, signed.refused) == (5, 0)


async def test_what_is_refused_stays_with_the_giving_side_and_open_until_somebody_accepts_it(station):
    record = await station.somebody_comes()
    note = station.new_id()
    await station.handovers.note(note, "话没说完")
    await station.hand_over(("record", record), ("note", note))
    stay = Stay("甲", "not finished")
    assert station.handovers.sheet().stays == {("record", record): stay, ("note", note): stay}
    assert station.keys() == [("record", record), ("note", note)]
    station.teams = ("乙", "丙")
    await station.hand_over(("note", note))
    assert station.handovers.sheet().stays == {("note", note): Stay("乙", "not finished")}
    await station.restart()
    assert station.keys() == [("record", record), ("note", note)]


async def test_it_is_signed_only_once_every_item_of_that_moment_was_gone_through(station):
    first = await station.somebody_comes()
    handover = await station.begin()
    assert await station.sign() == "undecided"
    await station.check(("record", first))
    second = await station.somebody_comes()
    assert await station.sign() == "undecided"
    await station.ends(second)
    assert await station.sign() == "done"
    assert await station.sign(handover) == "gone"
    assert len(station.handovers.past()) == 1


async def test_the_last_word_on_an_item_counts_until_both_have_signed(station):
    record = await station.somebody_comes()
    handover = await station.begin()
    await station.check(("record", record), accepted=False)
    await station.check(("record", record))
    await station.sign()
    assert not station.handovers.sheet().stays
    assert await station.check(("record", record), handover=handover, accepted=False) == "gone"
    assert not station.handovers.sheet().stays


async def test_what_is_not_on_the_sheet_cannot_be_gone_through(station):
    record = await station.somebody_comes()
    await station.begin()
    await station.ends(record)
    assert await station.check(("record", record)) == "gone"
    assert await station.check(("device", "front")) == "gone"


async def test_forms_submitted_again_change_nothing(station):
    record = await station.somebody_comes()
    note, handover, check, sign = (station.new_id() for _ in range(4))
    key = ("record", record)
    await station.handovers.note(note, "一次")
    await station.handovers.begin(handover)
    assert await station.handovers.check(check, handover, key, accepted=False, reason="没看到人") == "done"
    assert await station.handovers.check(station.new_id(), handover, ("note", note), accepted=True) == "done"
    assert await station.handovers.sign(sign, handover, giving="1", receiving="2") == "done"
    before = station.rows()
    await station.handovers.note(note, "一次")
    await station.handovers.begin(handover)
    assert await station.handovers.check(check, handover, key, accepted=False, reason="又") == "done"
    assert await station.handovers.sign(sign, handover, giving="1", receiving="2") == "done"
    assert station.rows() == before


async def test_without_a_rota_it_works_and_names_no_teams(station):
    station.teams = None
    record = await station.somebody_comes()
    await station.hand_over(("record", record))
    [signed] = station.handovers.past()
    assert (signed.giving, signed.receiving) == ("", "")
    assert station.handovers.sheet().stays[("record", record)].team == ""


@pytest.mark.parametrize(
    ("giving", "receiving", "field", "problem"),
    [
        ("", "2001", "giving_staff", "missing"),
        ("1001", " ", "receiving_staff", "missing"),
        ("张三", "2001", "giving_staff", "wrong"),
        ("1001", "1001 ", "receiving_staff", "same"),
    ],
)
async def test_two_different_people_sign(station, giving, receiving, field, problem):
    await station.begin()
    with pytest.raises(NotTakenError) as caught:
        await station.sign(giving=giving, receiving=receiving)
    assert (caught.value.field, caught.value.problem) == (field, problem)
    assert not station.handovers.past()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "missing"),
        ("x" * (LONGEST + 1), "too_long"),
        ("a\nb", "wrong"),
        ("他的电话 139 0000 1234", "personal"),
        ("11010119900307651X", "personal"),
        ("见 JW012-20261122-0007, 06:30 再来", None),
        ("3 把钥匙, 2026 年", None),
    ],
)
def test_what_is_written_in_plain_names_nobodys_number(text, problem):
    assert problem_of(text) == problem


@given(digits=st.text("0123456789", min_size=7, max_size=18), gap=st.sampled_from(["", " ", "-", "."]))
def test_a_long_number_is_found_however_it_is_grouped(digits, gap):
    assert problem_of(f"打 {gap.join(digits)} 找他") == "personal"


async def test_a_refusal_needs_a_reason_and_a_note_says_something(station):
    record = await station.somebody_comes()
    await station.begin()
    with pytest.raises(NotTakenError, match="reason: missing"):
        await station.check(("record", record), accepted=False, reason="  ")
    with pytest.raises(NotTakenError, match="text: personal"):
        await station.handovers.note(station.new_id(), "13900001234")
    assert len(station.handovers.sheet().undecided) == 1


async def test_a_signed_sheet_is_kept_for_a_while_with_what_was_refused_on_top(station):
    records = [await station.somebody_comes() for _ in range(3)]
    await station.hand_over(("record", records[2]))
    [signed] = station.handovers.past()
    found, lines = station.handovers.find(signed.id)
    assert found == signed
    assert [line.accepted for line in lines] == [False, True, True]
    assert lines[0].reason == "not finished"
    for record in records:
        await station.ends(record)
    for _ in range(KEPT):
        await station.hand_over()
    assert station.handovers.find(signed.id) is None
    assert len(station.rows()["handovers"]) == KEPT
    assert len(station.rows()["handover_events"]) == 2 * KEPT


async def test_200_open_items_are_gone_through_one_by_one_and_one_that_is_refused_stays(station):
    records = [await station.somebody_comes() for _ in range(200)]
    await station.begin()
    refused = ("record", records[77])
    while undecided := station.handovers.sheet().undecided:
        assert await station.sign() == "undecided"
        assert await station.check(undecided[0].key, accepted=undecided[0].key != refused) == "done"
    assert await station.sign() == "done"
    assert station.keys() == [("record", record) for record in records]
    assert list(station.handovers.sheet().stays) == [refused]
    [signed] = station.handovers.past()
    assert (signed.accepted, signed.refused) == (199, 1)


# -- everything at once ------------------------------------------------------------------------------------------------

ANY = st.integers(0, 10_000)


class HandoverMachine(RuleBasedStateMachine):
    """`records` and `calls` say of each whether it is open; `lists` with whom what was refused stays."""

    def __init__(self):
        super().__init__()
        self.cleanup = ExitStack()
        self.runner = self.cleanup.enter_context(asyncio.Runner())
        self.station = Station(Path(self.cleanup.enter_context(tempfile.TemporaryDirectory())))
        self.do(self.station.start())
        self.records, self.calls, self.escalated, self.told = {}, {}, set(), set()
        self.notes, self.lists, self.checks = [], {}, None

    def do(self, work):
        return self.runner.run(work)

    def teardown(self):
        lines, live = self.station.events(), self.station.rows()
        self.do(self.station.journal.stop())
        assert rebuilt(lines) == live
        self.cleanup.close()

    def pick(self, things, which):
        return sorted(things)[which % len(things)] if things else None

    def on_sheet(self):
        """What has to be on the sheet, whatever was handed over."""
        expected = {("record", record) for record, is_open in self.records.items() if is_open}
        expected |= {("call", call) for call, is_open in self.calls.items() if is_open}
        expected |= {("call", call) for call in self.escalated - self.told}
        expected |= {("device", name) for name, state in self.station.devices.items() if state != "ready"}
        return expected | {("note", note) for note in self.notes}

    @rule()
    def somebody_comes(self):
        self.records[self.do(self.station.somebody_comes())] = True

    @precondition(lambda self: self.records)
    @rule(which=ANY)
    def a_record_ends_or_opens_again(self, which):
        record = self.pick(self.records, which)
        self.do(self.station.ends(record) if self.records[record] else self.station.opens_again(record))
        self.records[record] = not self.records[record]

    @rule(answered=st.booleans())
    def somebody_calls(self, answered):
        call = self.do(self.station.calls())
        self.calls[call] = True
        if not answered:
            self.do(self.station.nobody_answers(call))
            self.escalated.add(call)

    @precondition(lambda self: any(self.calls.values()))
    @rule(which=ANY)
    def a_call_ends(self, which):
        call = self.pick({call for call, is_open in self.calls.items() if is_open}, which)
        self.do(self.station.is_helped(call))
        self.calls[call] = False

    @rule(name=st.sampled_from(["front", "cards"]), state=st.sampled_from(["ready", "faulty", "absent", "starting"]))
    def a_device_changes(self, name, state):
        self.station.devices[name] = "ready" if state == "starting" else state

    @rule()
    def somebody_leaves_a_note(self):
        note = self.station.new_id()
        self.do(self.station.handovers.note(note, "留言"))
        self.notes.append(note)

    @rule(teams=st.sampled_from([("甲", "乙"), ("乙", "丙"), None]))
    def a_handover_begins(self, teams):
        self.station.teams = teams
        self.do(self.station.begin())
        self.checks, self.giving = {}, teams[0] if teams else ""

    @precondition(lambda self: self.checks is not None)
    @rule(which=ANY, accepted=st.booleans())
    def an_item_is_gone_through(self, which, accepted):
        key = self.pick(self.on_sheet(), which)
        if key is None:
            return
        assert self.do(self.station.check(key, accepted=accepted)) == "done"
        self.checks[key] = accepted

    @precondition(lambda self: self.checks is not None)
    @rule(accepted=st.booleans())
    def the_rest_is_gone_through_at_once(self, accepted):
        for key in sorted(self.on_sheet() - self.checks.keys()):
            assert self.do(self.station.check(key, accepted=accepted)) == "done"
            self.checks[key] = accepted

    @precondition(lambda self: self.checks is not None)
    @rule()
    def both_sign(self):
        before = {record: self.station.records.get(record).state for record in self.records}
        signed = self.do(self.station.sign())
        assert signed == ("undecided" if self.on_sheet() - self.checks.keys() else "done")
        assert {record: self.station.records.get(record).state for record in self.records} == before
        if signed != "done":
            return
        for (kind, item), accepted in self.checks.items():
            if accepted:
                self.lists.pop((kind, item), None)
                self.notes = [note for note in self.notes if note != item]
                self.told |= {item} & self.escalated
            else:
                self.lists[kind, item] = self.giving
        self.lists = {key: team for key, team in self.lists.items() if key[0] != "record" or self.records[key[1]]}
        self.checks = None

    @precondition(lambda self: self.checks is None)
    @rule(which=ANY)
    def somebody_would_go_through_an_item_of_no_handover(self, which):
        key = self.pick(self.on_sheet(), which) or ("device", "front")
        assert self.do(self.station.check(key, handover=self.station.new_id())) == "gone"
        assert self.do(self.station.sign(self.station.new_id())) == "gone"

    @rule()
    def the_station_starts_again(self):
        self.do(self.station.restart())

    @invariant()
    def every_open_item_is_on_the_sheet_and_nothing_else(self):
        sheet = self.station.handovers.sheet()
        keys = [item.key for item in sheet.items]
        assert set(keys) == self.on_sheet()
        assert len(keys) == len(set(keys))
        assert {key: stay.team for key, stay in sheet.stays.items()} == self.lists
        assert bool(sheet.id) == (self.checks is not None)
        assert {key: check.accepted for key, check in sheet.checks.items()} == (self.checks or {})


def rebuilt(lines: list[dict]) -> dict[str, list]:
    """Return what the events alone come to, in an empty database."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE journal(id TEXT)")
        connection.execute("INSERT INTO journal VALUES ('x')")
        for schema in SCHEMAS:
            connection.executescript(schema)
        for number, event in enumerate(lines, 1):
            project = PROJECTORS.get(event["type"])
            if project is not None:
                project(connection, number, event["id"], read_payload(EVENTS, event), event)
        return rows(connection)


def test_whatever_happens_every_open_item_is_on_the_sheet_and_signing_closes_nothing():
    run_state_machine_as_test(
        HandoverMachine,
        settings=settings(
            max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
