"""Figures at headquarters: the same as the stations' for the same events, in any order, and times set right."""

import asyncio
import random
import tempfile
from contextlib import closing
from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_rig import BOOT, NOW, STATION, StationJournal, line_of, new_id, raised, rows, send_all, url_of

from common.events.calls import HelpAcknowledged, HelpClosed
from common.events.journal import ClockSet
from common.events.records import RATINGS, RecordOpened, RecordRated, RecordStepped
from hq import forgetting, tables
from hq.city_figures import LEAST_RATED, read
from hq.database import _MIGRATIONS, SCHEMA, Database
from hq.store import Store
from sync.batch import Batch, chain_start
from sync.receiver import check_line
from tests.agent.figure_rig import ACTS, Counting, act

ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 9, 21)  # of store_rig's TIME
LATER = date(2026, 10, 2)


def figures(store, day=DAY, today=DAY, **options):
    return read(store.database, day, today=today, zone=ZONE, **options)


def a_record(day="20260921", *, rating=None, change=3):
    record = new_id()
    opened = RecordOpened(
        record=record,
        number=f"JW012-{day}-{random.randrange(10**8):08}",
        service="QZ-01",
        catalogue="1",
        channel="window",
        state="registered",
    )
    lines = [line_of(opened, event_id=record)]
    if rating is not None:
        finished = RecordStepped(record=record, change=2, step="finish", state="closed", result="handled")
        lines += [
            line_of(finished),
            line_of(RecordRated(record=record, change=change, rating=rating)),
        ]
    return lines


async def sent(station, store, rng):
    """Send all that a station's journal keeps, in pieces, in any order, some of them twice."""
    kept = await station.journal.kept()
    lines = await station.journal.read(1, count=100_000, size=10**9)
    cuts = sorted({0, len(lines), *(rng.randrange(len(lines) + 1) for _ in range(4))})
    pieces = [lines[first:last] for first, last in pairwise(cuts)]
    pieces += rng.sample(pieces, min(2, len(pieces)))
    rng.shuffle(pieces)
    for piece in pieces:
        first = piece[0].number
        prev = chain_start(kept.journal) if first == 1 else lines[first - 2].chain
        parsed = tuple(check_line(line.line) for line in piece)
        batch = Batch(STATION, bytes(16), kept.journal, first, 1, prev, tuple(piece), parsed)
        store.take(batch, received_ms=NOW)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(ACTS, st.randoms(use_true_random=False))
def test_headquarters_figures_equal_the_stations_for_the_same_events_in_any_order(acts, rng):
    async def live():
        with tempfile.TemporaryDirectory() as folder:
            station = await Counting(folder).start()
            await station.press()
            for what, which in acts:
                await act(station, what, which)
            with closing(Store.open(f"sqlite:///{folder}/hq.db", wall_ms=lambda: NOW)) as store:
                await sent(station, store, rng)
                theirs = [(row["day"], row["what"], row["which"], row["count"]) for row in rows(store, tables.figures)]
            assert sorted(theirs) == station.table()
            await station.journal.stop()

    asyncio.run(live())


def test_figures_are_of_a_day_its_month_and_each_station(store):
    call, other = new_id(), new_id()
    taken = [raised(call), HelpAcknowledged(call=call, after_ms=16_000)]
    send_all(
        store, StationJournal().add(line_of(taken[0], event_id=call), taken[1], *a_record(), *a_record("20260901"))
    )
    send_all(store, StationJournal("sjz-002").add(line_of(raised(other), event_id=other)))
    found = figures(store)
    assert (found.day, found.month, found.of_day.help, found.of_month.records) == ("2026-09-21", "2026-09", 2, 2)
    assert found.of_day.records == 1
    assert (found.of_day.answering.within_15_s, found.of_day.answering.within_20_s) == (0, 1)
    assert (found.by_day["2026-09-21"], len(found.by_day)) == (2, 30)
    assert [(row.station, row.help, row.of, row.unanswered) for row in found.stations] == [
        (STATION, 1, 1, 0),
        ("sjz-002", 1, 1, 1),
    ]
    assert figures(store, station="sjz-002").of_day.records == 0
    assert figures(store, day=date(2026, 8, 31)).of_month.help == 0


