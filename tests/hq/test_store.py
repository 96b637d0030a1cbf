import shutil
import sqlite3
import threading
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from store_rig import NOW, STATION, StationJournal, alarms, calls, line_of, raised, raw_line, rows, unprojected, url_of

from common.events.calls import HelpAcknowledged, HelpPressedAgain
from common.events.journal import EventWithheld, StationStarted, StationStopped
from hq import database, tables
from hq.database import SchemaTooNewError
from hq.store import Store
from sync.batch import Standing, chain_start


def test_the_migrations_make_exactly_the_tables_the_code_names(store):
    with store.database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    config = Config()
    config.set_main_option("script_location", str(database._MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == database.SCHEMA


def test_a_database_of_a_newer_jingting_is_not_touched(url):
    store = Store.open(url)
    with store.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(SchemaTooNewError, match="newer Jingting"):
        Store.open(url)


def test_every_commit_reaches_the_disk_before_it_is_told(tmp_path):
    with closing(Store.open(url_of(tmp_path / "hq.db"))) as store, store.database.read() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(text("PRAGMA secure_delete")).scalar() == 1


def test_an_empty_journal_stands_at_its_start(store):
    journal = StationJournal()
    taken = store.standing(STATION, journal.id)
    assert taken.standing == Standing()
    assert taken.chain == chain_start(journal.id)
    assert not store.knows(STATION, journal.id)


def test_a_batch_is_stored_byte_for_byte_and_acknowledged_with_its_chain(store):
    journal = StationJournal().add(raised(), StationStarted(agent="0.1.0"))
    taken = store.take(journal.batch(), received_ms=NOW)
    assert taken.settled.verdict == "stored"
    assert taken.standing.rev == 1
    assert taken.standing.stored == ((1, 2),)
    assert taken.chain == journal.chain(2)
    assert [row["line"] for row in rows(store, tables.events)] == journal.lines
    assert store.standing(STATION, journal.id).chain == journal.chain(2)
    assert store.knows(STATION, journal.id)


def test_a_batch_sent_again_changes_nothing(store):
    journal = StationJournal().add(raised())
    store.take(journal.batch(), received_ms=NOW)
    again = store.take(journal.batch(), received_ms=NOW + 5)
    assert again.settled.verdict == "held"
    assert again.standing.rev == 1
    (call,) = calls(store).values()
    assert call["presses"] == 1


def test_a_gap_is_kept_open_and_the_chain_shown_is_that_of_the_first_range(store):
    journal = StationJournal().add(*[StationStopped() for _ in range(6)])
    assert store.take(journal.batch(5, 6), received_ms=NOW).chain == journal.chain(6)
    taken = store.take(journal.batch(1, 2), received_ms=NOW)
    assert taken.standing.stored == ((1, 2), (5, 6))
    assert taken.chain == journal.chain(2)
    store.take(journal.batch(3, 4), received_ms=NOW)
    taken = store.standing(STATION, journal.id)
    assert taken.standing.stored == ((1, 6),)
    assert taken.standing.rev == 3
    assert taken.chain == journal.chain(6)


def test_a_fork_stores_nothing_keeps_the_lines_aside_and_still_rings_for_the_help_in_them(store):
    journal = StationJournal().add(raised(), StationStopped())
    store.take(journal.batch(), received_ms=NOW)
    copied = journal.fork_at(2, raised("11111111-1111-4111-8111-111111111111"), StationStarted(agent="x"))
    for _ in range(2):
        taken = store.take(copied.batch(2), received_ms=NOW)
        assert taken.settled.verdict == "fork"
        assert taken.standing.rev == 1
        assert taken.chain == journal.chain(2)
    assert calls(store)["11111111-1111-4111-8111-111111111111"]["presses"] == 1
    assert {row["line"] for row in rows(store, tables.aside)} == set(copied.lines[1:])
    assert alarms(store) == {"fork": 2, "refused_help": 2}


def test_refused_lines_are_kept_only_up_to_a_bound(store):
    journal = StationJournal().add(raised())
    store.take(journal.batch(), received_ms=NOW)
    copied = journal.fork_at(1, *[StationStopped() for _ in range(1020)])
    store.take(copied.batch(1, 1020), received_ms=NOW)
    assert len(rows(store, tables.aside)) == 1000
    assert "aside_full" in alarms(store)


def test_what_a_station_no_longer_keeps_is_gone_and_alarmed(store):
    journal = StationJournal().add(*[StationStopped() for _ in range(9)])
    journal.oldest = 7
    taken = store.take(journal.batch(7, 9), received_ms=NOW)
    assert taken.settled.newly_gone == ((1, 6),)
    assert taken.standing.cursor == 9
    assert alarms(store) == {"gone": 1}
    (detail,) = [row["detail"] for row in rows(store, tables.alarms)]
    assert detail == f"{journal.id}: 1-6"


def test_a_withheld_number_counts_as_gone_and_the_cursor_passes_it(store):
    journal = StationJournal().add(raised(), b"never sent", EventWithheld(number=2, sha256="x"), raised())
    store.take(journal.batch(1, 1), received_ms=NOW)
    taken = store.take(journal.batch(3, 4), received_ms=NOW)
    assert taken.standing.cursor == 4
    assert taken.standing.gone == ((2, 2),)


@pytest.mark.parametrize(
    ("line", "label"),
    [
        (raw_line("record.imagined"), "unknown"),
        (raw_line("help.imagined"), "unknown"),
        (raw_line("help.raised", '{"call":7}'), "help.raised"),
        (raw_line("help.raised", '{"call":"0f8fad5b-d9cb-469f-a165-70867728950e\\n","origin":"panel"}'), "help.raised"),
        (raw_line("help.raised", "null"), "help.raised"),
        (raw_line("rescued", '{"line":"***"}'), "rescued"),
        (raw_line("rescued", '{"line":"e30"}'), "rescued"),
        (raw_line("rescued", "[]"), "rescued"),
        (raw_line("journal.opened", '{"previous":"no","reason":"fork","last_common":1}'), "journal.opened"),
        (raw_line("order.failed", '{"order":"\\u0000","reason":"\\u0000"}'), "order.failed"),
        (raw_line("event.withheld", '{"number":"2"}'), "event.withheld"),
        (raw_line("a\\u0000b"), "unknown"),
    ],
)
def test_what_is_not_understood_is_stored_acknowledged_counted_and_shown(store, line, label):
    journal = StationJournal().add(line, raised())
    taken = store.take(journal.batch(), received_ms=NOW)
    assert taken.standing.cursor == 2
    assert unprojected(store, label) == 1
    assert len(calls(store)) == 1
    assert set(alarms(store)) <= {"unreadable", "unreadable_help"}
    assert alarms(store)


def test_the_same_id_at_two_numbers_is_stored_twice_and_shown_once(store):
    press = line_of(raised())
    journal = StationJournal().add(press, press)
    assert store.take(journal.batch(), received_ms=NOW).standing.cursor == 2
    (call,) = calls(store).values()
    assert call["presses"] == 1


def test_an_id_that_is_no_uuid_is_remembered_all_the_same(store):
    press = line_of(raised(), event_id="\u0000" * 3000)
    store.take(StationJournal().add(press, press).batch(), received_ms=NOW)
    (call,) = calls(store).values()
    assert call["presses"] == 1


def test_two_workers_interleaving_on_one_journal_lose_no_revision_and_show_each_event_once(url):
    workers = [Store.open(url), Store.open(url)]
    call = "11111111-1111-4111-8111-111111111111"
    journal = StationJournal().add(raised(call))
    journal.add(*[HelpPressedAgain(call=call, origin="panel") for _ in range(59)])
    start = threading.Barrier(2)
    revisions: list[list[tuple[int, int]]] = [[], []]

    def work(index: int) -> None:
        numbers = range(1, 61) if index == 0 else range(60, 0, -1)
        start.wait()
        for number in numbers:
            taken = workers[index].take(journal.batch(number, number), received_ms=NOW)
            revisions[index].append((taken.standing.rev, len(taken.settled.fresh)))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fresh = sorted(rev for rev, count in revisions[0] + revisions[1] if count)
    assert fresh == list(range(1, 61))
    assert workers[0].standing(STATION, journal.id).standing.stored == ((1, 60),)
    assert calls(workers[1])[call]["presses"] == 60
    for worker in workers:
        worker.close()


def test_a_headquarters_restored_from_an_older_copy_falls_back_and_converges_when_all_is_sent_again(tmp_path):
    call = "11111111-1111-4111-8111-111111111111"
    journal = StationJournal().add(raised(call))
    journal.add(*[HelpPressedAgain(call=call, origin="panel") for _ in range(7)])
    live = Store.open(url_of(tmp_path / "live.db"), wall_ms=lambda: NOW)
    live.take(journal.batch(1, 3), received_ms=NOW)
    with sqlite3.connect(tmp_path / "live.db") as source, sqlite3.connect(tmp_path / "copy.db") as copy:
        source.backup(copy)
    source.close()
    copy.close()
    live.take(journal.batch(4, 8), received_ms=NOW)
    expected = calls(live)
    live.close()
    shutil.copy(tmp_path / "copy.db", tmp_path / "restored.db")
    restored = Store.open(url_of(tmp_path / "restored.db"), wall_ms=lambda: NOW)
    standing = restored.standing(STATION, journal.id)
    assert standing.standing.cursor == 3
    assert standing.chain == journal.chain(3)
    restored.take(journal.batch(8, 8), received_ms=NOW)
    restored.take(journal.batch(2, 8), received_ms=NOW)
    assert restored.standing(STATION, journal.id).standing.cursor == 8
    assert calls(restored) == expected
    restored.close()


def test_a_change_is_told_with_a_version_that_the_overview_has_reached(store):
    told: list[int] = []
    store.on_change = told.append
    journal = StationJournal().add(raised())
    store.take(journal.batch(), received_ms=NOW)
    store.health(STATION, {}, received_ms=NOW)
    assert told == [1, 2]
    assert store.overview(NOW).version == 2


def test_the_time_a_call_waited_for_the_desk_is_measured_once(store):
    call = "11111111-1111-4111-8111-111111111111"
    press = line_of(HelpAcknowledged(call=call, after_ms=12_000))
    store.take(StationJournal().add(raised(call), press, press).batch(), received_ms=NOW)
    labels = {"station": STATION}
    name = "station_help_acknowledgement_seconds"
    assert store.metrics.registry.get_sample_value(f"{name}_count", labels) == 1
    assert store.metrics.registry.get_sample_value(f"{name}_sum", labels) == 12
    exposed = store.metrics.expose(store.facts(NOW)).decode()
    assert 'station_help_acknowledgement_seconds_bucket{le="15.0",station="sjz-001"} 1.0' in exposed
    assert 'station_up{station="sjz-001"} 0.0' in exposed


def test_a_rehearsal_leaves_nothing_behind(store):
    def left():
        return {table.name: rows(store, table) for table in tables.metadata.sorted_tables}

    store.take(StationJournal().add(raised()).batch(), received_ms=NOW)
    told = []
    store.on_change = told.append
    before = left()
    store.rehearse()
    store.rehearse()
    assert left() == before
    assert not told
    assert unprojected(store, "help.raised") == 0
