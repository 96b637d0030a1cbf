"""Headquarters opens what a station sealed: only with the private key, only for a reason, never without the audit."""

import base64
import json
import logging

import pytest
from sqlalchemy import delete, insert, text, update
from store_rig import NOW, STATION, StationJournal, alarms, new_id, opened, raw_line, rescued, rows, send_all

from common.events.records import KeyIssued, RevealRequested
from hq import audit, tables
from hq.audit import Act
from hq.sealed import NotUnsealedError, unseal
from sync import base64url
from sync.sealing import SUITE, SealingKey, ShiftKey

KEY, OTHER_KEY = SealingKey(bytes(range(96))), SealingKey(bytes(96))
FIELDS = {"name": "慕容复兴", "number": "110101199003077571"}


def issue(key: ShiftKey, *, whom: SealingKey = KEY, station: str = STATION, **changes: str) -> KeyIssued:
    kem = base64url.encode(key.wrap(whom.public, station))
    values = {"kid": key.kid, "suite": SUITE, "to": base64url.encode(whom.public.id), "kem": kem}
    return KeyIssued(**(values | changes))


def record_line(key: ShiftKey, event_id: str, *, sealed_as: str | None = None) -> bytes:
    """Return the line of an event to come, which carries a box."""
    data = json.dumps({"sealed": key.seal(sealed_as or event_id, FIELDS)})
    return raw_line("record.opened", data, event_id)


def asked(event: str, *, station: str = STATION, reason: str = "case 7") -> Act:
    return Act(who="li", what="unseal", station=station, event=event, reason=reason)


def ask(store, event, *, key=KEY, **changes):
    return unseal(store, {key.public.id: key}.get, asked(event, **changes), now_ms=NOW).fields


def audited(store):
    with store.database.read() as connection:
        return [(json.loads(each.line), each.sound) for each in audit.read(connection)]


@pytest.fixture
def key():
    return ShiftKey.new(new_id())


def test_a_sealed_event_is_opened_for_a_reason_and_the_audit_says_by_whom(store, key):
    event = new_id()
    send_all(store, StationJournal().add(issue(key), record_line(key, event)))
    assert ask(store, event) == FIELDS
    (entry,) = audited(store)
    assert entry == (
        {
            "time": "2026-09-21T14:13:20.000Z",
            "who": "li",
            "what": "unseal",
            "station": STATION,
            "event": event,
            "reason": "case 7",
        },
        True,
    )


def test_a_box_that_comes_before_its_key_is_opened_once_the_key_is_there(store, key):
    event = new_id()
    journal = StationJournal().add(issue(key), record_line(key, event))
    send_all(store, journal, [(2, 2)])
    with pytest.raises(NotUnsealedError, match="has not come yet"):
        ask(store, event)
    send_all(store, journal, [(1, 1)])
    assert ask(store, event) == FIELDS


def test_a_key_is_known_whatever_journal_brings_it_and_rescued_too(store, key):
    event, again = new_id(), new_id()
    old = StationJournal().add(issue(key), record_line(key, event))
    new = StationJournal().add(opened(old, 0), *(rescued(line) for line in old.lines))
    send_all(store, new)
    assert ask(store, event) == FIELDS
    send_all(store, StationJournal().add(record_line(key, again)))
    assert ask(store, again) == FIELDS


def test_the_first_key_of_a_name_counts(store, key):
    event, impostor = new_id(), ShiftKey.new(key.kid)
    send_all(store, StationJournal().add(issue(key), issue(impostor), record_line(key, event)))
    assert len(rows(store, tables.shift_keys)) == 1
    assert ask(store, event) == FIELDS


def test_a_key_and_its_box_that_come_twice_are_one(store, key):
    event = new_id()
    journal = StationJournal().add(issue(key), record_line(key, event))
    send_all(store, journal, [(1, 2), (1, 2), (2, 2)])
    assert len(rows(store, tables.shift_keys)) == 1
    assert ask(store, event) == FIELDS


def test_keys_and_boxes_belong_to_their_station(store, key):
    event, copied = new_id(), new_id()
    send_all(store, StationJournal().add(issue(key), record_line(key, event)))
    send_all(store, StationJournal("sjz-002").add(issue(key), record_line(key, copied)))
    with pytest.raises(NotUnsealedError, match="no event"):
        ask(store, event, station="sjz-002")
    with pytest.raises(NotUnsealedError, match="another sealing key, station or key id"):
        ask(store, copied, station="sjz-002")


def test_a_box_moved_to_another_event_is_not_opened(store, key):
    event = new_id()
    send_all(store, StationJournal().add(issue(key), record_line(key, event, sealed_as=new_id())))
    with pytest.raises(NotUnsealedError, match="another key or event, or damaged"):
        ask(store, event)


