"""Alarms of equipment: what stands, the shelf's table alone, and the shelf on a real journal."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_rig import StillClock, all_events, open_journal

from agent import alarm_shelf, calls, dispatches, found, handover_rows, loans, notices, patrols, record_rows
from agent.alarm_shelf import AlarmShelf
from agent.equipment_alarms import AWAY_S, SELF_TEST_OLD_S, SHELF_S, Now, Shelved, standing, why_back
from agent.handover import NotTakenError
from agent.handovers import Handovers
from agent.supply import HOLDS_S, Supply
from agent.view import CallView, DeviceView, DiskView, SelfTestView, StationView
from common.events.desk import ShiftBegun
from common.identifiers import uuid7

NS, HOUR_MS = 10**9, 3_600_000
WELL = StationView(
    version=1,
    station="jt-001",
    name_zh="中山路警务站",
    name_en="Zhongshan Road",
    calls=(),
    recently_closed=None,
    devices=(DeviceView(name="desk", kind="panel", state="ready", reason=""),),
    link="up",
    hq_online=True,
    waiting=0,
    oldest_waiting_s=None,
    journal_ok=True,
    clock_trusted=True,
)
DOWN = replace(WELL, devices=(DeviceView(name="reader", kind="card_reader", state="absent", reason="unplugged"),))
READER = ("device_down", "reader")
ROOMS = (alarm_shelf, calls, dispatches, notices, patrols, loans, found, record_rows, handover_rows)
"""Whose tables a sheet is drafted from."""


# -- what stands -------------------------------------------------------------------------------------------------------


def kinds(view):
    return [alarm.key for alarm in standing(view)]


def panel(state, passed_s, reason=""):
    test = SelfTestView(state=state, reason=reason, passed_s=passed_s)
    return (DeviceView(name="desk", kind="panel", state="ready", reason="", self_test=test),)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"devices": DOWN.devices}, [READER]),
        ({"devices": panel("failed", 60, "no_press")}, [("self_test_failed", "desk")]),
        ({"devices": panel("passed", SELF_TEST_OLD_S + 1)}, [("self_test_old", "desk")]),
        ({"devices": panel("passed", SELF_TEST_OLD_S)}, []),
        ({"devices": panel("running", SELF_TEST_OLD_S + 1)}, []),
        ({"devices": panel("never", None)}, []),
        ({"journal_ok": False, "journal_full": True}, [("disk", ""), ("journal_full", "")]),
        ({"disk": DiskView(state="silent", free_bytes=None, free_inodes=None)}, [("disk", "")]),
        ({"disk": DiskView(state="low", free_bytes=9, free_inodes=9)}, [("disk_low", "")]),
        ({"disk": DiskView(state="well", free_bytes=9, free_inodes=9)}, []),
        ({"clock_trusted": False, "hq_online": False}, [("clock", ""), ("headquarters", "")]),
        (
            {"link": "down", "hq_online": False, "waits_for": ("certificate", "broker")},
            [("headquarters", ""), ("certificate", "")],
        ),
    ],
)
def test_what_is_wrong_with_the_equipment_is_listed_each_once(changes, expected):
    assert kinds(replace(WELL, **changes)) == expected


def test_a_call_for_help_is_never_among_them():
    call = CallView(
        id="c",
        state="raised",
        origin="panel",
        age_s=900,
        presses=9,
        recorded=False,
        at_hq=False,
        hq_answered=False,
        escalated=True,
        breached=True,
    )
    assert kinds(replace(WELL, calls=(call, call))) == []


# -- the shelf's table -------------------------------------------------------------------------------------------------

INSTANTS = st.integers(0, 4 * 24 * HOUR_MS)


@given(
    since_ms=INSTANTS,
    now_ms=INSTANTS,
    turn_ms=st.none() | INSTANTS,
    sure=st.booleans(),
    trusted=st.booleans(),
    same_boot=st.booleans(),
    shift_begun=st.booleans(),
)
def test_no_alarm_outlasts_its_shift_on_the_shelf_and_without_a_rota_none_outlasts_eight_hours(
    *, since_ms, now_ms, turn_ms, sure, trusted, same_boot, shift_begun
):
    if turn_ms is not None and (not trusted or turn_ms > now_ms):
        turn_ms = None  # no turn is known without a clock, and the one on duty has begun
    shelved = Shelved(
        id="x",
        kind="clock",
        device="",
        reason="r",
        staff=None,
        boot="one",
        since_ns=since_ms * 1_000_000,
        since_ms=since_ms if sure else None,
        shift_begun=shift_begun,
    )
    now = Now(
        boot="one" if same_boot else "two",
        mono_ns=now_ms * 1_000_000,
        wall_ms=now_ms,
        trusted=trusted,
        turn_ms=turn_ms,
    )
    because = why_back(shelved, now)
    known = same_boot or (sure and trusted)
    if shift_begun:
        assert because == "shift"
    elif not known or now_ms < since_ms:
        assert because == "limit"
    elif turn_ms is not None:
        assert because == ("shift" if since_ms < turn_ms else None)
    else:
        assert because == ("limit" if now_ms - since_ms >= SHELF_S * 1000 else None)


# -- on a journal ------------------------------------------------------------------------------------------------------


class Desk:
    """A shelf over as many processes as the test starts; `view` is how the station stands, `turn` since when."""

    def __init__(self, folder):
        self.folder, self.clock = folder, StillClock()
        self.view, self.turn, self.moves, self.forms = WELL, None, 0, 0

    async def start(self):
        self.journal = await open_journal(
            self.folder,
            clock=self.clock,
            schema=tuple(room.SCHEMA for room in ROOMS),
            projectors=alarm_shelf.projectors() | handover_rows.projectors(),
        )
        self.shelf = AlarmShelf(self.journal, self.clock, turn=self.on_duty, changed=self.moved)
        self.shelf.supply = Supply(self.folder / "hwmon")
        self.shelf.facts = lambda: self.view
        await self.shelf.look()
        return self

    def on_duty(self):
        if self.turn is None or not self.clock.synchronised:
            return None
        return SimpleNamespace(begins_ms=self.turn)

    def moved(self):
        self.moves += 1

    def form(self):
        self.forms += 1
        return uuid7(wall_ms=self.forms)

    async def restart(self, boot=None):
        await self.journal.stop()
        if boot is not None:
            self.clock.boot = boot
        return await self.start()

    def advance(self, seconds):
        self.clock.mono += int(seconds * NS)
        self.clock.wall += int(seconds * 1000)

    def shown(self):
        listed = self.shelf.listed()
        return [one.alarm.key for one in listed.standing], [one.shelved.key for one in listed.shelved]

    async def told(self):
        return [
            (event["type"], event["data"]) for event in await all_events(self.journal) if event["type"][:6] == "alarm."
        ]


@pytest.fixture
async def desk(tmp_path):
    desk = await Desk(tmp_path).start()
    yield desk
    await desk.journal.stop()


async def test_shelved_with_a_reason_it_is_out_of_the_way_over_a_restart_and_back_at_the_shift_s_end(desk):
    desk.turn = desk.clock.wall - HOUR_MS
    desk.view = DOWN
    assert desk.shown() == ([READER], [])
    assert await desk.shelf.shelve(desk.form(), READER, " 已报修 ", staff="012345") == "done"
    for _ in range(2):
        assert desk.shown() == ([], [READER])
        await desk.restart()
    desk.advance(6 * 3600)
    await desk.shelf.look()
    assert desk.shown() == ([], [READER])
    desk.turn = desk.clock.wall
    assert desk.shown() == ([READER], [])  # before anything is written
    await desk.shelf.look()
    shelved, returned = await desk.told()
    shelf = shelved[1]["shelf"]
    assert shelved[1] == {
        "shelf": shelf,
        "kind": "device_down",
        "device": "reader",
        "reason": "已报修",
        "staff": "012345",
    }
    assert returned == ("alarm.returned", {"shelf": shelf, "because": "shift"})


async def test_a_shift_that_an_officer_begins_brings_everything_back_in_the_same_transaction(desk):
    desk.view = replace(DOWN, clock_trusted=False)
    for key in (READER, ("clock", "")):
        assert await desk.shelf.shelve(desk.form(), key, "等人来修") == "done"
    assert desk.shown() == ([], [READER, ("clock", "")])
    await desk.journal.append(ShiftBegun(by="hand"))
    assert desk.shown() == ([READER, ("clock", "")], [])
    await desk.shelf.look()
    assert [data.get("because") for _, data in await desk.told()] == [None, None, "shift", "shift"]


async def test_without_a_rota_it_is_back_after_eight_hours_and_at_once_where_nobody_can_tell_how_long_it_was(desk):
    desk.view = DOWN
    await desk.shelf.shelve(desk.form(), READER, "等人来修")
    desk.advance(SHELF_S - 1)
    assert desk.shown() == ([], [READER])
    desk.advance(1)
    assert desk.shown() == ([READER], [])
    # Nobody had looked: shelved again, both ends of the first one are in the journal.
    await desk.shelf.shelve(desk.form(), READER, "还没修好")
    assert [data.get("because") for _, data in await desk.told()] == [None, "limit", None]
    desk.clock.synchronised = False
    await desk.restart(boot="another boot")
    assert desk.shown() == ([READER], [])
    assert [data.get("because") for _, data in await desk.told()] == [None, "limit", None, "limit"]


async def test_taken_back_it_stands_again_and_a_form_sent_twice_changes_nothing(desk):
    desk.view = DOWN
    form, back = desk.form(), desk.form()
    for _ in range(2):
        assert await desk.shelf.shelve(form, READER, "等人来修") == "done"
    assert await desk.shelf.shelve(desk.form(), READER, "等人来修") == "gone"
    assert await desk.shelf.take_back(back, form) == "done"
    assert await desk.shelf.take_back(back, form) == "gone"
    assert await desk.shelf.shelve(form, READER, "等人来修") == "done"  # an old form, sent again
    assert desk.shown() == ([READER], [])
    assert len(await desk.told()) == 2


async def test_only_what_stands_can_be_shelved_and_two_desks_at_once_shelve_it_once(desk):
    assert await desk.shelf.shelve(desk.form(), READER, "等人来修") == "gone"
    desk.view = DOWN
    said = await asyncio.gather(*(desk.shelf.shelve(desk.form(), READER, "等人来修") for _ in range(6)))
    assert sorted(said) == ["done"] + ["gone"] * 5


@pytest.mark.parametrize(
    ("reason", "problem"),
    [("", "missing"), ("  ", "missing"), ("x" * 121, "too_long"), ("打 139 1234 5678", "personal")],
)
async def test_a_reason_is_needed_and_nobody_s_number_is_written_down(desk, reason, problem):
    desk.view = DOWN
    with pytest.raises(NotTakenError) as refused:
        await desk.shelf.shelve(desk.form(), READER, reason)
    assert (refused.value.field, refused.value.problem) == ("reason", problem)
    assert await desk.told() == []


async def test_headquarters_is_away_only_after_a_while_and_what_chatters_stays_shelved(desk):
    desk.view = replace(WELL, hq_online=False)
    assert desk.shown() == ([], [])
    desk.advance(AWAY_S)
    assert desk.shown() == ([("headquarters", "")], [])
    await desk.shelf.shelve(desk.form(), ("headquarters", ""), "线路检修")
    desk.view = WELL
    assert [one.stands for one in desk.shelf.listed().shelved] == [False]
    desk.view = replace(WELL, hq_online=False)
    desk.advance(AWAY_S)
    assert desk.shown() == ([], [("headquarters", "")])


async def test_the_sheet_of_a_handover_has_what_is_shelved(desk):
    handovers = Handovers(desk.journal, teams=lambda: None, devices=lambda: (), alarms=desk.shelf.items)
    desk.view = DOWN
    assert handovers.sheet().items == ()
    form = desk.form()
    await desk.shelf.shelve(form, READER, "等人来修")
    [item] = handovers.sheet().items
    assert (item.key, item.label, item.state) == (("alarm", form), "device_down reader", "等人来修")
    desk.advance(SHELF_S)
    assert handovers.sheet().items == ()


async def test_a_disk_that_cannot_be_read_shows_everything_and_shelves_nothing(desk):
    desk.view = replace(DOWN, journal_ok=False)
    await desk.shelf.shelve(desk.form(), READER, "等人来修")
    await desk.journal.stop()
    (desk.folder / "station.db").rename(desk.folder / "gone.db")
    assert desk.shown() == ([READER, ("disk", "")], [])
    (desk.folder / "gone.db").rename(desk.folder / "station.db")
    await desk.start()


def test_a_board_that_says_its_voltage_is_low_is_believed_for_a_minute(tmp_path):
    supply, board = Supply(tmp_path), tmp_path / "hwmon1"
    supply.look(0)
    assert not supply.is_low(0)
    board.mkdir()
    (board / "name").write_text("rpi_volt\n")
    supply.look(0)
    assert not supply.is_low(0)
    (board / "in0_lcrit_alarm").write_text("1\n")
    supply.look(5 * NS)
    (board / "in0_lcrit_alarm").write_text("0\n")
    supply.look(10 * NS)
    assert supply.is_low((5 + HOLDS_S) * NS - 1)
    assert not supply.is_low((5 + HOLDS_S) * NS)


STEPS = st.one_of(
    st.tuples(st.just("shelve"), st.sampled_from(["reader", "desk"])),
    st.tuples(st.just("down"), st.sets(st.sampled_from(["reader", "desk"]))),
    st.tuples(st.just("advance"), st.sampled_from([60, 3600, 5 * 3600])),
    st.tuples(st.just("turn"), st.booleans()),
    st.tuples(st.just("trust"), st.booleans()),
    st.tuples(st.just("hand"), st.none()),
    st.tuples(st.just("look"), st.none()),
    st.tuples(st.just("start"), st.sampled_from([None, "two", "three"])),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, max_size=30))
def test_whatever_happens_every_alarm_that_stands_is_on_one_list_and_what_is_shelved_has_one_end(
    tmp_path_factory, steps
):
    async def scenario():
        desk = await Desk(tmp_path_factory.mktemp("desk")).start()
        for what, value in steps:
            match what:
                case "shelve":
                    await desk.shelf.shelve(desk.form(), ("device_down", value), "等人来修")
                case "down":
                    gone = [DeviceView(name=name, kind="panel", state="absent", reason="") for name in sorted(value)]
                    desk.view = replace(WELL, devices=tuple(gone))
                case "advance":
                    desk.advance(value)
                case "turn":
                    desk.turn = desk.clock.wall if value else None
                case "trust":
                    desk.clock.synchronised = value
                case "hand":
                    await desk.journal.append(ShiftBegun(by="hand"))
                case "look":
                    await desk.shelf.look()
                case "start":
                    await desk.restart(value)
            stands, shelved = desk.shown()
            down = {("device_down", device.name) for device in desk.view.devices if device.state == "absent"}
            assert down <= {*stands, *shelved}
            assert not set(stands) & set(shelved)
            assert len(set(shelved)) == len(shelved)
        desk.turn = None
        desk.clock.synchronised = True
        desk.advance(SHELF_S)
        await desk.shelf.look()
        assert desk.shown()[1] == []
        told = await desk.told()
        begun = [data["shelf"] for event, data in told if event == "alarm.shelved"]
        ended = [data["shelf"] for event, data in told if event == "alarm.returned"]
        assert sorted(begun) == sorted(ended)
        await desk.journal.stop()

    asyncio.run(scenario())
