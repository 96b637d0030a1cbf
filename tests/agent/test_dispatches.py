"""Dispatches at a station: on a real journal, with orders as headquarters gives them."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_rig import StillClock, all_events, open_journal

from agent import dispatches
from agent.dispatches import Dispatches
from agent.record_form import WrongForm
from common.clock import rfc3339
from common.dispatch import NEXT, RESULTS, after
from common.events.errands import DispatchSent
from common.identifiers import uuid7

ONE, OTHER = "019a0000-0000-7000-8000-0000000000d1", "019a0000-0000-7000-8000-0000000000d2"
WAYS = [("receive", "received"), ("set_out", "set_out"), ("arrive", "arrived"), ("report", "reported")]


class Desk:
    def __init__(self, folder):
        self.folder = folder
        self.clock = StillClock()
        self.moves = 0
        self.forms = 0

    async def start(self):
        options = {"schema": (dispatches.SCHEMA,), "projectors": dispatches.projectors(), "clock": self.clock}
        self.journal = await open_journal(self.folder, **options)
        self.dispatches = Dispatches(self.journal, self.clock, self.moved)
        return self

    def moved(self):
        self.moves += 1

    def new_form(self):
        self.forms += 1
        return uuid7(wall_ms=self.forms)

    async def send(self, order=ONE, *, within_s=1800, **fields):
        expires = rfc3339(self.clock.wall + within_s * 1000)
        sent = DispatchSent(service="QZ-01", reference="110-7", expires=expires, **fields)
        await self.journal.run(lambda pen: self.dispatches.send(pen, order, sent))

    async def step(self, step, order=ONE, **options):
        return await self.dispatches.step(order, step, self.new_form(), **options)

    async def told(self):
        return [(event["type"], event["data"]) for event in await all_events(self.journal)]

    def shown(self):
        return [(one.id, one.state, one.step, one.age_s) for one in self.dispatches.open_ones()]

    def advance(self, seconds):
        self.clock.mono += seconds * 10**9
        self.clock.wall += seconds * 10**3


@pytest.fixture
async def desk(tmp_path):
    desk = await Desk(tmp_path).start()
    yield desk
    await desk.journal.stop()


async def test_a_dispatch_goes_through_its_steps_each_with_its_time_and_then_it_is_off_the_list(desk):
    await desk.send()
    assert desk.shown() == [(ONE, "sent", "receive", 0)]
    for place, (step, state) in enumerate(WAYS[:3]):
        desk.advance(60)
        assert await desk.step(step, staff="012345")
        assert desk.shown() == [(ONE, state, WAYS[place + 1][0], 0)]
    desk.advance(600)
    assert desk.shown()[0][3] == 600
    assert await desk.step("report", result="handled")
    assert desk.shown() == []
    told = await desk.told()
    assert [data.get("step") for _, data in told] == [step for step, _ in WAYS]
    assert told[0][1] == {"dispatch": ONE, "step": "receive", "staff": "012345"}
    assert told[-1][1] == {"dispatch": ONE, "step": "report", "result": "handled"}
    assert desk.moves == 4


@pytest.mark.parametrize("step", ["set_out", "arrive"])
async def test_no_step_is_left_out_and_none_is_taken_twice(desk, step):
    await desk.send()
    assert not await desk.step(step)
    assert await desk.step("receive")
    assert not await desk.step("receive")
    assert not await desk.step("receive", order=OTHER)
    assert len(await desk.told()) == 1


async def test_two_desks_at_once_take_a_step_once(desk):
    await desk.send()
    done = await asyncio.gather(*(desk.step("receive") for _ in range(8)))
    assert sorted(done) == [False] * 7 + [True]
    assert len(await desk.told()) == 1


async def test_a_report_says_what_came_of_it_and_nothing_else_does(desk):
    await desk.send()
    for step, result in (("receive", "handled"), ("report", None)):
        with pytest.raises(WrongForm):
            await desk.step(step, result=result)
    with pytest.raises(WrongForm):
        await desk.step("receive", staff="王")
    assert await desk.told() == []


async def test_what_nobody_received_in_its_time_has_expired_and_what_was_received_has_not(desk):
    await desk.send(ONE, within_s=60)
    await desk.send(OTHER, within_s=60)
    await desk.step("receive", order=OTHER)
    desk.advance(59)
    await desk.dispatches.look()
    assert len(desk.shown()) == 2
    desk.advance(1)
    await desk.dispatches.look()
    await desk.dispatches.look()
    assert [one[0] for one in desk.shown()] == [OTHER]
    assert (await desk.told())[1:] == [("dispatch.expired", {"dispatch": ONE})]
    assert not await desk.step("receive")


async def test_while_the_clock_is_unsure_nothing_expires(desk):
    await desk.send(within_s=60)
    desk.clock.synchronised = False
    desk.advance(10**6)
    await desk.dispatches.look()
    assert len(desk.shown()) == 1


async def test_urgent_ones_stand_above_and_the_same_order_again_changes_nothing(desk):
    await desk.send(ONE)
    await desk.send(OTHER, priority="urgent", grid="G-07")
    assert [one[0] for one in desk.shown()] == [OTHER, ONE]
    await desk.step("receive")
    await desk.send(ONE)
    assert [one[1] for one in desk.shown()] == ["sent", "received"]
    assert desk.dispatches.open_ones()[0].grid == "G-07"


async def test_after_a_restart_they_stand_as_they_did(desk):
    await desk.send()
    await desk.step("receive")
    await desk.journal.stop()
    desk.clock.boot = "6a1d0d0e-6f6c-4a8e-9a58-2f6f3a3f0a02"
    desk.clock.mono = 5
    desk.clock.wall += 120_000
    await desk.start()
    assert desk.shown() == [(ONE, "received", "set_out", 120)]


@given(st.lists(st.sampled_from([step for step, _ in WAYS]), max_size=12))
def test_whatever_is_tried_the_table_leads_one_way_only(steps):
    state, taken = "sent", []
    for step in steps:
        target = after(state, step)
        assert (target is not None) == (state in NEXT and NEXT[state][0] == step)
        if target is not None:
            state = target
            taken.append(step)
    assert taken == [step for step, _ in WAYS][: len(taken)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(taps=st.lists(st.sampled_from([step for step, _ in WAYS]), max_size=8))
async def test_what_is_shown_is_what_the_journal_tells(taps, tmp_path_factory):
    desk = await Desk(tmp_path_factory.mktemp("desk")).start()
    try:
        await desk.send()
        for step in taps:
            await desk.step(step, result=RESULTS[0] if step == "report" else None)
        state = "sent"
        for _, data in await desk.told():
            state = after(state, data["step"])
        assert [one[1] for one in desk.shown()] == ([] if state == "reported" else [state])
    finally:
        await desk.journal.stop()
