"""The waiting room: who is called next, what the display and the ticket say of it, and what ends it."""

import asyncio

import pytest
from record_rig import OTHER_BOOT, Station

from agent.queue import FRESH_S, IN_THE_ROOM_S
from agent.record_form import Filled, Header, WrongForm
from agent.waiting import FEWEST, Wait


@pytest.fixture
async def station(tmp_path):
    station = await Station(tmp_path).start()
    yield station
    await station.journal.stop()


async def comes(station, *, urgent=False, channel="kiosk"):
    """Let somebody take a number; return the record."""
    header = {"priority": "urgent"} if urgent else {}
    record = await station.open("ZX-01", channel=channel, state="registered", header=header)
    return record.id


async def calls(station):
    return await station.queue.call_next(station.new_id())


async def step(station, record, name, **filled):
    assert await station.records.step(record, name, station.new_id(), Filled(**filled))


async def serve(station, record, minutes):
    await step(station, record, "accept")
    await step(station, record, "handle")
    station.clock.advance(minutes * 60)
    await step(station, record, "finish", result="advised")


def number(station, record):
    return station.records.get(record).number


async def test_urgent_ones_are_called_first_and_the_others_as_they_came(station):
    first, second = await comes(station), await comes(station)
    urgent = await comes(station, urgent=True)
    assert [await calls(station) for _ in range(4)] == [urgent, first, second, None]
    assert [event["data"]["times"] for event in station.events("record.called")] == [1, 1, 1]


async def test_the_display_shows_the_newest_call_on_top_and_for_a_short_while_stronger(station):
    first, second, third = [await comes(station) for _ in range(3)]
    await calls(station)
    station.clock.advance(FRESH_S)
    await calls(station)
    view = station.queue.view()
    assert [(turn.record, turn.times, turn.age_s, turn.fresh) for turn in view.called] == [
        (second, 1, 0, True),
        (first, 1, FRESH_S, False),
    ]
    assert (view.next, view.waiting) == ((number(station, third),), 1)
    assert await station.queue.call(first, station.new_id())
    assert [(turn.record, turn.times) for turn in station.queue.view().called] == [(first, 2), (second, 1)]


async def test_a_form_submitted_again_calls_nobody_else_also_after_a_restart(station):
    first, _ = await comes(station), await comes(station)
    form = station.new_id()
    assert await station.queue.call_next(form) == first
    await asyncio.gather(*(station.queue.call_next(form) for _ in range(3)))
    await station.restart()
    await station.queue.call_next(form)
    assert len(station.events("record.called")) == 1
    with pytest.raises(WrongForm):
        await station.queue.call_next("no id")


async def test_whoever_is_accepted_is_being_served_and_whoever_does_not_come_is_gone(station):
    first, second = await comes(station), await comes(station)
    await calls(station)
    await calls(station)
    await step(station, second, "no_show")
    await step(station, first, "accept")
    view = station.queue.view()
    assert ([turn.record for turn in view.called], [turn.record for turn in view.served]) == ([], [first])
    assert not await station.queue.call(first, station.new_id()), "nobody at the desk is called to it"
    await step(station, first, "handle")
    assert [turn.record for turn in station.queue.view().served] == [first]
    await step(station, first, "suspend", until="2099-12-31")
    assert station.queue.view().served == ()
    await step(station, first, "resume")
    assert station.queue.view().served == (), "resumed, it is on the officer's desk and not in the room"


async def test_whoever_completes_what_was_missing_stands_where_they_stood(station):
    first, second = await comes(station), await comes(station)
    await calls(station)
    await step(station, first, "reject", missing=("other",))
    assert station.queue.view().called == ()
    await step(station, first, "resubmit")
    assert station.queue.view().next == (number(station, first), number(station, second))


async def test_nobody_is_called_who_does_not_sit_there(station):
    for channel in ("phone", "patrol", "dispatch"):
        await comes(station, channel=channel)
    await station.open("ZX-01", channel="window")  # a draft
    old = await comes(station)
    station.clock.advance(IN_THE_ROOM_S)
    assert station.queue.view().waiting == 0
    assert await calls(station) is None
    assert not await station.queue.call(old, station.new_id())


async def test_the_room_outlasts_a_restart_of_the_machine(station):
    await comes(station)
    first = await calls(station)
    station.clock.boot, station.clock.mono = OTHER_BOOT, 1
    station.clock.wall += 90_000
    await station.restart()
    (turn,) = station.queue.view().called
    assert (turn.record, turn.age_s) == (first, 90)


async def test_a_record_that_becomes_urgent_is_called_earlier(station):
    _, second = await comes(station), await comes(station)
    assert await station.records.amend(second, station.new_id(), header=Header(priority="urgent"))
    assert await calls(station) == second


async def test_the_wait_is_told_from_the_stations_own_records_and_else_not(station):
    for _ in range(FEWEST):
        assert station.queue.view().wait is None
        await serve(station, await comes(station), minutes=7)
    served, called, before, mine = [await comes(station) for _ in range(4)]
    assert station.queue.view().wait == Wait(30)  # four before whoever comes now
    await step(station, served, "accept")
    assert await calls(station) == called
    assert station.queue.place(before).ahead == 2
    assert (station.queue.place(mine).ahead, station.queue.place(mine).wait) == (3, Wait(25))
    assert station.queue.place(called) is None
    await step(station, before, "withdraw")
    assert (station.queue.place(mine).ahead, station.queue.place(mine).wait) == (2, Wait(15))


async def test_what_waited_elsewhere_or_ended_otherwise_is_no_experience(station):
    for _ in range(FEWEST):
        record = await comes(station)
        await step(station, record, "accept")
        await step(station, record, "suspend", until="2099-12-31")
        await step(station, record, "resume")
        await step(station, record, "finish", result="advised")
        record = await comes(station)
        await step(station, record, "accept")
        await step(station, record, "withdraw")
    assert station.queue.view().wait is None


async def test_last_months_experience_counts_no_more_once_the_clock_is_sure(station):
    for _ in range(FEWEST):
        await serve(station, await comes(station), minutes=7)
    station.clock.wall += 8 * 24 * 3600 * 1000
    assert station.queue.view().wait is None
    station.clock.synchronised = False
    assert station.queue.view().wait == Wait(0)
