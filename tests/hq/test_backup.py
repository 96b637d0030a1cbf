import sqlite3
import threading
import time

import pytest
from sqlalchemy import select, text
from store_rig import NOW, STATION, FakeClock, StationJournal, calls, new_id, raised, rows, url_of

from common.events.journal import StationStarted
from hq import audit, copies, tables
from hq.copies import NoCopyError
from hq.database import SchemaTooNewError
from hq.invitations import Guest, NotInvited, invite, redeem
from hq.orders import Orders
from hq.restore import WorkersBeatError, restore
from hq.store import Store
from sync.invitation import secret_hash

WHO = "jt"


def fill(store):
    """Store a birth, a call, orders and an act of the audit; return the journal."""
    journal = StationJournal().add(raised(), StationStarted(agent="0.1.0"))
    store.birth(STATION, journal.birth("s1", generation=4), received_ms=NOW)
    store.take(journal.batch(), received_ms=NOW)
    (call,) = calls(store)
    Orders(store, FakeClock()).answer(STATION, call, "desk", new_id())
    with store.database.write() as connection:
        act = audit.Act(who="a", what="unseal", station=STATION, event="e", reason="case 1")
        audit.record(connection, act, at_ms=NOW)
    return journal


def everything(store):
    names = [table for table in tables.metadata.sorted_tables if table.primary_key]
    return {table.name: rows(store, table.select().order_by(*table.primary_key).subquery()) for table in names}


def go_back(store, folder, *, force=False):
    return restore(store, folder, FakeClock(), who=WHO, force=force)


@pytest.fixture
def other(url):
    opened = Store.open(url, wall_ms=lambda: NOW)
    yield opened
    opened.close()


def test_a_copy_of_either_database_is_a_database_that_holds_the_same_rows(store, tmp_path):
    fill(store)
    held = copies.write_copy(store.database, tmp_path / "copy")
    assert (held.stations, held.events, held.seen_ms) == (1, 2, NOW)
    (file,) = (tmp_path / "copy").iterdir()  # one file, not three
    assert file.stat().st_mode & 0o077 == 0
    copy = Store.open(url_of(file))
    assert everything(copy) == everything(store)
    copy.close()


def test_a_copy_is_never_written_over_another(store, tmp_path):
    copies.write_copy(store.database, tmp_path / "copy")
    with pytest.raises(NoCopyError, match="another folder"):
        copies.write_copy(store.database, tmp_path / "copy")


def test_a_copy_of_either_database_restores_either(store, other, tmp_path):
    journal = fill(store)
    before = everything(store)
    copies.write_copy(store.database, tmp_path / "copy")
    fill(other)  # something else, which must be gone
    done = go_back(other, tmp_path / "copy")
    after = everything(other)
    for same in ("stations", "births", "journals", "events", "projected", "help_calls", "orders", "shift_keys"):
        assert after[same] == before[same]
    assert done.contents.events == 2
    assert after["epoch"] == [{"id": 1, "epoch": done.epoch}]
    # The next row gets a number of its own.
    more = StationJournal().add(raised())
    assert other.take(more.batch(), received_ms=NOW).settled.verdict == "stored"
    assert other.standing(STATION, journal.id).standing.cursor == 2


def test_after_a_restore_what_came_since_is_asked_for_again_under_a_new_epoch_and_new_orders_journals(store, tmp_path):
    journal = fill(store)
    first = store.new_epoch()
    orders = Orders(store, FakeClock())
    generation = orders.current(STATION).generation
    copies.write_copy(store.database, tmp_path / "copy")
    journal.add(raised(), raised())
    store.take(journal.batch(3, 4), received_ms=NOW)
    expected = calls(store)
    done = go_back(store, tmp_path / "copy")
    assert store.epoch() == done.epoch != first
    assert orders.current(STATION).generation == generation + 1
    assert done.orders_journals == 1
    assert orders.unacknowledged() == [STATION]
    assert store.standing(STATION, journal.id).standing.cursor == 2
    for _ in range(2):
        store.take(journal.batch(1, 4), received_ms=NOW)
    assert calls(store) == expected


def test_a_code_that_may_have_been_used_since_the_copy_was_made_is_good_no_more(store, tmp_path):
    guest = Guest(hash=secret_hash("0" * 16), station=STATION, key=bytes(32), tls=bytes(32))
    with store.database.write() as connection:
        invite(connection, STATION, guest.hash, {}, now_ms=NOW)
    copies.write_copy(store.database, tmp_path / "copy")
    go_back(store, tmp_path / "copy")
    with store.database.write() as connection, pytest.raises(NotInvited, match="wrong-code"):
        redeem(connection, guest, now_ms=NOW)


def test_nothing_is_restored_while_a_worker_beats_unless_forced(store, tmp_path):
    fill(store)
    copies.write_copy(store.database, tmp_path / "copy")
    store.beat("one", NOW - 20_000)
    before = everything(store)
    with pytest.raises(WorkersBeatError, match=r"one, 20 s ago.*--force"):
        go_back(store, tmp_path / "copy")
    assert everything(store) == before
    go_back(store, tmp_path / "copy", force=True)
    assert rows(store, tables.workers) == []


