"""The visit log of patrols, on a real journal."""

import asyncio
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_rig import StillClock, all_events, open_journal

from agent import patrols
from agent.patrols import KEPT, Patrols, Typed
from agent.record_form import WrongForm
from agent.whereabouts import Spot
from common.identifiers import uuid7

ZONE = ZoneInfo("Asia/Shanghai")
GRID, PLACE = Spot("grid", "G-07", "七号网格", "Grid seven"), Spot("place", "便民药店", "便民药店", "Pharmacy")
ROUND = Typed(where="G-07", purpose="round")
MINUTE = 60


class Station:
    def __init__(self, folder):
        self.folder, self.clock, self.forms, self.moves = folder, StillClock(), 0, 0

    async def start(self):
        options = {"schema": (patrols.SCHEMA,), "projectors": patrols.projectors(), "clock": self.clock}
        self.journal = await open_journal(self.folder, **options)
        self.patrols = Patrols(self.journal, self.clock, zone=ZONE, changed=self.moved)
        self.patrols.spots = lambda: (GRID, PLACE)
        return self

    def moved(self):
        self.moves += 1

    def new_form(self):
        self.forms += 1
        return uuid7(wall_ms=self.forms)

    async def goes(self, typed=ROUND, **options):
        event = self.new_form()
        await self.patrols.begin(event, typed, **options)
        return event

    async def ends(self, patrol, step="return"):
        return await self.patrols.end(patrol, step, self.new_form())

    async def told(self):
        return [(event["type"], event["data"]) for event in await all_events(self.journal)]

    def advance(self, seconds):
        self.clock.mono += seconds * 10**9
        self.clock.wall += seconds * 10**3

    def shown(self):
        return [(one.spot, one.state, one.age_s) for one in (*self.patrols.out(), *self.patrols.over())]


@pytest.fixture
async def station(tmp_path):
    station = await Station(tmp_path).start()
    yield station
    await station.journal.stop()


async def mistakes(station, **fields):
    with pytest.raises(WrongForm) as caught:
        await station.goes(Typed(**{"where": "G-07", "purpose": "round"} | fields))
    return {(mistake.field, mistake.problem) for mistake in caught.value.mistakes}


async def test_somebody_goes_and_comes_back_each_with_its_time(station):
    patrol = await station.goes(staff="012345")
    station.advance(20 * MINUTE)
    assert station.shown() == [("G-07", "out", 1200)]
    assert await station.ends(patrol)
    (one,) = station.patrols.over()
    assert (one.kind, one.purpose, one.state) == ("grid", "round", "back")
    assert one.back_at > one.out_at
    assert await station.told() == [
        (
            "patrol.begun",
            {"patrol": patrol, "kind": "grid", "where": "G-07", "purpose": "round", "staff": "012345"},
        ),
        ("patrol.ended", {"patrol": patrol, "step": "return"}),
    ]
    assert station.moves == 2


async def test_two_desks_end_it_once_and_what_is_over_ends_no_more(station):
    patrol = await station.goes()
    done = await asyncio.gather(*(station.ends(patrol) for _ in range(8)))
    assert sorted(done) == [False] * 7 + [True]
    assert not await station.ends(patrol, "cancel")
    assert not await station.ends(station.new_form())


async def test_the_same_form_again_changes_nothing(station):
    event = station.new_form()
    for _ in range(3):
        await station.patrols.begin(event, ROUND)
    assert len(await station.told()) == 1


async def test_what_was_keyed_in_by_mistake_is_neither_out_nor_among_those_that_were(station):
    assert await station.ends(await station.goes(), "cancel")
    assert station.shown() == []


