"""Records, referrals, calls and handovers at one desk at once, on the journal and all tables of a real station.

What single machines hold of each room (`test_records_machine`, `test_help_machine`, `test_handovers`) holds of them
together: no step outside the tables, every open item on the sheet, and what the events alone come to is what is shown.
"""

import asyncio
import json
import sqlite3
import tempfile
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

from help_rig import until
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from record_rig import CATALOGUE, NEEDS, OTHER_BOOT, PUBLIC, SHANGHAI, MovingClock

from agent import figure_rows
from agent.database import TABLES
from agent.handovers import Handovers
from agent.help import HelpDesk
from agent.journal import Journal
from agent.ladder import STEPS, Ladder
from agent.opening import SCHEMA, projectors
from agent.orders import OrderRefused
from agent.record_form import Filled, Header, WrongForm
from agent.records import Records
from agent.shift_keys import ShiftKeys
from common import workflow
from common.events import EVENTS, read_payload
from common.events.calls import CLOSE_REASONS
from common.events.records import ReferralSigned
from common.identifiers import uuid7
from sync.sealing import SealingPublicKey

ANY = st.integers(min_value=0, max_value=10_000)
SERVICES = ("QZ-01", "ZX-01", "TJ-01", "BF-01")
ESCALATES_S = Ladder().escalate_after_s
THE_JOURNALS = {"events", "urgent", "withheld", "closed_events", "seen", "acked"}
"""Tables that are the journal, or what it knows of headquarters and of the time, and no projection."""


class Desk:
    """The rooms of a duty desk on one journal in `folder`, that can be stopped and started again."""

    def __init__(self, folder):
        self.path, self.clock = folder / "station.db", MovingClock()

    async def start(self):
        self.journal = await Journal.open(
            self.path, source="/stations/sjz-001", clock=self.clock, projectors=projectors(SHANGHAI), schema=SCHEMA
        )
        await self.journal.run(partial(figure_rows.build, zone=SHANGHAI))
        keys = ShiftKeys(self.journal, station="sjz-001", to=SealingPublicKey(PUBLIC), clock=self.clock)
        self.records = Records(self.journal, self.clock, catalogue=CATALOGUE, code="JW012", zone=SHANGHAI, seals=keys)
        self.help = HelpDesk(self.journal, self.clock, Ladder())
        await self.help.restore()
        self.handovers = Handovers(self.journal, teams=lambda: ("甲", "乙"), devices=tuple)

    def new_id(self):
        return uuid7(wall_ms=self.clock.wall_ms())

    def events(self):
        def look(connection):
            return [json.loads(line) for (line,) in connection.execute("SELECT line FROM events ORDER BY number")]

        return self.journal.query(look)


