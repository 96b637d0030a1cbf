"""Figures of days at a station: counted once, whatever is restarted, rescued or dropped; counted again, the same."""

import asyncio
import sqlite3
import tempfile
from collections import Counter
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from figure_rig import ACTS, ZONE, Counting, act, kind_of
from hypothesis import HealthCheck, given, settings
from record_rig import OTHER_BOOT

from agent import figure_rows, salvage
from common.events.calls import HelpAcknowledged, HelpClosed, HelpPressedAgain
from common.events.records import RecordRated


@pytest.fixture
async def station(tmp_path):
    station = await Counting(tmp_path).start()
    yield station
    await station.journal.stop()


async def test_calls_are_counted_with_how_soon_they_were_answered_and_what_nobody_knows(station):
    for after_ms in (3_200, 15_000, 15_001, 40_000):
        call = await station.press()
        await station.append(HelpAcknowledged(call=call, after_ms=after_ms))
        await station.append(HelpClosed(call=call, reason="helped"))
    await station.append(HelpPressedAgain(call=call, origin="screen"))
    unanswered = await station.press()
    dark = await station.press()
    station.clock.boot, station.clock.mono = OTHER_BOOT, 5_000_000_000
    await station.append(HelpAcknowledged(call=dark, after_ms=700))  # the least it can have been
    found = station.figures()
    assert (found.help, found.pressed_again, found.closed) == (6, 1, {"helped": 4})
    answering = found.answering
    assert (answering.measured, answering.unanswered, answering.unknown, answering.of) == (4, 1, 1, 5)
    assert (answering.p50_s, answering.p90_s) == (15.0, 40.0)
    assert (answering.within_15_s, answering.within_20_s) == (2, 3)

    await station.append(HelpAcknowledged(call=unanswered, after_ms=1))
    await station.append(HelpClosed(call=unanswered, reason="test"))
    found = station.figures()
    assert (found.help, found.tests, found.answering.unanswered) == (5, 1, 0)


async def test_a_call_counts_on_the_local_day_of_its_press_and_says_when_that_is_not_sure(station):
    station.clock.wall = int(datetime(2026, 11, 22, 16, 0, 1, tzinfo=ZoneInfo("UTC")).timestamp() * 1000)
    await station.press()
    await station.press(age_ms=2_000)
    assert station.figures("2026-11-23", "2026-11-23").help == 1
    assert station.figures("2026-11-22", "2026-11-22").help == 1
    assert station.figures().unsure == 0
    station.clock.synchronised = False
    await station.press()
    assert station.figures().unsure == 1


async def test_a_record_counts_as_it_stands_and_never_by_its_rating(station):
    record = await station.open()
    await station.step(record, "accept", "accepted")
    await station.step(record, "refer", "referred", target="police-office", due="2026-12-01")
    found = station.figures()
    assert (found.records, found.services, found.open) == (1, {"QZ-01": 1}, {"referred": 1})
    assert found.referrals == {"referred": 1}
    await station.step(record, "sign", "received", target="police-office", due="2026-12-01")
    await station.step(record, "finish", "closed", target="police-office", due="2026-12-01", result="handled")
    await station.append(RecordRated(record=record, change=6, rating="very_dissatisfied"))
    found = station.figures()
    assert (found.open, found.outcomes, found.results) == ({}, {"done": 1}, {"handled": 1})
    assert found.referrals == {"closed": 1}
    assert not any(what == "rating" for _, what, _, _ in station.table())
    await station.step(record, "reopen", "handling", reason="citizen-returned")
    assert (station.figures().open, station.figures().results, station.figures().referrals) == ({"handling": 1}, {}, {})


async def test_a_damaged_figure_keeps_no_press_from_being_recorded(station):
    call = await station.press()
    await station.journal.run(lambda pen: pen.connection.execute("UPDATE figure_calls SET figure = '{'") and None)
    await station.append(HelpPressedAgain(call=call, origin="screen"))
    assert station.figures().help == 1


async def test_days_stay_when_their_lines_are_dropped_and_go_after_four_hundred_days(station):
    call = await station.press()
    await station.append(HelpAcknowledged(call=call, after_ms=2_000))
    before = station.figures()
    now_ms = station.clock.wall_ms()

    def drop(pen):
        for table in ("events", "calls", "help_events"):
            pen.connection.execute(f"DELETE FROM {table}")
        figure_rows.forget(pen, now_ms=now_ms, zone=ZONE)

    await station.journal.run(drop)
    assert station.figures() == before
    assert station.journal.query(lambda c: c.execute("SELECT count(*) FROM figure_calls").fetchone()) == (0,)
    later_ms = now_ms + 401 * 86_400_000
    await station.journal.run(partial(figure_rows.forget, now_ms=later_ms, zone=ZONE))
    assert station.table() == []


async def test_a_station_that_did_not_count_before_counts_what_it_still_has_and_says_from_when(tmp_path):
    station = await Counting(tmp_path).start(counting=False)
    call = await station.press()
    await station.append(HelpAcknowledged(call=call, after_ms=2_000))
    await station.open()
    await station.restart()
    assert (station.figures().help, station.figures().answering.p50_s, station.figures().records) == (1, 2.0, 1)
    assert station.journal.query(figure_rows.since) == ""
    await station.restart()
    assert station.figures().help == 1
    await station.journal.stop()


async def test_what_is_rescued_of_a_damaged_file_is_counted_anew(station):
    call = await station.press()
    await station.append(HelpAcknowledged(call=call, after_ms=2_000))
    await station.step(await station.open(), "accept", "accepted")
    before = station.table()
    await station.journal.stop()
    with station.path.open("r+b") as file:
        file.seek(16)
        file.write(b"\xff" * 80)  # the rest of the header: what stands where is found without it
    await station.start()
    assert station.table() == []
    await salvage.begin(station.journal, station.path, source="/stations/sjz-001")
    assert station.table() == before
    await salvage.begin(station.journal, station.path, source="/stations/sjz-001")
    assert station.table() == before


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(ACTS)
def test_figures_counted_as_it_happens_equal_those_counted_again_from_the_journal(acts):
    async def live():
        with tempfile.TemporaryDirectory() as folder:
            station = await Counting(folder).start()
            for what, which in acts:
                await act(station, what, which)
            found, figures = station.table(), station.figures()
            await station.journal.run(lambda pen: pen.connection.execute("DELETE FROM figures_since") and None)
            await station.restart()
            assert station.table() == found
            assert figures.help + figures.tests == len(station.calls)
            assert figures.records == len(station.records)
            assert (
                sum(figures.services.values()) == sum({**figures.open, **figures.outcomes}.values()) == figures.records
            )
            assert figures.answering.of + figures.answering.unknown == figures.help
            types = Counter(kind_of(line) for line in station.lines())
            assert sum(figures.dispatches.values()) == types["dispatch.stepped"]
            await station.journal.stop()

    asyncio.run(live())


def test_the_days_of_a_page_are_found_by_the_index(tmp_path):
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.executescript(figure_rows.SCHEMA)
    plan = connection.execute(
        "EXPLAIN QUERY PLAN SELECT what, which, sum(count) FROM figures WHERE day BETWEEN 'a' AND 'b' GROUP BY 1, 2"
    ).fetchall()
    assert any("SEARCH figures USING PRIMARY KEY" in row[3] for row in plan)
