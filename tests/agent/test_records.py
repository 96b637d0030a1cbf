import asyncio
import sqlite3
import uuid
from datetime import UTC, datetime
from functools import partial

import pytest
from record_rig import OTHER_BOOT, PLANTED, Station

from agent import record_rows
from agent.record_form import Filled, Header, Mistake, WrongForm
from common import workflow
from common.events.records import RecordOpened


@pytest.fixture
async def station(tmp_path):
    station = await Station(tmp_path).start()
    yield station
    await station.journal.stop()


def at(day: int, hour: int, minute: int = 0) -> int:
    """Return an instant of November 2026, UTC, in milliseconds."""
    return int(datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp() * 1000)


async def lead(station, record, *steps):
    for name, filled in steps:
        assert await station.records.step(record.id, name, station.new_id(), filled)


TO_HANDLING = (("register", Filled()), ("accept", Filled()), ("handle", Filled()))


async def test_a_record_goes_from_draft_to_done(station):
    record = await station.open("ZX-01", header={"staff": "012345", "team": "甲", "grid": "G-17"})
    await lead(station, record, *TO_HANDLING, ("finish", Filled(result="advised", staff="012346")))
    done = station.records.get(record.id)
    assert (done.state, done.outcome, done.result, done.change) == ("closed", "done", "advised", 5)
    assert (done.team, done.grid, done.staff, done.channel) == ("甲", "G-17", "012346", "window")
    assert station.types() == ["record.opened"] + ["record.stepped"] * 4


async def test_a_step_the_table_does_not_have_changes_nothing(station):
    record = await station.open()
    assert not await station.records.step(record.id, "handle", station.new_id())
    assert not await station.records.step(station.new_id(), "register", station.new_id())
    assert station.types() == ["record.opened"]


# -- forms ----------------------------------------------------------------------------------------------------------


async def test_a_form_submitted_again_changes_nothing(station):
    form, step, amendment = station.new_id(), station.new_id(), station.new_id()
    first = await station.open(event_id=form, typed={"name": PLANTED["name"]})
    again = await station.open("ZX-01", event_id=form)
    assert first == again
    for _ in range(3):
        assert await station.records.amend(form, amendment, header=Header(grid="G-1"))
        assert await station.records.step(form, "register", step)
    assert station.types() == ["record.opened", "record.amended", "record.stepped"]


async def test_a_form_submitted_many_times_at_once_is_one_record(station):
    form = station.new_id()
    records = await asyncio.gather(*(station.open(event_id=form, typed=PLANTED) for _ in range(8)))
    assert len({record.number for record in records}) == 1
    assert station.types() == ["record.opened"]


async def test_a_form_submitted_again_after_a_restart_changes_nothing(station):
    form, step = station.new_id(), station.new_id()
    record = await station.open(event_id=form)
    await station.records.step(form, "register", step)
    await station.restart()
    assert (await station.open(event_id=form)).number == record.number
    assert await station.records.step(form, "register", step)
    assert len(station.events()) == 2


async def test_a_form_without_a_sound_id_is_refused(station):
    for form in ("", "1", "../../etc/passwd", station.new_id().upper()):
        with pytest.raises(WrongForm):
            await station.open(event_id=form)
    record = await station.open()
    with pytest.raises(WrongForm):
        await station.records.step(record.id, "register", "")
    with pytest.raises(WrongForm):
        await station.records.amend(record.id, "", header=Header(grid="G-1"))


async def test_the_id_of_a_step_opens_no_record(station):
    record, step = await station.open(), station.new_id()
    await station.records.step(record.id, "register", step)
    with pytest.raises(WrongForm):
        await station.open(event_id=step)


# -- numbers --------------------------------------------------------------------------------------------------------


async def test_numbers_count_within_the_citys_day(station):
    station.clock.wall = at(22, 15, 59)  # a minute before midnight in Shanghai
    assert [(await station.open()).number for _ in range(2)] == ["JW012-20261122-0001", "JW012-20261122-0002"]
    station.clock.wall = at(22, 16, 0)
    assert (await station.open()).number == "JW012-20261123-0001"