class WholeDeskMachine(RuleBasedStateMachine):
    """`states`: what the table makes of each record; `call`: the open call and its state; `checks`: of the sheet."""

    def __init__(self):
        super().__init__()
        self.cleanup = ExitStack()
        self.runner = self.cleanup.enter_context(asyncio.Runner())
        self.desk = Desk(Path(self.cleanup.enter_context(tempfile.TemporaryDirectory())))
        self.do(self.desk.start())
        self.states, self.targets = {}, {}
        self.call, self.escalated, self.to_tell = None, set(), set()
        self.checks = None

    def do(self, work):
        return self.runner.run(work)

    def teardown(self):
        events, live = self.desk.events(), self.desk.journal.query(rows)
        self.do(self.desk.journal.stop())
        again = rebuilt(events, live.pop("journal"))
        assert again.keys() == live.keys()
        for table, found in live.items():
            assert again[table] == found, table
        self.cleanup.close()

    def pick(self, things, which):
        return list(things)[which % len(things)]  # as they came: their ids are not the same in another run

    # -- records and referrals

    @rule(service=st.sampled_from(SERVICES), state=st.sampled_from(["draft", "registered"]))
    def somebody_comes(self, service, state):
        opening = self.desk.records.open(
            self.desk.new_id(), channel="window", header=Header(service=service), state=state, typed={"need": "测"}
        )
        self.states[self.do(opening).id] = state

    @precondition(lambda self: self.states)
    @rule(which=ANY, name=st.sampled_from(get_args(workflow.Name)))
    def an_officer_takes_a_step(self, which, name):
        record = self.pick(self.states, which)
        service = CATALOGUE.services[self.desk.records.get(record).service]
        if name == "refer" and not service.refer:
            return
        needs = {field: NEEDS.get(field) for field in workflow.step_called(name).requires}
        filled = Filled(**needs | {"target": service.refer[0], "consent": True} if name == "refer" else needs)
        done = self.do(self.desk.records.step(record, name, self.desk.new_id(), filled))
        after = workflow.after(self.states[record], name)
        assert done == (after is not None)
        self.states[record] = after or self.states[record]
        if name == "refer" and done:
            self.targets[record] = service.refer[0]

    @precondition(lambda self: self.states)
    @rule(which=ANY, by_another=st.booleans())
    def headquarters_says_that_a_referral_was_signed_for(self, which, by_another):
        record = self.pick(self.states, which)
        by = "nobody-there" if by_another else self.targets.get(record, "police-office")
        order = ReferralSigned(record=self.desk.records.get(record).number, by=by, reference="R-1")
        try:
            self.do(self.desk.journal.run(lambda pen: self.desk.records.sign(pen, "", order)))
        except OrderRefused:
            assert by_another or self.states[record] not in ("referred", "received")
        else:
            assert self.states[record] in ("referred", "received")
            self.states[record] = "received"

    @precondition(lambda self: self.states)
    @rule(which=ANY)
    def a_step_lacks_what_it_asks_for(self, which):
        record = self.pick(self.states, which)
        for step in workflow.steps(self.states[record]):
            if step.requires:
                try:
                    self.do(self.desk.records.step(record, step.name, self.desk.new_id()))
                except WrongForm:
                    continue
                raise AssertionError(step)

    # -- calls

    @rule()
    def somebody_presses(self):
        form = self.desk.new_id()
        self.do(self.desk.help.press_screen(form))
        self.call = (self.call[0], STEPS[self.call[1]]["press"]) if self.call else (form, "raised")

    @precondition(lambda self: self.call)
    @rule(taken=st.sampled_from(["acknowledge", "attend", "close"]), reason=st.sampled_from(CLOSE_REASONS))
    def an_officer_sees_to_the_call(self, taken, reason):
        call, state = self.call
        more = [reason] if taken == "close" else []
        done = self.do(getattr(self.desk.help, taken)(call, self.desk.new_id(), *more))
        after = STEPS[state].get(taken)
        assert done == (after is not None)
        self.call = None if after == "closed" else (call, after or state)

    @precondition(lambda self: self.call)
    @rule()
    def nobody_comes_for_a_while(self):
        call, state = self.call
        self.desk.clock.advance(ESCALATES_S + 1)
        if state == "raised":
            self.escalated.add(call)
            self.to_tell.add(call)

        def journaled():
            self.desk.help.look()
            said = [event["data"]["call"] for event in self.desk.events() if event["type"] == "help.escalated"]
            assert len(said) == len(set(said))
            return set(said) == self.escalated

        self.do(until(journaled))

    # -- handovers

    def on_sheet(self):
        expected = {("record", record) for record, state in self.states.items() if state != "closed"}
        expected |= {("call", call) for call in self.to_tell}
        return expected | ({("call", self.call[0])} if self.call else set())

    @rule()
    def a_handover_begins(self):
        self.do(self.desk.handovers.begin(self.desk.new_id()))
        self.checks = {}

    @precondition(lambda self: self.checks is not None)
    @rule(accepted=st.booleans(), most=st.integers(min_value=1, max_value=20))
    def items_are_gone_through(self, accepted, most):
        handover, undecided = self.desk.handovers.sheet().id, self.desk.handovers.sheet().undecided
        for key in [item.key for item in undecided][:most]:
            checking = self.desk.handovers.check(self.desk.new_id(), handover, key, accepted=accepted, reason="没看到")
            assert self.do(checking) == "done"
            self.checks[key] = accepted

    @precondition(lambda self: self.checks is not None)
    @rule()
    def both_sign(self):
        handover, before = self.desk.handovers.sheet().id, dict(self.states)
        signing = self.desk.handovers.sign(self.desk.new_id(), handover, giving="1001", receiving="2001")
        complete = not self.on_sheet() - self.checks.keys()
        assert self.do(signing) == ("done" if complete else "undecided")
        assert {record: self.desk.records.get(record).state for record in before} == before
        if complete:
            self.to_tell -= {item for (kind, item), accepted in self.checks.items() if kind == "call" and accepted}
            self.checks = None

    # -- what happens to the station

    @rule(boots=st.booleans())
    def the_station_starts_again(self, boots):
        self.do(self.desk.journal.stop())
        if boots:
            self.desk.clock.boot = OTHER_BOOT
            self.desk.clock.mono = 20_000_000_000
        self.do(self.desk.start())

    @rule(hours=st.integers(min_value=-9, max_value=9), trusted=st.booleans())
    def the_clock_is_set(self, hours, trusted):
        self.desk.clock.wall += hours * 3_600_000
        self.desk.clock.synchronised = trusted

    @invariant()
    def everything_stands_where_its_table_put_it(self):
        open_ones = {kept.record.id for kept in self.desk.records.open_ones()}
        for record, state in self.states.items():
            assert self.desk.records.get(record).state == state
            assert (record in open_ones) == (state != "closed")
        shown = [(view.id, view.state) for view in self.desk.help.views(self.desk.clock.mono_ns())]
        assert shown == ([self.call] if self.call else [])

    @invariant()
    def every_page_of_what_is_to_do_has_every_open_record_once(self):
        due, seen = self.desk.records.due_ones(), []
        pages = range(0, len(self.states) + 10, 10)
        for skip in pages:
            shown, count = self.desk.records.page(due, skip=skip, most=10)
            seen += [kept.record.id for kept in shown]
            assert count == sum(state != "closed" for state in self.states.values())
        assert sorted(seen) == sorted(record for record, state in self.states.items() if state != "closed")
        done = [one.record.id for one in self.desk.records.done_ones(most=100)]
        assert set(done) <= {record for record, state in self.states.items() if state == "closed"}

    @invariant()
    def every_open_item_is_on_the_sheet_and_nothing_else(self):
        keys = [item.key for item in self.desk.handovers.sheet().items]
        assert len(keys) == len(set(keys))
        assert set(keys) == self.on_sheet()


def rows(connection: sqlite3.Connection) -> dict[str, list]:
    """Return all rows of all tables that are made of events."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    names = {name for (name,) in tables} - THE_JOURNALS
    return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}


def rebuilt(events: list[dict], journal: list) -> dict[str, list]:
    """Return what the events of a journal alone come to, in an empty database."""
    makes = projectors(SHANGHAI)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for schema in (TABLES, *SCHEMA):
            connection.executescript(schema)
        connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", *journal)
        figure_rows.build(SimpleNamespace(connection=connection), zone=SHANGHAI)
        for number, event in enumerate(events, 1):
            if event["type"] in makes:
                makes[event["type"]](connection, number, event["id"], read_payload(EVENTS, event), event)
        made = rows(connection)
        del made["journal"]
        return made


def test_a_whole_desk_holds_through_everything_at_once():
    run_state_machine_as_test(
        WholeDeskMachine,
        settings=settings(
            max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
