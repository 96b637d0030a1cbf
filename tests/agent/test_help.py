import asyncio
import json

import pytest
from help_rig import OTHER_BOOT, MovingClock, Station, failing_disk, press, slow_disk, until

from agent import calls
from agent.help import MOST_UNRECORDED
from agent.ladder import Alarm
from agent.orders import OrderRefused
from common.clock import Clock
from common.events.calls import HelpAnswered, HelpRaised, Press


@pytest.fixture
async def station(tmp_path):
    station = Station(tmp_path, MovingClock())
    await station.start()
    yield station
    await station.journal.stop()


async def raised(station, number=1) -> str:
    assert await station.desk.press(press(number))
    return station.views()[-1].id


async def answer(station, call: str) -> None:
    await station.journal.run(lambda pen: calls.answer(pen, "order", HelpAnswered(call=call, by="Li")))
    station.desk.orders_applied()


# -- pressing -----------------------------------------------------------------------------------------------------


async def test_a_press_sounds_before_anything_waits_for_the_disk(station):
    heard = []
    station.desk.changed = lambda: heard.append(station.desk.alarm)
    pressing = station.desk.press(press(1))
    pressing.send(None)  # as far as its first await, and no turn of the loop for anybody else
    assert heard[0] == Alarm(lamp="raised", tone=1)
    pressing.close()


async def test_a_press_is_one_event_that_carries_its_number(station):
    assert await station.desk.press(press(7, epoch=3, button=2, age_ms=120))
    (event,) = station.events()
    assert event["type"] == "help.raised"
    assert event["data"] == {
        "call": event["id"],
        "origin": "panel",
        "press": {"panel": "front", "epoch": 3, "number": 7},
        "button": 2,
        "age_ms": 120,
    }
    (view,) = station.views()
    assert (view.id, view.state, view.recorded, view.at_hq, view.presses) == (event["id"], "raised", True, False, 1)


async def test_a_press_repeated_by_the_panel_is_one_event(station):
    assert [await station.desk.press(press(1, age_ms=age)) for age in (0, 1000, 2000)] == [True] * 3
    assert station.types() == ["help.raised"]
    assert station.views()[0].presses == 1


async def test_a_press_repeated_while_its_append_is_under_way_joins_it(station):
    with slow_disk(station.path):
        presses = [asyncio.create_task(station.desk.press(press(1))) for _ in range(5)]
        await until(lambda: bool(station.views()))
    assert await asyncio.gather(*presses) == [True] * 5
    assert station.types() == ["help.raised"]


async def test_a_press_journaled_before_a_restart_makes_no_event_and_does_not_ring(station):
    call = await raised(station)
    assert await station.desk.acknowledge(call, station.new_id())
    assert await station.desk.close(call, station.new_id(), "test")
    await station.restart()
    assert await station.desk.press(press(1))
    assert station.types() == ["help.raised", "help.acknowledged", "help.closed"]
    assert station.desk.alarm == Alarm()


async def test_the_same_number_of_another_panel_or_epoch_is_another_press(station):
    for reading in (press(1), press(1, epoch=2), press(1, panel="back")):
        assert await station.desk.press(reading)
    assert station.types() == ["help.raised", "help.pressed_again", "help.pressed_again"]
    (view,) = station.views()
    assert view.presses == 3


async def test_a_press_while_an_answered_call_is_open_rings_again(station):
    call = await raised(station)
    await station.desk.acknowledge(call, station.new_id())
    await station.desk.attend(call, station.new_id())
    assert station.desk.alarm.tone == 0
    assert await station.desk.press(press(2, panel="back"))
    assert station.desk.alarm == Alarm(lamp="raised", tone=1)
    (view,) = station.views()
    assert (view.id, view.state, view.presses) == (call, "raised", 2)


async def test_a_press_after_closing_is_a_new_call(station):
    call = await raised(station)
    await station.desk.acknowledge(call, station.new_id())
    await station.desk.close(call, station.new_id(), "helped")
    assert await raised(station, 2) != call


