"""The lying clock: what the journal is told of it, and in which order."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from journal_rig import SOURCE, StillClock, all_events, open_journal

from agent import timekeeper
from agent.database import JournalError
from agent.entry import Envelope, Moment
from agent.timekeeper import keep_time, moment_of, noticed
from common.clock import rfc3339
from common.events.journal import ClockSet, ClockStepped, StationStarted, StationStopped

BOOT, OTHER_BOOT = StillClock.boot, "0b9f7c55-0f0e-4d5c-8a43-6f0b1d7f9a02"
STARTED, STOPPED = StationStarted(agent="1"), StationStopped()
WALLS, MONOS = st.integers(0, 9_000_000_000_000), st.integers(0, 10**18)


def types(events):
    return [event["type"] for event in events]


def pass_time(clock, seconds, *, wall_also=True):
    clock.mono += int(seconds * 1_000_000_000)
    clock.wall += int(seconds * 1_000) if wall_also else 0


@given(WALLS, MONOS, st.booleans(), st.integers(0, 10**15))
def test_a_clock_that_only_runs_is_no_news(wall, mono, trusted, passed_ns):
    last = Moment(wall, mono, trusted)
    now = Moment(wall + passed_ns // 1_000_000, mono + passed_ns, trusted)
    assert noticed(BOOT, last, now) is None


@given(WALLS, MONOS, st.integers(-(10**12), 10**12), st.integers(0, 10**15))
def test_a_synchronised_clock_that_moves_by_more_than_two_seconds_was_stepped(wall, mono, step_ms, passed_ms):
    run_on = wall + passed_ms
    now = Moment(run_on + step_ms, mono + passed_ms * 1_000_000, trusted=True)
    assume(0 <= now.wall_ms < 10**13 and run_on < 10**13)
    found = noticed(BOOT, Moment(wall, mono, trusted=True), now)
    expected = ClockStepped(boot=BOOT, mono=str(now.mono_ns), before=rfc3339(run_on), after=rfc3339(now.wall_ms))
    assert found == (expected if abs(step_ms) > 2_000 else None)


@given(WALLS, WALLS, MONOS)
def test_a_clock_that_becomes_synchronised_is_set_however_far_it_moved(before, after, mono):
    found = noticed(BOOT, Moment(before, mono, trusted=False), Moment(after, mono, trusted=True))
    assert found == ClockSet(boot=BOOT, mono=str(mono), time=rfc3339(after))


@given(WALLS, WALLS, MONOS, st.booleans())
def test_while_the_clock_is_unsure_nothing_is_said_of_it(before, after, mono, trusted):
    assert noticed(BOOT, Moment(before, mono, trusted), Moment(after, mono, trusted=False)) is None


@given(WALLS, MONOS, st.booleans())
def test_the_stamp_of_a_line_tells_the_moment_it_was_made_at(wall, mono, trusted):
    clock = StillClock()
    clock.wall, clock.mono, clock.synchronised = wall, mono, trusted
    line = Envelope(SOURCE, clock).entry(STARTED).line
    assert moment_of(line, BOOT) == Moment(wall, mono, trusted)
    assert moment_of(line, OTHER_BOOT) is None


@pytest.mark.parametrize("line", [b"", b"{}", b'{"time":"x","boot":"%s","mono":"1"}' % BOOT.encode(), b"\xff{"])
def test_a_line_that_cannot_be_read_tells_no_moment(line):
    assert moment_of(line, BOOT) is None


def test_a_clock_set_right_while_it_is_read_is_called_unsure():
    class SetMeanwhile(StillClock):
        def trusted(self):
            before, self.synchronised = self.synchronised, True
            self.wall = 1_800_000_000_000
            return before

    clock = SetMeanwhile()
    clock.synchronised = False
    assert Envelope(SOURCE, clock).now() == Moment(1_800_000_000_000, 77_000_000_001, trusted=False)


async def test_events_are_unsure_until_the_clock_is_set_and_the_setting_comes_before_the_first_sure_one(tmp_path):
    clock = StillClock()
    clock.wall, clock.synchronised = 1_000, False
    journal = await open_journal(tmp_path, clock=clock)
    await journal.append(STARTED)
    pass_time(clock, 30)
    clock.wall, clock.synchronised = 1_790_000_000_042, True
    appended = await journal.append(STOPPED)
    started, clock_set, stopped = await all_events(journal)
    await journal.stop()
    assert (started["clock"], started["time"]) == ("unsure", "1970-01-01T00:00:01.000Z")
    assert clock_set["type"] == "clock.set"
    assert clock_set["data"] == {"boot": BOOT, "mono": str(clock.mono), "time": rfc3339(clock.wall)}
    assert "clock" not in stopped
    assert appended.number == 3


async def test_a_step_is_journaled_before_the_first_event_by_the_new_time(tmp_path):
    clock = StillClock()
    journal = await open_journal(tmp_path, clock=clock)
    await journal.append(STARTED)
    pass_time(clock, 10)
    clock.wall += 3_600_000
    await journal.append(STOPPED)
    pass_time(clock, 10)
    await journal.append(STARTED)
    events = await all_events(journal)
    await journal.stop()
    assert types(events) == ["station.started", "clock.stepped", "station.stopped", "station.started"]
    assert events[1]["data"] == {
        "boot": BOOT,
        "mono": str(clock.mono - 10_000_000_000),
        "before": rfc3339(clock.wall - 3_610_000),
        "after": rfc3339(clock.wall - 10_000),
    }


async def test_a_suspended_machine_has_not_stepped_its_clock(tmp_path):
    clock = StillClock()
    journal = await open_journal(tmp_path, clock=clock)
    await journal.append(STARTED)
    pass_time(clock, 86_400)  # CLOCK_BOOTTIME goes on in suspend
    await journal.append(STOPPED)
    events = await all_events(journal)
    await journal.stop()
    assert types(events) == ["station.started", "station.stopped"]


async def test_an_event_stamped_before_the_step_that_overtook_it_is_no_step_back(tmp_path):
    clock = StillClock()
    journal = await open_journal(tmp_path, clock=clock)
    await journal.append(STARTED)
    early = Envelope(SOURCE, clock).entry(STOPPED)
    pass_time(clock, 1)
    clock.wall += 60_000
    await journal.run(lambda pen: (pen.append(STARTED), pen.record(early), pen.append(STARTED)))
    events = await all_events(journal)
    await journal.stop()
    assert types(events) == [
        "station.started",
        "clock.stepped",
        "station.started",
        "station.stopped",
        "station.started",
    ]


async def test_a_unit_that_is_undone_takes_its_clock_event_with_it_and_the_next_one_brings_it_again(tmp_path):
    clock = StillClock()
    journal = await open_journal(tmp_path, clock=clock)
    await journal.append(STARTED)
    clock.wall += 60_000

    def fails(pen):
        pen.append(STOPPED)
        raise LookupError

    with pytest.raises(LookupError):
        await journal.run(fails)
    await journal.append(STOPPED)
    events = await all_events(journal)
    await journal.stop()
    assert types(events) == ["station.started", "clock.stepped", "station.stopped"]


async def test_a_clock_that_was_set_while_the_station_was_down_is_noticed_at_its_start(tmp_path):
    clock = StillClock()
    clock.synchronised = False
    journal = await open_journal(tmp_path, clock=clock)
    await journal.append(STARTED)
    await journal.stop()
    pass_time(clock, 5)
    clock.synchronised = True
    journal = await open_journal(tmp_path, clock=clock)
    await journal.append(STARTED)
    await journal.stop()
    pass_time(clock, 5)
    clock.wall -= 10_000
    journal = await open_journal(tmp_path, clock=clock)
    await journal.append(STARTED)
    events = await all_events(journal)
    await journal.stop()
    assert types(events) == ["station.started", "clock.set", "station.started", "clock.stepped", "station.started"]


async def test_another_boot_begins_without_a_word_about_the_clock(tmp_path):
    clock = StillClock()
    clock.synchronised = False
    journal = await open_journal(tmp_path, clock=clock)
    await journal.append(STARTED)
    await journal.stop()
    clock.boot, clock.mono, clock.wall, clock.synchronised = OTHER_BOOT, 1, 1_800_000_000_000, True
    journal = await open_journal(tmp_path, clock=clock)
    await journal.append(STARTED)
    events = await all_events(journal)
    await journal.stop()
    assert types(events) == ["station.started", "station.started"]


async def test_a_look_at_the_clock_journals_what_it_did_and_otherwise_nothing(tmp_path):
    clock = StillClock()
    journal = await open_journal(tmp_path, clock=clock)
    announced = []
    journal.on_append = lambda *event: announced.append(event)
    await journal.append(STARTED)
    await journal.keep_time()
    clock.wall += 2_001
    await journal.keep_time()
    await journal.keep_time()
    events = await all_events(journal)
    await journal.stop()
    assert types(events) == ["station.started", "clock.stepped"]
    assert announced == [(1, "station.started"), (2, "clock.stepped")]


async def test_the_clock_is_looked_at_again_and_again_also_after_the_disk_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(timekeeper, "LOOK_EVERY_S", 0.001)
    looks = 0

    class Enough(Exception):
        pass

    async def look():
        nonlocal looks
        looks += 1
        if looks == 1:
            raise JournalError("write to", tmp_path, "disk I/O error", "look at the disk")
        if looks == 3:
            raise Enough

    with pytest.raises(Enough):
        await keep_time(look)