def test_another_private_key_opens_nothing_and_is_told_which_one_does(store, key):
    event = new_id()
    send_all(store, StationJournal().add(issue(key), record_line(key, event)))
    with pytest.raises(NotUnsealedError, match=base64url.encode(KEY.public.id)):
        ask(store, event, key=OTHER_KEY)


def test_what_is_not_held_or_not_sealed_is_said_and_audited_all_the_same(store, key):
    event, damaged = new_id(), new_id()
    lines = [raw_line("record.opened", "{}", event), raw_line("record.opened", '{"sealed":{"key":1}}', damaged)]
    send_all(store, StationJournal().add(issue(key), *lines))
    for wanted in (event, damaged):
        with pytest.raises(NotUnsealedError, match="carries no sealed fields"):
            ask(store, wanted)
    for station in (STATION, "no-such"):
        with pytest.raises(NotUnsealedError, match="look at both ids"):
            ask(store, new_id(), station=station)
    assert len(audited(store)) == 4


def test_without_a_reason_nothing_is_opened(store, key):
    event = new_id()
    send_all(store, StationJournal().add(issue(key), record_line(key, event)))
    for reason in ("", " \n"):
        with pytest.raises(NotUnsealedError, match="no reason"):
            ask(store, event, reason=reason)
    assert audited(store) == []


def test_nothing_is_opened_when_the_audit_cannot_be_written(on_sqlite, key):
    event = new_id()
    send_all(on_sqlite, StationJournal().add(issue(key), record_line(key, event)))
    with on_sqlite.database.write() as connection:
        connection.execute(text("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'full'); END"))
    with pytest.raises(Exception, match="full"):
        ask(on_sqlite, event)


@pytest.mark.parametrize(
    "changes",
    [{"suite": "X25519"}, {"to": "AAAA"}, {"to": "not base64url!"}, {"kem": "AAAA"}, {"kem": "\x00"}, {"kem": ""}],
)
def test_a_key_wrapped_in_an_unknown_way_is_stored_and_shown_and_stops_nothing(store, key, changes):
    taken = store.take(StationJournal().add(issue(key, **changes), issue(key)).batch(), received_ms=NOW)
    assert taken.standing.stored == ((1, 2),)
    assert alarms(store) == {"unreadable": 1}
    assert len(rows(store, tables.shift_keys)) == 1


def test_a_request_to_reveal_is_understood(store):
    send_all(store, StationJournal().add(RevealRequested(event=new_id())))
    assert alarms(store) == {}


def test_a_changed_a_missing_and_an_inserted_line_of_the_audit_are_found(store):
    def acts(count):
        for number in range(count):
            with store.database.write() as connection:
                audit.record(connection, asked(new_id(), reason=f"case {number}"), at_ms=NOW)

    def broken():
        with store.database.read() as connection:
            return [each.number for each in audit.read(connection) if not each.sound]

    def change(statement):
        with store.database.write() as connection:
            connection.execute(statement)

    table = tables.audit
    acts(6)
    assert broken() == []
    line = rows(store, table)[2]["line"]
    change(update(table).where(table.c.number == 2).values(line=line.replace(b"case", b"none")))
    assert broken() == [2]
    change(update(table).where(table.c.number == 2).values(line=line))
    change(delete(table).where(table.c.number == 4))
    assert broken() == [5]
    change(insert(table).values(number=4, line=line, chain=bytes(32)))
    assert broken() == [4, 5]
    acts(1)
    assert broken() == [4, 5]


def test_the_audit_keeps_words_short_and_printable(store):
    with store.database.write() as connection:
        audit.record(connection, asked("e\x00\ud800", reason="案件\n" + "7" * 9000), at_ms=NOW)
    ((entry, sound),) = audited(store)
    assert sound
    assert entry["event"] == "e"
    assert entry["reason"].startswith("案件7")
    assert len(entry["reason"]) < 501


def test_no_byte_of_the_database_and_no_word_of_the_log_tells_a_field(on_sqlite, tmp_path, key, caplog):
    caplog.set_level(logging.DEBUG)
    event, other = new_id(), new_id()
    journal = StationJournal().add(issue(key), record_line(key, event), record_line(key, other, sealed_as=event))
    send_all(on_sqlite, journal)
    assert ask(on_sqlite, event) == FIELDS
    with pytest.raises(NotUnsealedError):
        ask(on_sqlite, other)
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert event.encode() in content  # so that a search finds what is there
    for field in FIELDS.values():
        assert field not in caplog.text
        for raw in (field.encode(), field.encode("utf-16-le"), field.encode("utf-16-be")):
            assert raw not in content
            for shift in range(3):
                coded = base64.b64encode(bytes(shift) + raw)[4 if shift else 0 : -4]
                assert coded not in content
                assert coded.translate(bytes.maketrans(b"+/", b"-_")) not in content
        assert field.encode("unicode_escape") not in content