async def test_presses_of_several_buttons_at_once_are_one_call_and_one_event_each(station):
    readings = [press(n, panel=panel, button=n) for panel in ("front", "back") for n in range(1, 11)]
    assert all(await asyncio.gather(*map(station.desk.press, readings)))
    types = station.types()
    assert (types.count("help.raised"), types.count("help.pressed_again")) == (1, 19)
    assert len(station.views()) == 1


async def test_a_caller_that_stops_waiting_loses_nothing(station):
    with slow_disk(station.path):
        pressing = asyncio.create_task(station.desk.press(press(1)))
        await until(lambda: bool(station.views()))
        pressing.cancel()
        again = asyncio.create_task(station.desk.press(press(1)))
    assert await again
    assert station.types() == ["help.raised"]


# -- the screen ---------------------------------------------------------------------------------------------------


async def test_a_repeated_submit_of_the_screen_changes_nothing(station):
    form = station.new_id()
    await asyncio.gather(station.desk.press_screen(form), station.desk.press_screen(form))
    await station.desk.press_screen(form)
    (event,) = station.events()
    assert (event["id"], event["data"]["call"], event["data"]["origin"]) == (form, form, "screen")
    await station.restart()
    await station.desk.press_screen(form)
    assert station.types() == ["help.raised"]


async def test_a_screen_press_while_a_call_is_open_is_a_further_press(station):
    call = await raised(station)
    form = station.new_id()
    await station.desk.press_screen(form)
    assert station.events()[-1]["id"] == form
    assert station.events()[-1]["data"] == {"call": call, "origin": "screen"}


async def test_a_screen_press_with_a_damaged_id_rings_and_is_recorded(station):
    await station.desk.press_screen("'; DROP TABLE")
    assert station.desk.alarm.tone == 1
    assert station.types() == ["help.raised"]


async def test_the_desk_itself_retries_a_screen_press_until_it_is_recorded(station):
    with failing_disk():
        await station.desk.press_screen(station.new_id())
        assert station.views()[0].recorded is False
        station.after(1.0)
        await until(lambda: not station.desk._outbox._attempt)
    station.after(1.0)
    await until(lambda: station.views()[0].recorded is True)
    assert station.types() == ["help.raised"]
    assert (len(station.unrecorded), station.recorded) == (1, 1)


# -- the disk -----------------------------------------------------------------------------------------------------


async def test_while_the_disk_has_not_answered_nothing_is_said_of_it(station):
    with slow_disk(station.path):
        pressing = asyncio.create_task(station.desk.press(press(1)))
        await until(lambda: bool(station.views()))
        station.after(0.9)
        assert station.views()[0].recorded is None
        assert not station.unrecorded
    assert await pressing
    assert station.views()[0].recorded is True
    assert (station.unrecorded, station.recorded) == ([], 0)


async def test_an_append_that_takes_over_a_second_is_told_at_once_and_may_still_succeed(station):
    with slow_disk(station.path):
        pressing = asyncio.create_task(station.desk.press(press(1, age_ms=500)))
        await until(lambda: bool(station.views()))
        station.after(1.0)
        assert not await pressing
        assert station.views()[0].recorded is False
        assert station.desk.alarm.tone == 1
        assert station.unrecorded == [station.desk.unrecorded_since] == ["2026-09-21T14:13:19.500Z"]
    await until(lambda: station.views()[0].recorded is True)
    assert (station.recorded, station.desk.unrecorded_since) == (1, None)
    assert await station.desk.press(press(1))
    assert station.types() == ["help.raised"]


