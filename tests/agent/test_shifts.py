"""Shifts: who is on duty by the rota, and a shift key that never outlives its shift, whatever the clocks do."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_rig import open_journal
from record_rig import SHANGHAI, MovingClock, Station
from station_rig import until

from agent import orders, rota_row
from agent.database import JournalError
from agent.pen import Pen
from agent.shifts import Key, Shifts, in_steps_s, is_due
from common import rota_file
from common.events.desk import RotaSet
from common.identifiers import uuid7
from common.rota import turn_at

ROTA = rota_file.load(Path(__file__).parents[2] / "config" / "rota.toml")
HOUR_MS = 3_600_000


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp() * 1000)


class Desk:
    """Shifts on a real journal, with clocks that move when a test says so."""

    def __init__(self, journal, clock) -> None:
        self.journal, self.clock = journal, clock
        self.keys = 0
        self.changes = 0
        self.disk_fails = False
        self.shifts = Shifts(journal, clock, zone=SHANGHAI, new_key=self._new_key)
        self.shifts.changed = self._changed
        self.shifts.orders_applied()

    async def _new_key(self) -> None:
        self.keys += 1
        if self.disk_fails:
            raise JournalError("write", Path("x"), "full", "free it")

    def _changed(self) -> None:
        self.changes += 1

    async def give(self, rota=ROTA) -> None:
        def work(pen: Pen) -> None:
            rota_row.set_rota(pen, uuid7(wall_ms=self.clock.wall_ms()), RotaSet(rota=rota))

        await self.journal.run(work)
        self.shifts.orders_applied()

    async def to(self, text: str) -> None:
        """Let time pass until a local moment, and let the shifts look."""
        self.clock.advance((moment(text) - self.clock.wall) / 1000)
        await self.shifts.look()

    def begun(self) -> list[tuple]:
        def look(connection):
            rows = connection.execute("SELECT line FROM events ORDER BY number").fetchall()
            return [json.loads(line) for (line,) in rows]

        return [
            (event["data"]["by"], event["data"].get("team"), event["data"].get("shift"))
            for event in self.journal.query(look)
            if event["type"] == "shift.begun"
        ]


@pytest.fixture
async def desk(tmp_path):
    journal = await open_journal(tmp_path, schema=(orders.SCHEMA, rota_row.SCHEMA))
    clock = MovingClock()
    clock.wall = moment("2026-01-01T09:00")
    yield Desk(journal, clock)
    await journal.stop()


async def test_without_a_rota_nothing_is_known_and_shifts_are_begun_by_hand_alone(desk):
    await desk.to("2026-01-04T09:00")
    assert (desk.shifts.view(), desk.shifts.team(), desk.keys) == (None, None, 0)
    await desk.shifts.begin_by_hand()
    assert desk.begun() == [("hand", None, None)]


async def test_a_key_of_the_shift_on_duty_stays_and_changes_when_the_next_one_begins(desk):
    await desk.give()
    await desk.shifts.look()
    await desk.to("2026-01-01T15:59:59")
    assert desk.keys == 0
    for text in ("2026-01-01T16:00:00", "2026-01-01T23:59:00", "2026-01-02T00:00:00", "2026-01-02T08:00:00"):
        await desk.to(text)
    assert desk.begun() == [("rota", "乙", "中"), ("rota", "丙", "夜"), ("rota", "甲", "早")]
    assert desk.keys == 3


async def test_what_is_shown_says_team_shift_end_and_how_long_still_and_only_now_and_then_another_thing(desk):
    await desk.give()
    await desk.shifts.look()
    view = desk.shifts.view()
    assert (view.known, view.team, view.name_zh, view.name_en, view.until) == (
        True,
        "甲",
        "早班",
        "early shift",
        "16:00",
    )
    assert view.left_s == 7 * 3600
    before = desk.changes
    for minute in range(1, 30):
        await desk.to(f"2026-01-01T09:{minute:02}")
    assert desk.changes == before
    await desk.to("2026-01-01T09:30")
    assert (desk.changes, desk.shifts.view().left_s) == (before + 1, 6 * 3600 + 1800)


async def test_the_teams_that_hand_over_are_those_of_the_nearer_start(desk):
    assert desk.shifts.handing_over() is None
    await desk.give()
    expected = {"2026-01-01T08:01": ("丁", "甲"), "2026-01-01T11:59": ("丁", "甲"), "2026-01-01T12:01": ("甲", "乙")}
    for text, teams in (expected | {"2026-01-01T15:59": ("甲", "乙"), "2026-01-01T16:01": ("甲", "乙")}).items():
        desk.clock.wall = moment(text)
        assert desk.shifts.handing_over() == teams, text
    desk.clock.synchronised = False
    assert desk.shifts.handing_over() is None


async def test_while_the_clock_is_unsure_nothing_changes_by_itself_and_what_was_missed_comes_at_once(desk):
    await desk.give()
    await desk.shifts.look()
    desk.clock.synchronised = False
    await desk.to("2026-01-01T17:00")
    assert (desk.keys, desk.shifts.team(), desk.shifts.view().known) == (0, None, False)
    await desk.shifts.begin_by_hand()
    assert desk.begun() == [("hand", None, None)]
    await desk.to("2026-01-02T01:00")
    desk.clock.synchronised = True
    await desk.shifts.look()
    assert desk.begun()[1:] == [("rota", "丙", "夜")]


async def test_a_process_that_began_in_1970_within_this_shift_keeps_its_key_once_it_knows_the_time(tmp_path):
    journal = await open_journal(tmp_path, schema=(orders.SCHEMA, rota_row.SCHEMA))
    clock = MovingClock()
    clock.wall, clock.synchronised = 0, False
    desk = Desk(journal, clock)
    await desk.give()
    clock.advance(3600)
    clock.wall, clock.synchronised = moment("2026-01-01T10:00"), True
    await desk.shifts.look()
    assert desk.keys == 0
    clock.wall = moment("2026-01-01T16:30")  # it was stepped: half an hour of this shift, half of the one before
    await desk.shifts.look()
    assert desk.keys == 1
    await journal.stop()


async def test_a_shift_begun_by_hand_shortly_before_its_start_is_not_begun_again(desk):
    await desk.give()
    await desk.to("2026-01-01T15:45")
    await desk.shifts.begin_by_hand()
    await desk.to("2026-01-01T16:00")
    assert desk.keys == 1
    await desk.to("2026-01-01T23:00")
    await desk.shifts.begin_by_hand()
    await desk.to("2026-01-02T00:00")
    assert desk.keys == 3, "an hour before is not the next shift's beginning"


async def test_a_clock_slewed_back_over_the_start_does_not_begin_it_again_and_one_set_back_by_an_hour_does(desk):
    await desk.give()
    await desk.to("2026-01-01T16:00:00")
    desk.clock.wall -= 5_000
    await desk.shifts.look()
    await desk.to("2026-01-01T16:00:01")
    assert desk.keys == 1
    desk.clock.wall -= HOUR_MS
    await desk.shifts.look()
    assert (desk.keys, desk.shifts.team()) == (1, "甲")
    await desk.to("2026-01-01T16:00:00")
    assert desk.keys == 2


async def test_the_old_key_is_forgotten_though_the_disk_fails(desk):
    await desk.give()
    desk.disk_fails = True
    await desk.to("2026-01-01T16:00")
    assert desk.keys == 1
    with pytest.raises(JournalError):
        await desk.shifts.begin_by_hand()
    await desk.to("2026-01-01T16:05")
    assert desk.keys == 2


async def test_it_runs_by_itself_and_wakes_for_a_rota_that_has_just_come(desk):
    running = asyncio.create_task(desk.shifts.run())
    await desk.give()
    await until(lambda: desk.shifts.team() == "甲" and desk.changes)
    desk.clock.advance(8 * 3600)
    await desk.give()
    await until(desk.begun)
    running.cancel()
    assert desk.begun() == [("rota", "乙", "中")]


async def test_a_record_says_which_team_was_on_duty_and_one_without_a_rota_says_none(tmp_path):
    station = await Station(tmp_path).start()
    assert (await station.open()).team is None
    station.records.team = lambda: "丙"
    assert (await station.open()).team == "丙"
    assert station.events()[-1]["data"]["team"] == "丙"
    await station.journal.stop()


STEPS = st.tuples(st.integers(0, 20 * 60), st.one_of(st.just(0), st.integers(-90 * 60, 90 * 60)), st.booleans())


@given(steps=st.lists(STEPS, min_size=1, max_size=120))
def test_no_key_outlives_its_shift_whatever_the_clock_does(steps):
    """Minutes pass, the clock is set by minutes, trusted or not; whoever looks then makes a key when one is due."""
    wall = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    mono, key, made_wall = 10**12, Key(10**12, "start"), wall
    for minutes, step, trusted in steps:
        wall, mono = wall + minutes * 60_000, mono + minutes * 60_000_000_000
        wall, made_wall = wall + step * 60_000, made_wall + step * 60_000
        if not trusted:
            continue
        turn = turn_at(ROTA, wall, SHANGHAI)
        if is_due(turn, key, now_ms=wall, now_ns=mono):
            key, made_wall = Key(mono, "rota"), wall
        assert made_wall >= turn.begins_ms - 60_000
        assert not is_due(turn, key, now_ms=wall, now_ns=mono)


@given(left=st.integers(0, 100_000))
def test_what_is_left_is_told_in_steps_and_never_too_little(left):
    told = in_steps_s(left)
    assert 0 <= told - left < 1800
    assert told % 300 == 0