def test_a_call_whose_station_did_not_know_the_time_counts_for_the_day_on_which_it_was(store):
    call = new_id()
    wrong = line_of(raised(call), event_id=call, unsure=True, time="1970-01-01T00:00:07.000Z")
    journal = StationJournal().add(wrong)
    send_all(store, journal)
    assert (figures(store).of_day.help, figures(store, day=date(1970, 1, 1)).of_day.unsure) == (0, 1)
    told = ClockSet(boot=BOOT, mono="60000000005", time="2026-09-21T13:34:20.000Z")
    journal.add(told)
    send_all(store, journal, [(2, 2)])
    found = figures(store)
    assert (found.of_day.help, found.of_month.help, found.by_day["2026-09-21"], found.corrected) == (1, 1, 1, 1)
    assert (found.of_day.unsure, [row.help for row in found.stations]) == (0, [1])
    assert figures(store, day=date(1970, 1, 1)).of_month.help == 0


def test_ratings_are_told_of_months_that_are_over_and_of_stations_that_have_enough_of_them(store):
    enough = StationJournal().add(*(line for _ in range(LEAST_RATED) for line in a_record(rating="satisfied")))
    few = StationJournal("sjz-002").add(*a_record(rating="very_dissatisfied"), *a_record(rating="satisfied"))
    send_all(store, enough)
    send_all(store, few)
    assert figures(store).ratings is None
    assert figures(store).rated_in_all is None
    found = figures(store, today=LATER)
    assert [(row.station, row.rated, row.of) for row in found.ratings] == [(STATION, LEAST_RATED, LEAST_RATED)]
    assert found.ratings[0].levels == dict.fromkeys(RATINGS, 0) | {"satisfied": LEAST_RATED}
    assert found.rated_in_all.rated == LEAST_RATED  # and not seven: the difference would be the other station's
    assert found.rated_too_few == 1
    assert figures(store, today=LATER, station="sjz-002").ratings == ()


def test_figures_stay_when_what_they_were_counted_from_is_forgotten(store):
    call = new_id()
    over = [HelpAcknowledged(call=call, after_ms=1), HelpClosed(call=call, reason="helped")]
    send_all(store, StationJournal().add(line_of(raised(call), event_id=call), *over, *a_record(rating="satisfied")))
    before = figures(store)
    assert forgetting.forget(store.database, STATION, "calls", before_ms=NOW) == 1
    assert forgetting.forget_records(store.database, STATION, before_ms=NOW, now_ms=NOW) == 1
    assert figures(store) == before


@pytest.mark.parametrize("state", ["handling", "closed"])
def test_a_database_of_before_counts_the_records_it_has_and_goes_on_from_there(tmp_path, state):
    url = url_of(tmp_path / "hq.db")
    with closing(Store.open(url, wall_ms=lambda: NOW)) as store:
        journal = StationJournal().add(*a_record(rating="satisfied"), *a_record())
        send_all(store, journal)
        before = rows(store, tables.figures)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    database = Database(url)
    with database.write() as connection:
        for statement in (
            "DROP TABLE figures",
            "ALTER TABLE help_calls DROP COLUMN figure",
            "UPDATE alembic_version SET version_num = '0014'",
        ):
            connection.execute(sa.text(statement))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0015")
        # What came after it stands already.
        connection.execute(sa.text(f"UPDATE alembic_version SET version_num = '{SCHEMA}'"))
    database.close()
    with closing(Store.open(url, wall_ms=lambda: NOW)) as store:
        assert rows(store, tables.figures) == before
        record = rows(store, tables.records)[-1]["record"]
        step = {"handling": "handle", "closed": "withdraw"}[state]
        journal.add(RecordStepped(record=record, change=9, step=step, state=state))
        send_all(store, journal, [(len(journal.lines), len(journal.lines))])
        assert all(row["count"] > 0 for row in rows(store, tables.figures))