async def test_after_a_failure_the_repeated_press_is_recorded_as_the_same_call(station):
    with failing_disk():
        assert not await station.desk.press(press(1))
        (view,) = station.views()
        assert view.recorded is False
        assert station.desk.alarm.tone == 1
        assert len(station.unrecorded) == 1
        assert not await station.desk.press(press(1))
        assert len(station.unrecorded) == 1
    assert await station.desk.press(press(1))
    (event,) = station.events()
    assert event["id"] == view.id
    assert station.recorded == 1


async def test_a_commit_whose_outcome_the_disk_hid_is_no_second_event(station):
    with failing_disk():
        assert not await station.desk.press(press(1))
    call = station.views()[0].id
    hidden = HelpRaised(call=call, origin="panel", press=Press(panel="front", epoch=1, number=1), button=1)
    await station.journal.append(hidden, event_id=call)
    assert await station.desk.press(press(1))
    assert station.types() == ["help.raised"]
    assert station.views()[0].recorded is True


async def test_several_buttons_pressed_while_the_disk_fails_are_all_there_afterwards(station):
    readings = [press(n, panel=panel) for panel in ("front", "back") for n in (1, 2, 3)]
    with failing_disk():
        assert not any(await asyncio.gather(*map(station.desk.press, readings)))
    assert all(await asyncio.gather(*map(station.desk.press, readings)))
    presses = [json.dumps(event["data"]["press"]) for event in station.events()]
    assert len(presses) == len(set(presses)) == 6


async def test_acknowledging_stops_the_tone_even_when_the_disk_is_dead(station):
    with failing_disk():
        assert not await station.desk.press(press(1))
        call = station.views()[0].id
        assert await station.desk.acknowledge(call, station.new_id())
        assert station.desk.alarm == Alarm(lamp="acknowledged")
        assert not await station.desk.press(press(1))  # repeated: it does not ring anew
        assert station.desk.alarm.tone == 0
        assert await station.desk.close(call, station.new_id(), "helped")
    station.after(1.0)
    await station.journaled(3)
    assert station.types() == ["help.raised", "help.acknowledged", "help.closed"]


async def test_the_journaled_age_leads_back_to_the_press_however_late_the_disk_took_it(station):
    pressed_ns = station.clock.mono
    with failing_disk():
        assert not await station.desk.press(press(1))
    station.after(40)
    await station.journaled(1)
    event = station.events()[0]
    assert int(event["mono"]) - event["data"]["age_ms"] * 1_000_000 == pressed_ns


async def test_a_flood_that_cannot_be_recorded_is_bounded_and_rings(station):
    with failing_disk():
        readings = [press(n) for n in range(1, MOST_UNRECORDED + 50)]
        assert not any(await asyncio.gather(*map(station.desk.press, readings)))
        (view,) = station.views()
        assert view.presses == MOST_UNRECORDED
        await station.desk.acknowledge(view.id, station.new_id())
        assert not await station.desk.press(readings[-1])
        assert station.desk.alarm.tone == 1
    assert await station.desk.press(readings[0])
    assert await station.desk.press(readings[-1])
    assert len(station.types()) == MOST_UNRECORDED + 2


# -- answering ----------------------------------------------------------------------------------------------------


async def test_acknowledging_twice_with_one_form_changes_nothing(station):
    call, form = await raised(station), station.new_id()
    station.clock.advance(3)
    assert await station.desk.acknowledge(call, form)
    assert await station.desk.acknowledge(call, form)
    assert station.types() == ["help.raised", "help.acknowledged"]
    assert station.events()[-1]["id"] == form
    assert station.events()[-1]["data"] == {"call": call, "after_ms": 3000}


async def test_steps_outside_the_table_change_nothing(station):
    call = await raised(station)
    assert not await station.desk.attend(call, station.new_id())
    assert not await station.desk.close(call, station.new_id(), "helped")
    assert not await station.desk.acknowledge(station.new_id(), station.new_id())
    assert await station.desk.acknowledge(call, station.new_id())
    assert not await station.desk.acknowledge(call, station.new_id())
    assert station.types() == ["help.raised", "help.acknowledged"]


