"""Records through everything at once: any step, forms submitted again, restarts, new shifts, clocks that jump."""

import asyncio
import json
import sqlite3
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from planted import found
from record_rig import NEEDS, PLANTED, Station, tables

from agent import record_rows
from agent.record_form import Filled, Header, WrongForm
from common import workflow
from common.events import EVENTS, read_payload
from common.events.records import RATINGS

ANY = st.integers(min_value=0, max_value=10_000)
SEARCHED = [text for name, text in PLANTED.items() if name not in ("sex", "document")]


class RecordsMachine(RuleBasedStateMachine):
    """`states` is what the table makes of each record; `forms` is what was submitted, to be submitted again."""

    def __init__(self):
        super().__init__()
        self.cleanup = ExitStack()
        self.runner = self.cleanup.enter_context(asyncio.Runner())
        self.folder = Path(self.cleanup.enter_context(tempfile.TemporaryDirectory()))
        self.station = Station(self.folder)
        self.do(self.station.start())
        self.states = {}
        self.forms = []

    def do(self, work):
        return self.runner.run(work) if asyncio.iscoroutine(work) else work

    def teardown(self):
        lines = self.station.events("")
        live = self.station.tables()
        self.do(self.station.journal.stop())
        assert rebuilt(lines) == live
        assert found(self.folder, SEARCHED) == []
        self.cleanup.close()

    def submit(self, form):
        result = self.do(form())
        self.forms.append((form, result))
        return result

    def pick(self, which):
        return list(self.states)[which % len(self.states)]

    @rule(service=st.sampled_from(["ZX-01", "QZ-01", "TS-01"]), known=st.booleans())
    def somebody_comes(self, service, known):
        form = self.station.new_id()
        typed = PLANTED if known else {}
        record = self.submit(lambda: self.station.open(service, event_id=form, typed=typed))
        assert record.state == "draft"
        self.states[record.id] = "draft"

    @precondition(lambda self: self.states)
    @rule(which=ANY, name=st.sampled_from(get_args(workflow.Name)))
    def an_officer_takes_a_step(self, which, name):
        record, form = self.pick(which), self.station.new_id()
        step = workflow.step_called(name)
        needs = {field: NEEDS.get(field) for field in step.requires}
        if name == "refer":
            needs["target"] = "police-office"
        if name == "refer" and self.station.records.get(record).service != "QZ-01":
            return  # the others go nowhere, or only to the complaints' office
        filled = Filled(**needs)
        done = self.submit(lambda: self.station.records.step(record, name, form, filled))
        after = workflow.after(self.states[record], name)
        assert done == (after is not None)
        self.states[record] = after or self.states[record]

    @precondition(lambda self: self.states)
    @rule(which=ANY, name=st.sampled_from([step.name for step in workflow.STEPS if step.requires]))
    def an_officer_forgets_what_the_step_asks_for(self, which, name):
        record = self.pick(which)
        try:
            assert not self.do(self.station.records.step(record, name, self.station.new_id()))
            assert workflow.after(self.states[record], name) is None
        except WrongForm:
            assert workflow.after(self.states[record], name) is not None

    @precondition(lambda self: self.states)
    @rule(which=ANY, known=st.booleans())
    def an_officer_amends(self, which, known):
        record, form = self.pick(which), self.station.new_id()
        typed = {"phone": PLANTED["phone"]} if known else {}
        header = Header(grid="G-9")
        done = self.submit(lambda: self.station.records.amend(record, form, header=header, typed=typed))
        assert done == (self.states[record] != "closed")

    @rule()
    def the_next_one_is_called(self):
        form = self.station.new_id()
        waiting = self.station.queue.view().waiting
        called = self.submit(lambda: self.station.queue.call_next(form))
        assert (called is not None) == (waiting > 0)
        assert called is None or self.states[called] == "registered"
        assert self.station.queue.view().waiting == waiting - (called is not None)

    @precondition(lambda self: self.states)
    @rule(which=ANY)
    def somebody_is_called_again(self, which):
        record, form = self.pick(which), self.station.new_id()
        count = len(self.station.events("record.called"))
        called = self.submit(lambda: self.station.queue.call(record, form))
        assert not called or self.states[record] == "registered"
        assert len(self.station.events("record.called")) == count + called

    @precondition(lambda self: "closed" in self.states.values())
    @rule(which=ANY, rating=st.sampled_from(RATINGS), skipped=st.booleans())
    def the_rating_is_offered_and_answered_or_not(self, which, rating, skipped):
        ratings, record = self.station.ratings, self.pick(which)
        before, count = self.station.records.get(record), len(self.station.events())
        offered = ratings.offer(record)
        assert offered == (before.outcome == "done" and before.service != "TS-01" and before.rating is None)
        assert not offered or before.state == "closed"
        if offered and skipped:
            assert ratings.skip()
        if offered and not skipped:
            offer = ratings.view().id
            for tapped in (rating, "very_satisfied"):
                self.do(ratings.rate(offer, tapped))
        assert len(self.station.events()) == count + (offered and not skipped)
        assert self.station.records.get(record).rating == (rating if offered and not skipped else before.rating)

    @precondition(lambda self: self.forms)
    @rule(which=ANY)
    def a_form_is_submitted_again(self, which):
        form, before = self.forms[which % len(self.forms)]
        count = len(self.station.events())
        again = self.do(form())
        assert again is not False or before is False
        if before is None:  # nobody waited then
            return
        if before is not False:
            assert len(self.station.events()) == count
        else:  # refused then; it may be possible now, and is then a step like any other
            for record in self.states:
                self.states[record] = self.station.state(record)

    @rule()
    def the_station_restarts(self):
        self.do(self.station.restart())

    @rule()
    def a_new_shift_begins(self):
        self.do(self.station.keys.new_shift())

    @rule(hours=st.integers(min_value=-30, max_value=30), trusted=st.booleans())
    def the_clock_is_set(self, hours, trusted):
        self.station.clock.wall += hours * 3_600_000
        self.station.clock.synchronised = trusted and abs(hours) < 30

    @invariant()
    def every_record_stands_where_the_table_put_it(self):
        open_ones = {kept.record.id for kept in self.station.records.open_ones()}
        for record, state in self.states.items():
            assert self.station.state(record) == state
            assert (record in open_ones) == (state != "closed")

    @invariant()
    def who_is_shown_stands_as_the_display_says(self):
        view = self.station.queue.view()
        assert {self.states[turn.record] for turn in view.called} <= {"registered"}
        assert {self.states[turn.record] for turn in view.served} <= {"accepted", "handling"}
        waiting = {self.station.records.get(record).number: state for record, state in self.states.items()}
        assert {waiting[number] for number in view.next} <= {"registered"}

    @invariant()
    def numbers_have_no_gap_and_come_once(self):
        of_day = defaultdict(list)
        for event in self.station.events():
            if event["type"] == "record.opened":
                _, day, number = event["data"]["number"].split("-")
                of_day[day].append(int(number))
        for numbers in of_day.values():
            assert numbers == list(range(1, len(numbers) + 1))

    @invariant()
    def the_events_of_a_record_are_counted(self):
        counts = defaultdict(int)
        for event in self.station.events():
            if event["type"] in ("record.opened", "record.amended", "record.stepped", "record.rated"):
                counts[event["data"]["record"]] += 1
                assert event["data"].get("change", 1) == counts[event["data"]["record"]]


def rebuilt(lines):
    """Return the tables that the journal's lines alone make."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(record_rows.SCHEMA)
    projectors = record_rows.projectors()
    for number, event in enumerate(lines, 1):
        if event["type"] in projectors:
            payload = read_payload(EVENTS, json.loads(json.dumps(event)))
            assert payload is not None
            projectors[event["type"]](connection, number, event["id"], payload, event)
    return tables(connection)


def test_records_hold_through_steps_repeats_restarts_and_clocks_that_jump():
    run_state_machine_as_test(
        RecordsMachine,
        settings=settings(
            max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