async def test_a_clock_set_back_reuses_no_number(station):
    await station.open()
    station.clock.wall = at(23, 4)
    assert (await station.open()).number == "JW012-20261123-0001"
    station.clock.wall = at(22, 4)
    assert (await station.open()).number == "JW012-20261122-0002"


async def test_an_unsure_clock_gives_a_number_too_and_the_record_says_so(station):
    station.clock.synchronised = False
    station.clock.wall = 0
    record = await station.open()
    assert (record.number, record.clock_unsure) == ("JW012-19700101-0001", True)
    station.clock.synchronised, station.clock.wall = True, at(22, 4)
    record = await station.open()
    assert (record.number, record.clock_unsure) == ("JW012-20261122-0001", False)


async def test_numbers_given_at_once_have_no_gap(station):
    records = await asyncio.gather(*(station.open() for _ in range(40)))
    assert sorted(int(record.number[-4:]) for record in records) == list(range(1, 41))


async def test_a_form_refused_takes_no_number(station):
    await station.open()
    with pytest.raises(WrongForm):
        await station.open("XX-99")
    with pytest.raises(WrongForm):
        await station.open("HZ-01", state="registered")
    assert (await station.open()).number.endswith("-0002")


async def test_numbers_go_on_after_a_restart_and_past_9999(station):
    await station.open()
    await station.restart()
    assert (await station.open()).number.endswith("-0002")
    set_last = "UPDATE record_days SET last = 9999"
    await station.journal.run(lambda pen: pen.connection.execute(set_last))
    assert (await station.open()).number == "JW012-20261122-10000"
    assert (await station.open()).number == "JW012-20261122-10001"


def test_what_comes_late_out_of_a_damaged_file_sets_no_count_back():
    connection = sqlite3.connect(":memory:")
    connection.executescript(record_rows.SCHEMA)
    for last in (1, 5, 3):
        record = str(uuid.uuid4())
        number = f"JW012-20261122-{last:04d}"
        payload = RecordOpened(
            record=record, number=number, service="QZ-01", catalogue="1", channel="window", state="draft"
        )
        event = {"boot": OTHER_BOOT, "mono": "5", "time": "2026-11-22T04:00:00.000Z"}
        record_rows.projectors()["record.opened"](connection, last, record, payload, event)
    assert record_rows.last_of_day(connection, "20261122") == 5


async def test_a_record_is_found_by_its_number_however_it_is_typed(station):
    record = await station.open()
    assert station.records.by_number(" jw012-20261122-0001\n").record == record
    assert station.records.by_number("JW012-20261122-0002") is None


# -- what a form must say -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "step", "asks"),
    [
        (("register",), "reject", "missing"),
        (("register", "accept"), "suspend", "until"),
        (("register", "accept", "handle"), "finish", "result"),
        ((), "duplicate", "duplicate_of"),
    ],
)
async def test_a_step_without_what_it_asks_for_is_refused(station, way, step, asks):
    record = await station.open()
    await lead(station, record, *((name, Filled()) for name in way))
    with pytest.raises(WrongForm) as refused:
        await station.records.step(record.id, step, station.new_id())
    assert refused.value.mistakes == (Mistake(asks, "missing"),)
    assert asks in workflow.step_called(step).requires


async def test_every_mistake_of_a_form_is_told_at_once(station):
    with pytest.raises(WrongForm) as refused:
        await station.open(
            "HZ-01",
            state="registered",
            header={"staff": "王警官", "team": "甲" * 9, "grid": "", "reference": "a b", "priority": "high"},
            typed={"nation": "汉", "need": "想" * 201},
        )
    assert set(refused.value.mistakes) == {
        Mistake("staff", "wrong"),
        Mistake("team", "wrong"),
        Mistake("grid", "wrong"),
        Mistake("reference", "wrong"),
        Mistake("priority", "wrong"),
        Mistake("?", "not_taken"),
        Mistake("need", "too_long"),
        Mistake("number", "missing"),
    }


