"""Records of all stations as one table: masked, or opened after the audit has the act; on both stores."""

import json
from datetime import date

import pytest
from store_rig import NOW, STATION, StationJournal, line_of, new_id, send_all

from common.events.records import KeyIssued, RecordAmended, RecordOpened
from common.events.terms import Sealed
from hq import audit
from hq.record_export import Wish, begin
from sync import base64url
from sync.sealing import SUITE, SealingKey, SealingPublicKey, ShiftKey, new_sealing_key

PRIVATE, PUBLIC = new_sealing_key()
NAME = "慕容复兴"
KEY = SealingKey(PRIVATE)


def find(_key_id):
    return KEY


def a_station(station=STATION, *, days=("20261121", "20261122"), issued=True):
    """Return the journal of a station with a record for each day, each about somebody, later with a telephone."""
    shift = ShiftKey.new(new_id())
    to = SealingPublicKey(PUBLIC)
    journal = StationJournal(station)
    if issued:
        kem = base64url.encode(shift.wrap(to, station))
        journal.add(KeyIssued(kid=shift.kid, suite=SUITE, to=base64url.encode(to.id), kem=kem))
    for day in days:
        record, amended = new_id(), new_id()
        opened = RecordOpened(
            record=record,
            number=f"JW012-{day}-0001",
            service="QZ-01",
            catalogue="1",
            channel="window",
            state="registered",
            on_file=("name",),
            sealed=Sealed(**shift.seal(record, {"name": NAME, "need": "=1+1"})),
        )
        sealed = Sealed(**shift.seal(amended, {"phone": "13900001234"}))
        later = RecordAmended(record=record, change=2, on_file=("name", "phone"), sealed=sealed)
        journal.add(line_of(opened, event_id=record), line_of(later, event_id=amended))
    return journal


def exported(store, **wish):
    """Return the export, and its rows as they are read from the snapshot."""
    wish.setdefault("reason", "case 7")
    with store.database.snapshot() as connection:
        export = begin(store, connection, find, Wish(**wish), who="li", now_ms=NOW)
        return export, list(export.rows)


def audited(store):
    with store.database.read() as connection:
        return [json.loads(one.line) for one in audit.read(connection)]


def test_without_the_wish_everything_personal_is_on_file_and_the_audit_has_one_line(store):
    send_all(store, a_station())
    export, rows = exported(store)
    assert export.count == len(rows) == 2
    assert {(row["person_name"], row["person_phone"], row["person_need"]) for row in rows} == {
        ("on file", "on file", None)
    }
    assert NAME not in str(rows)
    (line,) = audited(store)
    assert (line["what"], line["event"], line["reason"]) == (
        "export",
        "2 records, the first to the last",
        "case 7",
    )


def test_unsealed_it_has_every_field_and_only_of_the_days_and_stations_wished_for(store):
    send_all(store, a_station())
    send_all(store, a_station("sjz-002"))
    day = date(2026, 11, 22)
    export, rows = exported(store, unsealed=True, first=day, last=day, stations=("sjz-002",))
    assert [(row["station"], row["number"], row["person_name"], row["person_phone"]) for row in rows] == [
        ("sjz-002", "JW012-20261122-0001", NAME, "13900001234")
    ]
    assert export.closed == 0
    (line,) = audited(store)
    assert (line["what"], line["station"], line["event"]) == (
        "export-unsealed",
        "sjz-002",
        "1 records, 2026-11-22 to 2026-11-22",
    )


def test_nothing_is_opened_before_the_audit_stands_and_nothing_without_a_reason(store):
    send_all(store, a_station())
    with store.database.snapshot() as connection:
        with pytest.raises(ValueError, match="no reason"):
            begin(store, connection, find, Wish(reason=" ", unsealed=True), who="li", now_ms=NOW)
        assert audited(store) == []
        export = begin(store, connection, find, Wish(reason="case 7", unsealed=True), who="li", now_ms=NOW)
        assert [line["what"] for line in audited(store)] == ["export-unsealed"]
        assert NAME in str(next(iter(export.rows)))


def test_a_box_whose_key_has_not_come_stays_on_file_and_is_counted(store):
    send_all(store, a_station(issued=False))
    send_all(store, a_station("sjz-002", days=("20261123",)))
    export, rows = exported(store, unsealed=True)
    assert export.closed == 2
    assert [row["person_name"] for row in rows] == ["on file", "on file", NAME]