@pytest.mark.parametrize(
    ("typed", "kind", "where"),
    [
        ("g-07", "grid", "G-07"),
        ("七号网格", "grid", "G-07"),
        (" 便民药店 ", "place", "便民药店"),
        ("pharmacy", "place", "便民药店"),
        ("X/3", "code", "X/3"),
    ],
)
async def test_where_is_a_grid_or_a_place_of_the_citys_or_else_a_code(station, typed, kind, where):
    await station.goes(Typed(where=typed, purpose="visit"))
    ((_, data),) = await station.told()
    assert (data["kind"], data["where"]) == (kind, where)


async def test_every_mistake_is_told_at_once_and_nothing_is_written(station):
    found = await mistakes(station, where="王家", purpose="x", out="25:00")
    assert found == {("where", "wrong"), ("purpose", "unknown"), ("out", "wrong")}
    assert await mistakes(station, where="13800138000") == {("where", "personal")}
    assert await mistakes(station, where=" ", purpose="") == {("where", "missing"), ("purpose", "missing")}
    assert await station.told() == []


async def test_one_that_is_over_is_keyed_in_afterwards_with_both_times(station):
    station.clock.wall = 1_795_000_000_000  # 2026-11-18 19:06:40 there
    await station.goes(Typed(where="G-07", purpose="school", out="16:30", back="17:15"))
    assert station.patrols.out() == ()
    (one,) = station.patrols.over()
    assert (one.out_at, one.back_at) == ("2026-11-18T08:30:00.000Z", "2026-11-18T09:15:00.000Z")
    await station.goes(Typed(where="G-07", purpose="round", out="23:50", back=""))
    assert station.patrols.over()[0].out_at == "2026-11-17T15:50:00.000Z"


async def test_what_is_over_began_before_it_ended_and_says_when(station):
    station.clock.wall = 1_795_000_000_000
    assert await mistakes(station, out="17:15", back="16:30") == {("back", "wrong")}
    assert await mistakes(station, back="16:30") == {("out", "missing"), ("back", "wrong")}


async def test_while_the_clock_is_unsure_no_time_is_taken_but_that_of_the_key(station):
    station.clock.synchronised = False
    assert await mistakes(station, out="16:30") == {("out", "not_taken")}
    await station.goes()
    assert station.shown() == [("G-07", "out", 0)]


async def test_after_a_restart_those_who_are_out_are_out_and_those_with_typed_times_too(station):
    station.clock.wall = 1_795_000_000_000
    await station.goes()
    await station.goes(Typed(where="X", purpose="round", out="19:00"))
    await station.journal.stop()
    station.clock.boot = "6a1d0d0e-6f6c-4a8e-9a58-2f6f3a3f0a02"
    station.clock.mono = 5
    station.clock.wall += 120_000
    await station.start()
    assert station.shown() == [("G-07", "out", 120), ("X", "out", 520)]


async def test_the_last_ones_are_kept_and_who_is_out_always(station):
    waiting = await station.goes()
    for _ in range(KEPT + 5):
        await station.ends(await station.goes())
    assert [one.id for one in station.patrols.out()] == [waiting]
    assert len(station.patrols.over(KEPT * 2)) == KEPT


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(taps=st.lists(st.tuples(st.sampled_from(["go", "return", "cancel"]), st.integers(0, 3)), max_size=12))
async def test_what_is_shown_is_what_the_journal_tells(taps, tmp_path_factory):
    station = await Station(tmp_path_factory.mktemp("desk")).start()
    try:
        gone = []
        for tap, which in taps:
            if tap == "go":
                gone.append(await station.goes())
            elif gone:
                await station.ends(gone[which % len(gone)], tap)
        states = {}
        for kind, data in await station.told():
            if kind == "patrol.begun":
                states[data["patrol"]] = "out"
            else:
                assert states[data["patrol"]] == "out"
                states[data["patrol"]] = data["step"]
        assert [one.id for one in station.patrols.out()] == [one for one in gone if states[one] == "out"]
        over = [one for one in reversed(gone) if states[one] == "return"]
        assert [one.id for one in station.patrols.over()] == over
    finally:
        await station.journal.stop()