@pytest.mark.parametrize(
    ("step", "filled", "mistake"),
    [
        ("suspend", {"until": "2026-11-21"}, Mistake("until", "past")),
        ("suspend", {"until": "2026-02-30"}, Mistake("until", "wrong")),
        ("suspend", {"until": "20261130"}, Mistake("until", "wrong")),
        ("suspend", {"until": "2026-11-30", "result": "handled"}, Mistake("result", "wrong")),
        ("refer", {"target": "police-office", "due": "yesterday"}, Mistake("due", "wrong")),
        ("refer", {"target": "moon", "due": "2026-11-30"}, Mistake("target", "unknown")),
        ("refer", {"target": "traffic-office", "due": "2026-11-30"}, Mistake("target", "unknown")),
        ("refer", {"target": "assistance-township", "due": "2026-11-30"}, Mistake("consent", "missing")),
        ("finish", {"result": "well"}, Mistake("result", "unknown")),
        ("duplicate", {"duplicate_of": "JW012"}, Mistake("duplicate_of", "wrong")),
        ("duplicate", {"duplicate_of": "JW012-20261122-0001"}, Mistake("duplicate_of", "wrong")),
        ("withdraw", {"staff": "王"}, Mistake("staff", "wrong")),
    ],
)
async def test_what_is_filled_in_wrongly_is_told(station, step, filled, mistake):
    record = await station.open()
    await lead(station, record, *TO_HANDLING)
    with pytest.raises(WrongForm) as refused:
        await station.records.step(record.id, step, station.new_id(), Filled(**filled))
    assert refused.value.mistakes == (mistake,)
    assert station.state(record.id) == "handling"


async def test_a_service_that_needs_an_identity_registers_nobody_unknown(station):
    record = await station.open("HZ-01")
    with pytest.raises(WrongForm) as refused:
        await station.records.step(record.id, "register", station.new_id())
    assert refused.value.mistakes == (Mistake("number", "missing"),)
    await station.records.amend(record.id, station.new_id(), header=Header(), typed={"number": PLANTED["number"]})
    assert await station.records.step(record.id, "register", station.new_id())
    with pytest.raises(WrongForm):
        await station.records.amend(record.id, station.new_id(), header=Header(), typed={"number": ""})


async def test_a_report_to_the_police_keeps_its_reference_and_nothing_personal(station):
    with pytest.raises(WrongForm) as refused:
        await station.open("BJ-01", state="registered", typed={"name": PLANTED["name"]})
    assert set(refused.value.mistakes) == {Mistake("personal", "not_taken"), Mistake("reference", "missing")}
    assert (await station.open("BJ-01", state="registered", header={"reference": "110-20261122-88"})).reference
    helped = await station.open("QZ-01", typed={"name": PLANTED["name"]})
    with pytest.raises(WrongForm):
        await station.records.amend(helped.id, station.new_id(), header=Header(service="BJ-01"))


async def test_a_draft_may_lack_everything_but_its_service(station):
    assert (await station.open("HZ-01")).state == "draft"
    with pytest.raises(WrongForm) as refused:
        await station.records.open(station.new_id(), channel="window", header=Header())
    assert refused.value.mistakes == (Mistake("service", "missing"),)


# -- amending -------------------------------------------------------------------------------------------------------


async def test_an_amendment_changes_what_it_names_and_leaves_the_rest(station):
    record = await station.open("HZ-01", header={"grid": "G-1", "staff": "1"}, typed={"name": "张三", "phone": "1"})
    header = Header(service="HZ-02", priority="urgent")
    await station.records.amend(record.id, station.new_id(), header=header, typed={"number": "2", "phone": ""})
    now = station.records.get(record.id)
    assert (now.service, now.priority, now.grid, now.staff) == ("HZ-02", "urgent", "G-1", "1")
    assert now.on_file == ("name", "number")


async def test_a_closed_record_is_not_amended_until_it_is_opened_again(station):
    record = await station.open()
    await lead(station, record, ("withdraw", Filled()))
    assert not await station.records.amend(record.id, station.new_id(), header=Header(grid="G-1"))
    await lead(station, record, ("reopen", Filled(reason="citizen-returned")))
    assert await station.records.amend(record.id, station.new_id(), header=Header(grid="G-1"))
    reopened = station.records.get(record.id)
    assert (reopened.state, reopened.outcome, reopened.reason) == ("handling", None, "citizen-returned")


# -- lists ----------------------------------------------------------------------------------------------------------