async def test_a_call_is_closed_only_with_a_reason_of_the_list(station):
    call = await raised(station)
    await station.desk.acknowledge(call, station.new_id())
    with pytest.raises(ValueError, match="handed_over"):
        await station.desk.close(call, station.new_id(), "bored")


async def test_a_closed_call_is_shown_for_a_while(station):
    call = await raised(station)
    await station.desk.acknowledge(call, station.new_id())
    await station.desk.close(call, station.new_id(), "false_alarm")
    assert station.views() == ()
    view = station.desk.recently_closed(station.clock.mono_ns())
    assert (view.id, view.state, view.closed_reason) == (call, "closed", "false_alarm")
    before = station.changes
    station.after(60)
    assert station.desk.recently_closed(station.clock.mono_ns()) is None
    assert station.changes > before


# -- the ladder ---------------------------------------------------------------------------------------------------


async def test_an_unanswered_call_climbs_and_each_rung_is_one_event(station):
    call = await raised(station)
    station.after(15)
    assert station.desk.alarm == Alarm(lamp="raised", tone=2, second_output=True)
    for _ in range(12):
        station.after(10)
    await station.journaled(3)
    assert station.types() == ["help.raised", "help.escalated", "help.breached"]
    assert station.events()[1]["data"] == {"call": call, "after_ms": 35_000}
    (view,) = station.views()
    assert (view.escalated, view.breached) == (True, True)


async def test_a_press_that_waited_in_the_panel_climbs_from_the_press(station):
    assert await station.desk.press(press(1, age_ms=31_000))
    station.after(0)
    await station.journaled(2)
    assert station.types() == ["help.raised", "help.escalated"]
    assert station.views()[0].age_s == 31


async def test_an_answered_call_climbs_no_further(station):
    call = await raised(station)
    station.after(20)
    await station.desk.acknowledge(call, station.new_id())
    station.after(100)
    assert station.types() == ["help.raised", "help.acknowledged"]


async def test_a_press_that_makes_a_call_unanswered_again_climbs_from_that_press(station):
    call = await raised(station)
    await station.desk.acknowledge(call, station.new_id())
    station.after(100)
    assert await station.desk.press(press(2))
    station.after(29)
    assert station.types()[-1] == "help.pressed_again"
    station.after(1)
    await station.journaled(4)
    assert station.events()[-1]["data"] == {"call": call, "after_ms": 30_000}


async def test_the_timer_of_run_climbs_by_itself(tmp_path):
    station = Station(tmp_path, Clock())
    await station.start()
    running = asyncio.create_task(station.desk.run())
    try:
        assert await station.desk.press(press(1, age_ms=29_900))
        await until(lambda: "help.escalated" in station.types())
    finally:
        running.cancel()
        await station.journal.stop()


async def test_run_looks_again_when_a_call_comes_while_it_sleeps(tmp_path):
    station = Station(tmp_path, Clock())
    await station.start()
    running = asyncio.create_task(station.desk.run())
    try:
        assert station.desk.look() is None
        with slow_disk(station.path):
            assert not await station.desk.press(press(1))  # run() ends its second of waiting
        await until(lambda: station.recorded == 1)
    finally:
        running.cancel()
        await station.journal.stop()


# -- restarts -----------------------------------------------------------------------------------------------------


async def test_a_call_goes_on_where_it_stood_after_a_restart_in_the_same_boot(station):
    await raised(station)
    station.after(10)
    await station.restart()
    assert station.desk.alarm == Alarm(lamp="raised", tone=1)
    assert station.views()[0].age_s == 10
    station.after(5)
    assert station.desk.alarm.tone == 2
    assert station.types() == ["help.raised"]


async def test_a_further_press_does_not_set_the_ladder_back(station):
    await raised(station)
    station.after(10)
    assert await station.desk.press(press(2))
    await station.restart()
    station.after(5)
    assert station.desk.alarm.tone == 2


