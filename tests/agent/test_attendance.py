"""Whether anybody is at the desk, on a real journal; and what a call for help makes of it."""

import pytest
from help_rig import OTHER_BOOT, MovingClock, failing_disk, press, until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import attendance, calls
from agent.attendance import Attendance
from agent.database import JournalError
from agent.help import HelpDesk
from agent.journal import Journal
from agent.ladder import Ladder
from agent.record_form import WrongForm
from common.identifiers import uuid7


class Station:
    """A desk with its attendance, that can be stopped and started again."""

    def __init__(self, folder):
        self.path, self.clock, self.forms = folder / "station.db", MovingClock(), 0

    async def start(self):
        self.journal = await Journal.open(
            self.path,
            source="/stations/sjz-001",
            clock=self.clock,
            projectors=calls.projectors() | attendance.projectors(),
            schema=(calls.SCHEMA, attendance.SCHEMA),
        )
        self.attendance = Attendance(self.journal, self.clock)
        self.attendance.restore()
        self.desk = HelpDesk(self.journal, self.clock, Ladder(), unattended_at=self.attendance.first_at)
        self.attendance.changed = self.desk.desk_changed
        await self.desk.restore()
        return self

    async def restart(self, boot=None):
        await self.journal.stop()
        if boot is not None:
            self.clock.boot, self.clock.mono = boot, 20_000_000_000
        await self.start()

    def new_form(self):
        self.forms += 1
        return uuid7(wall_ms=self.forms)

    async def leave(self):
        await self.attendance.left(self.new_form())

    async def come_back(self):
        await self.attendance.returned(self.new_form())

    def after(self, seconds):
        self.clock.advance(seconds)
        self.desk.look()

    def told(self):
        rows = "SELECT line ->> '$.type', line -> '$.data' FROM (SELECT CAST(line AS TEXT) AS line FROM events)"
        found = self.journal.query(lambda connection: connection.execute(rows).fetchall())
        return [(what, data) for what, data in found if not what.startswith("clock.")]

    def types(self):
        return [what for what, _ in self.told()]

    async def journaled(self, *types):
        await until(lambda: self.types() == list(types))


@pytest.fixture
async def station(tmp_path):
    station = await Station(tmp_path).start()
    yield station
    await station.journal.stop()


async def test_everybody_leaves_by_one_event_and_somebody_is_back_by_another(station):
    assert station.attendance.unattended_s() is None
    await station.attendance.left(station.new_form(), staff="012345")
    station.clock.advance(90)
    assert station.attendance.unattended_s() == 90
    await station.come_back()
    assert station.attendance.unattended_s() is None
    assert station.told() == [("desk.unattended", '{"staff":"012345"}'), ("desk.attended", '{"by":"key"}')]


async def test_the_same_form_again_changes_nothing_also_after_a_restart(station):
    away, back = station.new_form(), station.new_form()
    for _ in range(2):
        await station.attendance.left(away)
    for _ in range(2):
        await station.attendance.returned(back)
    await station.restart()
    await station.attendance.left(away)
    assert station.attendance.unattended_s() is None
    await station.leave()
    await station.attendance.returned(back)
    assert station.attendance.unattended_s() == 0
    assert station.types() == ["desk.unattended", "desk.attended", "desk.unattended"]


async def test_a_desk_left_is_left_after_a_restart_and_a_loss_of_power(station):
    await station.leave()
    station.clock.advance(60)
    await station.restart()
    assert station.attendance.unattended_s() == 60
    station.clock.wall += 60_000
    await station.restart(OTHER_BOOT)
    assert station.attendance.unattended_s() == 120


async def test_work_at_the_desk_shows_that_somebody_is_back_and_else_says_nothing(station):
    await station.attendance.somebody_works()
    await station.leave()
    await station.attendance.somebody_works()
    await station.attendance.somebody_works()
    assert station.told() == [("desk.unattended", "{}"), ("desk.attended", '{"by":"work"}')]


async def test_a_wrong_form_is_refused_and_everybody_is_where_they_were(station):
    with pytest.raises(WrongForm):
        await station.attendance.left(station.new_form(), staff="王")
    assert station.attendance.unattended_s() is None


async def test_what_the_disk_refuses_counts_and_is_recorded_with_its_age_once_it_can_be(station):
    with failing_disk():
        with pytest.raises(JournalError):
            await station.leave()
        assert station.attendance.unattended_s() == 0
        station.clock.advance(20)
        await station.attendance.somebody_works()
        assert station.attendance.unattended_s() is None
    station.clock.advance(10)
    await station.leave()
    told = station.told()
    assert [what for what, _ in told] == ["desk.unattended", "desk.attended", "desk.unattended"]
    assert told[0][1] == '{"age_ms":30000}'
    await station.restart()
    assert station.attendance.first_at(0) == 100_000_000_000


async def test_a_press_at_a_desk_that_was_left_rings_at_headquarters_at_once_and_is_breached_sooner(station):
    await station.leave()
    await station.desk.press(press(1))
    station.after(0)
    await station.journaled("desk.unattended", "help.raised", "help.escalated")
    assert station.desk.alarm.tone == 2
    station.after(29)
    assert not station.desk.views(0)[0].breached
    station.after(1)
    assert station.desk.views(0)[0].breached


async def test_a_call_climbs_from_when_everybody_left_and_coming_back_makes_it_no_later(station):
    await station.desk.press(press(1))
    station.after(10)
    assert station.desk.alarm.tone == 1
    await station.leave()
    station.after(0)
    await station.journaled("help.raised", "desk.unattended", "help.escalated")
    await station.come_back()
    station.after(29)
    await station.leave()
    assert not station.desk.views(0)[0].breached
    station.after(1)
    assert station.desk.views(0)[0].breached
    await until(lambda: "help.breached" in station.types())
    await station.restart()
    station.after(100)
    await station.leave()
    assert [station.types().count(what) for what in ("help.escalated", "help.breached")] == [1, 1]


async def test_a_call_that_is_taken_is_no_longer_anything_to_the_ladder(station):
    await station.desk.press(press(1))
    call = station.desk.views(0)[0].id
    assert await station.desk.acknowledge(call, station.new_form())
    await station.leave()
    station.after(1000)
    assert station.desk.alarm.tone == 0
    assert "help.escalated" not in station.types()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["leave", "come_back", "restart", "reboot", "wait"]), max_size=12))
async def test_after_any_restart_it_stands_as_before(steps, tmp_path_factory):
    station = await Station(tmp_path_factory.mktemp("desk")).start()
    try:
        away, boots = False, 0
        for step in steps:
            if step == "wait":
                station.clock.advance(7)
            elif step == "restart":
                await station.restart()
            elif step == "reboot":
                boots += 1
                await station.restart(f"6a1d0d0e-6f6c-4a8e-9a58-{boots:012}")
            else:
                await getattr(station, step)()
                away = step == "leave"
            assert (station.attendance.unattended_s() is not None) == away
            later = station.clock.mono_ns() + 1  # a press in the moment of coming back is one with nobody there
            assert (station.attendance.first_at(later) is not None) == away
    finally:
        await station.journal.stop()