def test_a_worker_that_ended_long_ago_keeps_nobody_from_restoring(store, tmp_path):
    copies.write_copy(store.database, tmp_path / "copy")
    store.beat("one", NOW - 200_000)
    go_back(store, tmp_path / "copy")


def test_the_audit_loses_no_line_and_tells_of_the_restore(store, tmp_path):
    fill(store)
    copies.write_copy(store.database, tmp_path / "copy")
    with store.database.write() as connection:
        act = audit.Act(who="b", what="unseal", station=STATION, event="e", reason="case 2")
        audit.record(connection, act, at_ms=NOW)
    assert go_back(store, tmp_path / "copy").audit_kept == 1
    assert go_back(store, tmp_path / "copy").audit_kept == 2
    with store.database.read() as connection:
        lines = list(audit.read(connection))
    assert all(line.sound for line in lines)
    for line, word in zip(lines, (b"case 1", b"case 2", b"restore", b"restore"), strict=True):
        assert word in line.line


@pytest.mark.parametrize("since", [0, 1, 2])
def test_the_audit_loses_no_line_either_when_it_has_forgotten_some_since_the_copy_was_made(store, tmp_path, since):
    """Of the copy's lines it has forgotten none, some, or all; what it has forgotten does not come back."""
    for case in (1, 2):
        with store.database.write() as connection:
            act = audit.Act(who="b", what="unseal", station=STATION, event="e", reason=f"case {case}")
            audit.record(connection, act, at_ms=NOW + case)
    copies.write_copy(store.database, tmp_path / "copy")
    with store.database.write() as connection:
        act = audit.Act(who="b", what="unseal", station=STATION, event="e", reason="case 3")
        audit.record(connection, act, at_ms=NOW + 3)
        forgotten = audit.forget(connection, before_ms=NOW + since, who="by age", at_ms=NOW + 4)
    assert forgotten == since
    with store.database.read() as connection:
        before = [line.line for line in audit.read(connection)]
    assert go_back(store, tmp_path / "copy").audit_kept == (1 if since == 0 else 2)
    with store.database.read() as connection:
        lines = list(audit.read(connection))
        assert audit.beginning(connection).number == since
        assert audit.beginning(connection).sound
    assert [line.line for line in lines[:-1]] == before
    assert all(line.sound for line in lines)


def test_another_headquarters_audit_is_not_mixed_with_the_copys(store, other, tmp_path):
    fill(store)
    copies.write_copy(store.database, tmp_path / "copy")
    with other.database.write() as connection:
        act = audit.Act(who="c", what="unseal", station=STATION, event="x", reason="case 9")
        audit.record(connection, act, at_ms=NOW)
    assert go_back(other, tmp_path / "copy").audit_kept is None
    with other.database.read() as connection:
        assert all(line.sound for line in audit.read(connection))


def test_a_folder_without_a_copy_or_with_a_damaged_one_changes_nothing(store, tmp_path):
    fill(store)
    before = everything(store)
    with pytest.raises(NoCopyError, match="not there"):
        go_back(store, tmp_path / "copy")
    copies.write_copy(store.database, tmp_path / "copy")
    file = tmp_path / "copy/hq.db"
    content = file.read_bytes()
    for damaged in (b"no database", content[: len(content) // 2], b"", content[:100] + bytes(8000) + content[8100:]):
        file.write_bytes(damaged)
        with pytest.raises(NoCopyError, match="damaged"):
            go_back(store, tmp_path / "copy")
    assert everything(store) == before


def test_a_copy_of_a_newer_headquarters_changes_nothing(store, tmp_path):
    copies.write_copy(store.database, tmp_path / "copy")
    connection = sqlite3.connect(tmp_path / "copy/hq.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(SchemaTooNewError):
        go_back(store, tmp_path / "copy")


def test_a_copy_made_while_batches_arrive_holds_each_of_them_whole(url, tmp_path):
    store = Store.open(url)
    journal = StationJournal()
    journal.add(*[raised() for _ in range(200)])
    done = threading.Event()

    def arrive():
        for first in range(1, 200, 5):
            store.take(journal.batch(first, first + 4), received_ms=NOW)
        done.set()

    thread = threading.Thread(target=arrive)
    thread.start()
    made = 0
    deadline = time.monotonic() + 60
    while (not done.is_set() or not made) and time.monotonic() < deadline:
        copies.write_copy(store.database, tmp_path / str(made))
        made += 1
    thread.join()
    store.close()
    for number in range(made):
        copy = Store.open(url_of(tmp_path / str(number) / "hq.db"))
        held = len(rows(copy, tables.events))
        assert held % 5 == 0
        assert held == len(rows(copy, tables.help_calls)) == len(rows(copy, tables.projected))
        assert copy.standing(STATION, journal.id).standing.cursor == held
        copy.close()


def test_a_copy_has_all_tables_there_are(store, tmp_path):
    copies.write_copy(store.database, tmp_path / "copy")
    with copies.opened(tmp_path / "copy/hq.db") as copy, copy.read() as connection:
        for table in tables.metadata.sorted_tables:
            connection.execute(select(table)).all()
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