async def test_a_call_of_another_boot_rings_loudest_and_climbs_every_rung_at_once(station):
    await raised(station)
    await station.restart(boot=OTHER_BOOT)
    assert station.desk.alarm == Alarm(lamp="raised", tone=2, second_output=True)
    station.after(0)
    await station.journaled(3)
    assert station.types() == ["help.raised", "help.escalated", "help.breached"]
    assert station.events()[1]["data"]["after_ms"] == 20_000  # the least it can be: this boot's own age
    await station.restart(boot=OTHER_BOOT)
    station.after(0)
    assert await station.desk.press(press(2))  # whatever was due stands before it
    assert station.types()[3:] == ["help.pressed_again"]


async def test_an_answered_call_of_another_boot_is_shown_and_silent(station):
    call = await raised(station)
    await station.desk.acknowledge(call, station.new_id())
    await station.restart(boot=OTHER_BOOT)
    assert station.desk.alarm == Alarm(lamp="acknowledged")
    assert station.views()[0].state == "acknowledged"


async def test_a_call_pressed_again_in_this_boot_is_unanswered_since_that_press(station):
    call = await raised(station)
    await station.desk.acknowledge(call, station.new_id())
    await station.restart(boot=OTHER_BOOT)
    assert await station.desk.press(press(2))
    station.after(3)
    await station.restart()
    assert station.desk.alarm == Alarm(lamp="raised", tone=1)
    station.after(12)
    assert station.desk.alarm.tone == 2


# -- headquarters -------------------------------------------------------------------------------------------------


async def test_a_call_is_at_headquarters_only_while_its_signed_ack_says_so(station):
    await raised(station)
    (raised_at,) = [number for number, event in station.numbered().items() if event["type"] == "help.raised"]
    station.desk.hq_holds(lambda number: number != raised_at)
    assert not station.views()[0].at_hq
    station.desk.hq_holds(lambda number: number == raised_at)
    assert station.views()[0].at_hq
    station.desk.hq_holds(lambda _: False)  # headquarters was restored
    assert not station.views()[0].at_hq


async def test_after_a_restart_the_remembered_cursor_tells_what_headquarters_holds(station):
    await raised(station)
    await station.restart()
    assert not station.views()[0].at_hq
    await station.journal.acknowledged((await station.journal.kept()).head)
    await station.restart()
    assert station.views()[0].at_hq


async def test_headquarters_answer_is_shown_and_stops_the_rungs_but_not_the_tone(station):
    call = await raised(station)
    await answer(station, call)
    assert station.views()[0].hq_answered
    station.after(100)
    assert station.desk.alarm.tone == 2
    assert station.types() == ["help.raised"]
    await station.restart()
    assert station.views()[0].hq_answered


async def test_an_answer_to_a_call_nobody_knows_is_refused(station):
    with pytest.raises(OrderRefused):
        await answer(station, station.new_id())


async def test_a_call_is_followed_into_the_next_journal(station):
    call = await raised(station)
    for number in range(2, 5):
        await station.desk.press(press(number))
    await station.journal.close("fork", 0)
    station.desk.journal_opened()
    where = min(number for number, event in station.numbered().items() if event["type"] == "rescued")
    station.desk.hq_holds(lambda number: number != where)
    assert not station.views()[0].at_hq
    station.desk.hq_holds(lambda number: number == where)
    assert station.views()[0].at_hq
    await station.restart()
    assert station.views()[0].id == call
    station.desk.hq_holds(lambda number: number == where)
    assert station.views()[0].at_hq


async def test_a_call_that_stayed_in_a_closed_journal_is_at_headquarters(station):
    await raised(station)
    await station.journal.close("fork", (await station.journal.kept()).head)
    station.desk.journal_opened()
    station.desk.hq_holds(lambda _: False)
    assert station.views()[0].at_hq
    await station.restart()
    assert station.views()[0].at_hq
