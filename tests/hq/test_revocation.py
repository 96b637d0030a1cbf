"""A station is revoked: from that commit on nothing of it is stored, nothing answered, whatever comes."""

import json

import pytest
from store_rig import NOW, STATION, FakeClock, StationJournal, raised, rows, send_all

from common import keyfiles
from common.events.journal import StationStarted
from hq import audit, copies, gate, revocation, tables
from hq.ingest import Ingest, Presences
from hq.own_keys import order_keys
from hq.restore import restore
from hq.signers import Signers
from hq.station_keys import StationKeys
from hq.store import Store
from sync.signed import Writer
from sync.signing import SigningKey
from tests.faults import hostile

KEY, HQ = SigningKey(bytes([1]) * 32), SigningKey(bytes([2]) * 32)
BORN = {"session": "one", "head": 1}


def revoke(store: Store, station: str = STATION, at: int = NOW) -> int:
    return revocation.revoke(store, station, who="an officer", reason="stolen", now_ms=at)


@pytest.fixture
def ingest(store, tmp_path) -> Ingest:
    keyfiles.write_pair(tmp_path / STATION, bytes([1]) * 32, KEY.public.raw)
    keyfiles.write_pair(tmp_path / "order.key", bytes([2]) * 32, HQ.public.raw)
    signers = Signers(order_keys(tmp_path / "order.key"))
    return Ingest(store, keys=StationKeys(tmp_path), signers=signers, presences=Presences(store), clock=FakeClock())


def refused(store: Store) -> float:
    return store.metrics.registry.get_sample_value("jt_refused_total", {"reason": "revoked"}) or 0


def everything(store: Store) -> dict[str, list[dict]]:
    return {table.name: rows(store, table) for table in tables.metadata.sorted_tables if table is not tables.audit}


def test_whatever_a_revoked_station_sends_is_counted_and_neither_stored_nor_answered(store, ingest):
    journal = StationJournal().add(raised())
    birth = Writer(KEY).write(journal.birth("one"))
    assert ingest.state(STATION, birth).acks
    lines = journal.lines[:]
    assert ingest.batch(STATION, "log", hostile.batch(KEY, STATION, lines, journal=journal.id)) is not None
    revoke(store)
    before = everything(store)
    journal.add(StationStarted(agent="x"))
    down = hostile.ack(KEY, STATION, journal=None, session="one", stored=[], rev=0, chain=None)
    for number, answered in enumerate(
        (
            ingest.batch(STATION, "log", hostile.batch(KEY, STATION, journal.lines, journal=journal.id)),
            ingest.batch(STATION, "urgent", hostile.batch(KEY, STATION, lines, journal=journal.id)),
            ingest.state(STATION, Writer(KEY).write(journal.birth("two"))).acks or None,
            ingest.state(STATION, birth).acks or None,
            ingest.down_ack(STATION, down),
            ingest.health(STATION, b'{"unsent":5}'),
        ),
        start=1,
    ):
        assert answered is None
        assert refused(store) >= number
    # What it garbles, or says goodbye with, is not answered either.
    assert ingest.batch(STATION, "log", b"rubbish") is None
    assert ingest.batch(STATION, "log", hostile.batch(hostile.NOBODYS, STATION, lines)) is None
    ingest.state(STATION, Writer(KEY).write({"kind": "farewell", "station": STATION, "session": "one"}))
    assert everything(store) == before


def test_batches_of_others_that_are_taken_with_a_revoked_stations_are_stored(store):
    revoke(store)
    mine, theirs = StationJournal().add(raised()), StationJournal("sjz-002").add(raised())
    taken = store.take_all([mine.batch(), theirs.batch()], received_ms=NOW)
    assert [(one.revoked, len(one.settled.fresh)) for one in taken] == [(True, 0), (False, 1)]
    assert [row["journal"] for row in rows(store, tables.journals)] == [theirs.id]
    assert {row["station"]: row["seen_ms"] for row in rows(store, tables.stations)} == {STATION: None, "sjz-002": NOW}


def test_the_page_says_so_and_the_audit_who_and_why(store):
    send_all(store, StationJournal().add(raised()))
    assert revoke(store) == NOW
    [row] = store.overview(NOW).stations
    assert row.revoked
    with store.database.read() as connection:
        [line] = [json.loads(one.line) for one in audit.read(connection)]
    assert (line["what"], line["who"], line["reason"], line["station"]) == ("revoke", "an officer", "stolen", STATION)


def test_to_revoke_again_changes_nothing_and_tells_since_when(store):
    revoke(store)
    assert revoke(store, at=NOW + 5) == NOW
    with store.database.read() as connection:
        assert len(list(audit.read(connection))) == 1


def test_nobody_is_revoked_without_a_reason(store):
    with pytest.raises(ValueError, match="no reason"):
        revocation.revoke(store, STATION, who="x", reason=" ", now_ms=NOW)
    assert not store.is_revoked(STATION)


def test_a_station_that_never_said_a_word_can_be_revoked(store):
    revoke(store, "sjz-777")
    assert store.is_revoked("sjz-777")
    assert not store.is_revoked(STATION)


def test_a_readmitted_station_is_heard_again(store, ingest):
    revoke(store)
    assert revocation.readmit(store, STATION, who="an officer", reason="enrolled again", now_ms=NOW)
    assert not revocation.readmit(store, STATION, who="an officer", reason="again", now_ms=NOW)
    assert ingest.state(STATION, Writer(KEY).write(StationJournal().birth("one"))).acks


def test_going_back_to_a_copy_decides_nobodys_access(store, tmp_path):
    clock = FakeClock()
    for station in ("sjz-002", "sjz-003"):
        send_all(store, StationJournal(station).add(raised()))
    revoke(store, "sjz-003")
    copies.write_copy(store.database, tmp_path / "copy")
    revoke(store, "sjz-002")
    revocation.readmit(store, "sjz-003", who="x", reason="y", now_ms=NOW)
    revoke(store, "sjz-004")
    restore(store, tmp_path / "copy", clock, who="an officer", force=True)
    with store.database.read() as connection:
        assert set(revocation.revoked(connection)) == {"sjz-002", "sjz-004"}


# -- what the broker is told ---------------------------------------------------------------------------------------


def answer(*clients: dict) -> bytes:
    return json.dumps(
        {
            "responses": [
                {"command": "createRole", "error": "x"},
                {"command": "listClients", "data": {"clients": clients}},
            ]
        }
    ).encode()


def test_the_brokers_list_is_made_right_and_whoever_is_on_it_thrown_out():
    mine = {"roles": [{"rolename": gate.ROLE}]}
    found = gate.listed(answer({"username": "a", **mine}, {"username": "b", **mine}, {"username": "someone else's"}))
    assert found == {"a", "b"}
    assert [(one["command"], one["username"]) for one in gate.changes({"b", "c"}, found)] == [
        ("createClient", "c"),
        ("disableClient", "b"),
        ("disableClient", "c"),
        ("deleteClient", "a"),
    ]


def test_an_answer_to_another_question_says_nothing_of_the_list():
    assert gate.listed(b'{"responses":[{"command":"disableClient"}]}') is None


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"responses":7}', b"\xff", answer({"username": 7})])
def test_nonsense_from_the_broker_is_told_from_an_answer(payload):
    with pytest.raises(ValueError):
        gate.listed(payload)
