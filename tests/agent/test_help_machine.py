"""A help desk through everything at once: presses, repeats, answers, a disk that fails or stalls, restarts."""

import asyncio
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from help_rig import BOOT, OTHER_BOOT, MovingClock, Station, failing_disk, press, slow_disk, until
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from agent import calls, unattended
from agent.ladder import RUNGS, STEPS
from common.events.calls import CLOSE_REASONS, HelpAnswered

PANELS = st.sampled_from(["front", "back"])
TOOK = {"help.acknowledged": "acknowledge", "help.attending": "attend", "help.closed": "close"}


class DeskMachine(RuleBasedStateMachine):
    """`state` is what the table makes of the open call; `latched` is what the panels hold and repeat."""

    def __init__(self):
        super().__init__()
        self.cleanup = ExitStack()
        self.runner = self.cleanup.enter_context(asyncio.Runner())
        folder = self.cleanup.enter_context(tempfile.TemporaryDirectory())
        self.station = Station(Path(folder), MovingClock())
        self.runner.run(self.station.start())
        self.disk, self.trouble = "well", ExitStack()
        self.state = None
        self.numbers = Counter()
        self.latched = {}
        self.acknowledged = set()
        self.forms = []
        self.steps = []

    def teardown(self):
        self.heal()
        self.runner.run(self.finish())
        self.cleanup.close()

    # -- the disk

    @precondition(lambda self: self.disk == "well")
    @rule()
    def the_disk_dies(self):
        self.runner.run(self.quiet())
        self.trouble.enter_context(failing_disk())
        self.disk = "dead"

    @precondition(lambda self: self.disk == "well")
    @rule()
    def the_disk_stalls(self):
        self.runner.run(self.quiet())
        self.trouble.enter_context(slow_disk(self.station.path))
        self.disk = "stalled"

    @precondition(lambda self: self.disk != "well")
    @rule()
    def the_disk_is_well_again(self):
        self.heal()

    def heal(self):
        self.trouble.close()
        self.disk = "well"
        self.runner.run(self.quiet())

    async def quiet(self):
        """Wait until everything that happened is journaled."""

        def done():
            self.station.after(1.0)
            return not self.station.desk._outbox._waiting

        await until(done)

    async def patiently(self, action):
        """Await an action; when the disk stalls, let its second pass."""
        task = asyncio.create_task(action)
        if self.disk == "stalled":
            await asyncio.sleep(0)  # as far as it goes without the disk
            while not task.done():
                self.station.after(0.5)
                await asyncio.sleep(0)
        return await task

    # -- people

    @rule(panel=PANELS, age_s=st.sampled_from([0, 0, 0, 20, 100]))
    def somebody_presses_a_panel(self, panel, age_s):
        self.numbers[panel] += 1
        reading = press(self.numbers[panel], panel=panel, age_ms=age_s * 1000)
        self.latched[panel, reading.number] = reading
        self.state = STEPS[self.state]["press"] if self.state else "raised"
        self.deliver(reading)

    @precondition(lambda self: self.latched)
    @rule(data=st.data(), ack_arrives=st.booleans())
    def a_panel_repeats(self, data, ack_arrives):
        key = data.draw(st.sampled_from(sorted(self.latched)))
        unseen = key not in self.acknowledged and not self.is_known(self.latched[key])
        if unseen:  # a restart forgot it before it was journaled
            self.state = STEPS[self.state]["press"] if self.state else "raised"
        self.deliver(self.latched[key], ack_arrives=ack_arrives)

    def is_known(self, reading):
        desk, key = self.station.desk, (reading.panel, reading.epoch, reading.number)
        spans = desk._pressed.get(key[:2], ())
        return key in desk._presses or any(first <= key[2] <= last for first, last in spans)

    def deliver(self, reading, *, ack_arrives=True):
        recorded = self.runner.run(self.patiently(self.station.desk.press(reading)))
        if recorded:
            self.acknowledged.add((reading.panel, reading.number))
            if ack_arrives:
                self.latched.pop((reading.panel, reading.number), None)
        else:
            assert self.disk != "well"

    @rule(again=st.booleans())
    def somebody_presses_the_screen(self, again):
        if again and self.forms:
            self.runner.run(self.patiently(self.station.desk.press_screen(self.forms[-1])))
            return
        self.forms.append(self.station.new_id())
        self.state = STEPS[self.state]["press"] if self.state else "raised"
        self.runner.run(self.patiently(self.station.desk.press_screen(self.forms[-1])))

    @rule(
        step=st.sampled_from(["acknowledge", "acknowledge", "attend", "close"]), reason=st.sampled_from(CLOSE_REASONS)
    )
    def an_officer_takes_a_step(self, step, reason):
        views = self.station.views()
        call = views[0].id if views else self.station.new_id()
        arguments = (call, self.station.new_id(), *([reason] if step == "close" else []))
        self.steps.append((step, arguments))
        possible = self.state is not None and step in STEPS[self.state]
        assert self.take(step, arguments) == possible
        if possible:
            after = STEPS[self.state][step]
            self.state = None if after == "closed" else after

    @precondition(lambda self: self.steps and self.state != "raised")
    @rule()
    def a_form_is_submitted_again(self):
        self.take(*self.steps[-1])

    def take(self, step, arguments):
        return self.runner.run(self.patiently(getattr(self.station.desk, step)(*arguments)))

    @rule(seconds=st.sampled_from([0.1, 1, 14, 16, 31, 61]))
    def time_passes(self, seconds):
        async def passing():
            self.station.after(seconds)

        self.runner.run(passing())

    @precondition(lambda self: self.disk == "well" and self.state)
    @rule()
    def headquarters_answers(self):
        self.runner.run(self.quiet())
        answer = HelpAnswered(call=self.station.views()[0].id, by="Li")
        self.runner.run(self.station.journal.run(lambda pen: calls.answer(pen, "order", answer)))
        self.station.desk.orders_applied()

    @rule(away=st.booleans())
    def everybody_leaves_or_somebody_is_back(self, away):
        """What has sounded louder goes on so; what else always holds says that rungs come once, and in order."""

        async def moved():
            station, clock = self.station, self.station.clock
            before = station.desk.alarm.tone
            if away:
                station.away = unattended.left(station.away, boot=clock.boot, ns=clock.mono, ms=clock.wall)
            else:
                station.away = unattended.returned(station.away, boot=clock.boot, ns=clock.mono)
            station.desk.desk_changed()
            station.desk.look()
            assert station.desk.alarm.tone >= before
            if away and self.state == "raised":
                views = station.views()
                assert all(view.escalated or view.hq_answered for view in views)

        self.runner.run(moved())

    # -- power

    @rule(other_boot=st.booleans())
    def the_station_restarts(self, other_boot):
        before = self.state
        was_quiet = not self.station.desk._outbox._waiting
        if self.disk == "stalled":
            self.heal()
            was_quiet = True
        self.trouble.close()
        self.disk = "well"
        boot = None if not other_boot else (BOOT if self.station.clock.boot == OTHER_BOOT else OTHER_BOOT)
        self.runner.run(self.station.restart(boot))
        views = self.station.views()
        self.state = views[0].state if views else None
        self.forms = [form for form in self.forms if form in self.station.desk._screen_pressed]
        self.steps = []  # a form whose event was never journaled may do something now
        if was_quiet:
            assert self.state == before

    # -- what always holds

    @invariant()
    def the_tone_sounds_exactly_while_a_call_is_unanswered(self):
        alarm = self.station.desk.alarm
        assert (alarm.tone > 0) == (self.state == "raised")
        assert (alarm.lamp == "raised") == (self.state == "raised")

    @invariant()
    def there_is_the_call_the_table_says(self):
        assert [view.state for view in self.station.views()] == ([self.state] if self.state else [])

    @invariant()
    def a_call_with_a_press_the_disk_refused_is_not_called_recorded(self):
        desk = self.station.desk
        late = {waiting.call for waiting in desk._presses.values() if waiting.late}
        for view in self.station.views():
            assert (view.recorded is False) == (view.id in late)
        assert (desk.unrecorded_since is None) == (not late)

    @invariant()
    def nothing_acknowledged_is_missing_and_nothing_is_there_twice(self):
        self.check_journal(self.station.events())

    def check_journal(self, events):
        ids = [event["id"] for event in events]
        assert len(ids) == len(set(ids))
        presses = [
            (event["data"]["press"]["panel"], event["data"]["press"]["number"])
            for event in events
            if "press" in event["data"]
        ]
        assert len(presses) == len(set(presses))
        assert self.acknowledged <= set(presses)
        states = {}
        for event in events:
            call = event["data"]["call"]
            if event["type"] == "help.raised":
                assert call == event["id"]
                assert all(state == "closed" for state in states.values())
                states[call] = "raised"
            elif event["type"] == "help.pressed_again":
                states[call] = STEPS[states[call]]["press"]
            elif event["type"] in TOOK:
                states[call] = STEPS[states[call]][TOOK[event["type"]]]
        rungs = Counter((event["data"]["call"], event["type"]) for event in events)
        assert all(rungs[call, f"help.{rung}"] <= 1 for call in states for rung in RUNGS)

    async def finish(self):
        """With a disk that is well again, every press a panel holds arrives, once."""
        await self.quiet()
        for reading in list(self.latched.values()):
            assert await self.station.desk.press(reading)
            self.acknowledged.add((reading.panel, reading.number))
        await self.quiet()
        self.check_journal(self.station.events())
        made = {(panel, number) for panel, last in self.numbers.items() for number in range(1, last + 1)}
        assert made == self.acknowledged
        await self.station.journal.stop()


def test_no_press_is_lost_silent_or_twice_whatever_happens():
    run_state_machine_as_test(
        DeskMachine,
        settings=settings(
            max_examples=50, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
