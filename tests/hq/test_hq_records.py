import random
from typing import Any

import msgspec
import pytest
from store_rig import (
    NOW,
    STATION,
    StationJournal,
    line_of,
    new_id,
    opened,
    raw_line,
    rescued,
    rows,
    send_all,
    unprojected,
)

from common.events.records import RecordAmended, RecordOpened, RecordRevealed, RecordStepped
from common.events.terms import Sealed
from hq import tables
from hq.records import records_called
from hq.store import Store

NUMBER = "JW012-20261122-0007"


def life(record: str, number: str = NUMBER) -> list[bytes]:
    """Return the lines of a record from its opening to its end, three with a box."""
    box = Sealed(key=new_id(), box="AAAA")
    payloads = [
        RecordOpened(
            record=record,
            number=number,
            service="QZ-01",
            catalogue="1",
            channel="window",
            state="draft",
            on_file=("name",),
            sealed=box,
        ),
        RecordAmended(record=record, change=2, on_file=("name", "phone"), sealed=box),
        RecordStepped(record=record, change=3, step="register", state="registered", staff="012345"),
        RecordRevealed(record=record, fields=("phone",)),
        RecordStepped(record=record, change=4, step="accept", state="accepted"),
        RecordStepped(
            record=record, change=5, step="refer", state="referred", target="police-office", due="2026-11-30"
        ),
        RecordAmended(record=record, change=6, grid="G-1", sealed=box),
        RecordStepped(record=record, change=7, step="take_back", state="handling"),
        RecordStepped(record=record, change=8, step="finish", state="closed", result="helped"),
    ]
    return [line_of(payload, event_id=record if place == 0 else None) for place, payload in enumerate(payloads)]


def table(store: Store) -> list[dict[str, Any]]:
    """Return what stands of records, but for when it came."""
    return sorted(
        ({name: value for name, value in row.items() if name != "received_ms"} for row in rows(store, tables.records)),
        key=lambda row: row["record"],
    )


def only(store: Store) -> dict[str, Any]:
    (row,) = table(store)
    return row


def test_a_record_stands_as_its_events_add_up_to(store):
    record = new_id()
    lines = life(record)
    send_all(store, StationJournal().add(*lines))
    row = only(store)
    assert (row["record"], row["number"], row["state"], row["outcome"]) == (record, NUMBER, "closed", "done")
    assert (row["service"], row["grid"], row["staff"], row["target"]) == ("QZ-01", "G-1", "012345", None)
    assert (row["on_file"], row["change"], row["result"]) == ('["name","phone"]', 8, "helped")
    ids = [msgspec.json.decode(lines[place])["id"] for place in (0, 1, 6)]
    with store.database.read() as connection:
        (found,) = records_called(connection, NUMBER)
        assert records_called(connection, "JW012-20261122-0008") == []
    assert (found.station, found.record.id, list(found.boxes)) == (STATION, record, ids)


def test_a_record_moves_by_number_and_not_when_stored(store):
    journal = StationJournal().add(*life(new_id()))
    store.take(journal.batch(3, 9), received_ms=NOW)
    assert table(store) == []
    store.take(journal.batch(1, 1), received_ms=NOW)
    assert only(store)["state"] == "draft"
    store.take(journal.batch(2, 2), received_ms=NOW)
    assert only(store)["state"] == "closed"


@pytest.mark.parametrize("seed", range(6))
def test_batches_in_any_order_and_again_and_again_give_the_same_rows(store, seed):
    chance = random.Random(seed)
    journal = StationJournal()
    lives = [life(new_id(), f"JW012-20261122-{number:04d}") for number in range(5)]
    while lives:  # mixed, each in its own order
        one = chance.choice(lives)
        journal.add(one.pop(0))
        lives = [rest for rest in lives if rest]
    count = len(journal.lines)
    cuts = sorted(chance.sample(range(1, count), 12))
    spans = list(zip([1, *(cut + 1 for cut in cuts)], [*cuts, count], strict=True))
    spans += chance.sample(spans, 4)
    chance.shuffle(spans)
    send_all(store, journal, spans)
    assert {row["state"] for row in table(store)} == {"closed"}
    before = table(store)
    send_all(store, journal, [(first, first) for first in range(1, count + 1)])
    assert table(store) == before


def test_a_backlog_sent_again_under_a_new_journal_moves_no_record_backwards(store):
    old, new = StationJournal(), StationJournal()
    lines = life(new_id())
    old.add(*lines)
    send_all(store, old)
    before = only(store)
    new.add(opened(old, 2), *(rescued(line) for line in lines[2:]))
    for last in range(1, len(new.lines) + 1):
        store.take(new.batch(last, last), received_ms=NOW)
        assert only(store) == before


def test_what_was_rescued_counts_as_what_it_carries(store):
    record = new_id()
    lines = life(record)
    send_all(store, StationJournal().add(*lines[:3], *(rescued(line) for line in lines[3:])))
    assert only(store)["state"] == "closed"


def test_two_stations_may_say_the_same_number(store):
    for station in ("sjz-001", "sjz-002"):
        record = new_id()
        lines = [line.replace(b"/stations/sjz-001", f"/stations/{station}".encode()) for line in life(record)]
        send_all(store, StationJournal(station).add(*lines))
    with store.database.read() as connection:
        assert [found.station for found in records_called(connection, NUMBER)] == ["sjz-001", "sjz-002"]


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        ("record.opened", "{}"),
        ("record.stepped", '{"record":"RECORD","change":2,"step":"fly","state":"closed"}'),
        ("record.stepped", '{"record":"RECORD","change":0,"step":"accept","state":"accepted"}'),
        ("record.stepped", '{"record":"RECORD","change":2,"step":"accept","state":"accepted","staff":"\\u0000"}'),
        ("record.amended", '{"record":"RECORD\\n","change":2}'),
        ("record.amended", '{"record":"RECORD","change":2,"grid":"' + "x" * 65 + '"}'),
    ],
)
def test_what_cannot_be_understood_of_a_record_is_counted_and_stops_nothing(store, event_type, data):
    record = new_id()
    lines = life(record)
    bad = raw_line(event_type, data.replace("RECORD", record))
    send_all(store, StationJournal().add(lines[0], bad, *lines[1:]))
    assert only(store)["state"] == "closed"
    assert unprojected(store, event_type) == 1


def test_a_record_whose_beginning_was_lost_stands_without_a_number(store):
    journal = StationJournal().add(*life(new_id()))
    journal.oldest = 3
    store.take(journal.batch(3, 9), received_ms=NOW)
    row = only(store)
    assert (row["number"], row["state"], row["change"]) == ("", "closed", 8)


def test_a_backlog_longer_than_memory_takes_at_once_is_projected_whole(store):
    journal = StationJournal()
    for number in range(130):
        journal.add(*life(new_id(), f"JW012-20261122-{number:04d}"))
    send_all(store, journal, [(2, 600), (601, 1170), (1, 1)])
    assert [row["state"] for row in table(store)] == ["closed"] * 130
