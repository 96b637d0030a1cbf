import pytest
from sqlalchemy.exc import IntegrityError
from store_rig import NOW, STATION, StationJournal, calls, new_id, raised, rows

from common.events.calls import HelpPressedAgain
from common.events.journal import OrderFailed
from common.events.records import RecordOpened, RecordStepped
from hq import tables
from hq.bulk import insert_mappings, insert_rows

STRANGE = ("", "x", "\\N", "\t", 'a"b\\.', "慕容", "x" * 3000)


def test_rows_come_back_as_they_were_put_in_whatever_is_in_them(store):
    names = ("station", "seen_ms", "health")
    put = [(f"s{number}", None if number % 2 else 2**52, text) for number, text in enumerate(STRANGE)]
    with store.database.write() as connection:
        insert_rows(connection, tables.stations, names, put)
    found = sorted((row["station"], row["seen_ms"], row["health"]) for row in rows(store, tables.stations))
    assert found == sorted(put)


def test_binary_values_and_truths_come_back(store):
    store.take(StationJournal().add(raised()).batch(), received_ms=NOW)
    (call,) = rows(store, tables.help_calls)
    more = [call | {"call": f"more-{number}", "escalated": bool(number % 2)} for number in range(4)]
    line = {"station": STATION, "sha256": bytes(range(32)), "journal": "j", "number": 7, "line": b"\x00\xff\n\t\\N"}
    with store.database.write() as connection:
        insert_mappings(connection, tables.help_calls, more)
        insert_mappings(connection, tables.aside, [line | {"received_ms": NOW}])
        insert_mappings(connection, tables.aside, [])
    assert {name: row["escalated"] for name, row in calls(store).items() if name.startswith("more-")} == {
        "more-0": False,
        "more-1": True,
        "more-2": False,
        "more-3": True,
    }
    assert rows(store, tables.aside) == [line | {"received_ms": NOW}]


def test_a_row_that_is_there_already_refuses_them_all(store):
    with store.database.write() as connection:
        insert_rows(connection, tables.stations, ("station",), [("a",)])
    with pytest.raises(IntegrityError), store.database.write() as connection:
        insert_rows(connection, tables.stations, ("station",), [("b",), ("a",), ("c",)])
    assert [row["station"] for row in rows(store, tables.stations)] == ["a"]


def busy_day():
    """A journal with all that is projected: calls, records and their steps, orders that failed, unreadable words."""
    journal = StationJournal()
    for number in range(60):
        record, call = new_id(), new_id()
        journal.add(
            raised(call),
            RecordOpened(
                record=record,
                number=f"JW012-20261122-{number:04}",
                service="s",
                catalogue="1",
                channel="window",
                state="registered",
            ),
            HelpPressedAgain(call=call, origin="panel"),
            RecordStepped(record=record, change=2, step="accept", state="accepted"),
            OrderFailed(order=call, reason="no"),
        )
    return journal


def test_one_batch_of_hundreds_leaves_the_tables_that_single_events_leave(store):
    journal = busy_day()
    journal.lines += journal.lines[:9]  # the same events once more, under other numbers
    last = len(journal.lines)
    names = ("events", "projected", "help_calls", "records", "alarms", "stations")

    def left():
        return {name: sorted(map(str, rows(store, tables.metadata.tables[name]))) for name in names}

    # Each on its own station would differ in the names, so the same one, emptied in between, serves both.
    for number in range(1, last + 1):
        store.take(journal.batch(number, number), received_ms=NOW)
    single = left()
    with store.database.write() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            if table is not tables.audit:
                connection.execute(table.delete())
    store.take(journal.batch(1, last), received_ms=NOW)
    assert [row.split("'journal_id'")[0] for row in left()["records"]] == single["records"]
    together = left()
    for name in names[1:]:
        assert together[name] == single[name]
    assert len(together["events"]) == last


def test_there_is_something_else_to_do_only_while_another_process_writes(store):
    done = []
    with store.database.write() as connection:
        insert_rows(connection, tables.stations, ("station",), [("a",)], meanwhile=lambda: done.append("all"))
        another_process = connection.dialect.name == "postgresql"
    assert done == (["all"] if another_process else [])
    with pytest.raises(IntegrityError), store.database.write() as connection:
        insert_rows(connection, tables.stations, ("station",), [("b",), ("a",)], meanwhile=lambda: done.append("b"))
    assert len(done) == 2 * another_process
    assert [row["station"] for row in rows(store, tables.stations)] == ["a"]


def test_what_goes_wrong_before_the_last_row_leaves_none(store):
    def cut_short():
        yield ("a",)
        raise LookupError("no more rows")

    with pytest.raises(LookupError, match="no more rows"), store.database.write() as connection:
        insert_rows(connection, tables.stations, ("station",), cut_short())
    assert rows(store, tables.stations) == []