async def test_open_records_are_listed_oldest_first_until_they_are_closed(station):
    first, second, third = [await station.open() for _ in range(3)]
    await lead(station, second, ("withdraw", Filled()))
    assert [kept.record.id for kept in station.records.open_ones()] == [first.id, third.id]
    await lead(station, second, ("reopen", Filled(reason="citizen-returned")))
    assert [kept.record.id for kept in station.records.open_ones()] == [first.id, second.id, third.id]


async def test_a_listed_record_tells_when_it_was_opened_in_which_boot(station):
    station.clock.boot = OTHER_BOOT
    await station.restart()
    await station.open()
    (kept,) = station.records.open_ones()
    assert (kept.boot, kept.opened_ns) == (OTHER_BOOT, station.clock.mono)


async def test_a_suspended_record_comes_back_on_its_day(station):
    record = await station.open()
    await lead(station, record, *TO_HANDLING, ("suspend", Filled(until="2026-11-24")))
    station.clock.wall = at(23, 15, 59)
    assert station.records.due_ones() == ()
    station.clock.wall = at(23, 16, 0)
    assert [kept.record.id for kept in station.records.due_ones()] == [record.id]
    await lead(station, record, ("resume", Filled()))
    assert station.records.due_ones() == ()


async def test_a_referral_comes_back_after_its_day_signed_or_not_and_keeps_its_target(station):
    referred, signed = await station.open(), await station.open()
    refer = ("refer", Filled(target="police-office", due="2026-11-24"))
    await lead(station, referred, *TO_HANDLING, refer)
    await lead(station, signed, *TO_HANDLING, refer, ("sign", Filled(reference="PCS-9")))
    station.clock.wall = at(24, 15, 59)
    assert station.records.due_ones() == ()
    station.clock.wall = at(24, 16, 0)
    assert [kept.record.id for kept in station.records.due_ones()] == [referred.id, signed.id]
    assert [kept.record.target for kept in station.records.due_ones()] == ["police-office"] * 2
    await lead(station, referred, ("take_back", Filled()))
    assert station.records.get(referred.id).target is None
    await lead(station, signed, ("finish", Filled(result="handed-over")))
    closed = station.records.get(signed.id)
    assert (closed.target, closed.due, closed.reference) == ("police-office", "2026-11-24", "PCS-9")
    assert station.records.due_ones() == ()


async def test_a_referral_that_needs_consent_keeps_it(station):
    record = await station.open("BF-01")
    filled = Filled(target="assistance-county", due="2026-12-24", consent=True)
    await lead(station, record, *TO_HANDLING, ("refer", filled), ("sign", Filled()))
    assert station.records.get(record.id).consent


async def test_nothing_comes_due_and_no_day_is_past_while_the_clock_is_unsure(station):
    record = await station.open()
    await lead(station, record, *TO_HANDLING, ("suspend", Filled(until="2026-11-22")))
    station.clock.synchronised = False
    assert station.records.due_ones() == ()
    await lead(station, record, ("resume", Filled()), ("suspend", Filled(until="2020-01-01")))


async def test_a_closed_record_is_forgotten_ninety_days_after_its_last_change_and_its_number_is_not_given_again(
    station,
):
    kept = await station.open("ZX-01", state="registered", typed={"name": "欧阳甲测"})
    gone = await station.open("ZX-01", state="registered", typed={"name": "欧阳甲测"})
    assert await station.records.step(gone.id, "withdraw", station.new_id())
    assert station.state(gone.id) == "closed"
    day_ms = 24 * 3600 * 1000

    async def days_later(days):
        at_ms = station.clock.wall_ms() + days * day_ms
        forget = partial(record_rows.forget_closed, now_ms=at_ms, age_ms=90 * day_ms, most=10)
        return await station.journal.run(lambda pen: forget(pen.connection))

    assert [await days_later(days) for days in (0, 89)] == [False, False]
    assert station.records.by_number(gone.number) is not None
    await days_later(90)
    assert station.records.by_number(gone.number) is None
    assert station.records.get(kept.id) is not None
    left = station.journal.query(
        lambda db: [
            db.execute(f"SELECT count(*) FROM {table} WHERE record = ?", (gone.id,)).fetchone()[0]
            for table in ("record_events", "record_boxes")
        ]
    )
    assert left == [0, 0]
    again = await station.open("ZX-01", state="registered")
    assert again.number.endswith("-0003")
