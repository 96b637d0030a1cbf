from collections import deque
from contextlib import contextmanager
from threading import Thread

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from store_rig import NOW, FakeClock, StationJournal, alarms, calls, new_id, raised, raw_line, rows

from common import keyfiles
from common.events.journal import StationStarted, StationStopped
from common.events.records import RecordOpened, RecordStepped
from hq import tables
from hq.ingest import Ingest, Presences
from hq.log_batches import MOST_LINES, LogBatches
from hq.own_keys import order_keys
from hq.signers import Signers
from hq.station_keys import StationKeys
from hq.store import Store
from sync import base64url, topics
from sync.batch import MAX_EVENTS, Batch
from sync.mqtt_words import Incoming
from sync.receiver import read_ack
from sync.signed import MAX_OPEN_AT_STATION, Writer, open_message
from sync.signing import Pinned, SigningKey

STATIONS = ("sjz-001", "sjz-002", "sjz-003")


class Lane:
    """The log lane of one worker; remembers what it answered, and how many lines were held by then."""

    def __init__(self, store: Store, folder) -> None:
        self._store = store
        self._keys = {station: SigningKey(bytes([number]) * 32) for number, station in enumerate(STATIONS, 1)}
        self._hq = SigningKey(bytes(32))
        for station, key in self._keys.items():
            keyfiles.write_pair(folder / station, bytes(32), key.public.raw)
        keyfiles.write_pair(folder / "order.key", bytes(32), self._hq.public.raw)
        signers = Signers(order_keys(folder / "order.key"))
        self._ingest = Ingest(
            store, keys=StationKeys(folder), signers=signers, presences=Presences(store), clock=FakeClock()
        )
        self.batches = LogBatches(self._ingest, self._answer)
        self.waiting: deque[Incoming] = deque()
        self.acks = []
        self.held_at_ack = []
        self.born = {}

    def birth(self, journal: StationJournal) -> None:
        """Have a journal's station born, so that its batches are answered."""
        assert self._store.birth(journal.station, journal.birth(new_id(), head=0), received_ms=NOW) == "accepted"

    def comes(self, batch: Batch, **changed: object) -> None:
        """Let a batch come in; `changed` is what its header says instead of the truth."""
        header = {
            "kind": "batch",
            "station": batch.station,
            "journal": batch.journal,
            "first": batch.first,
            "count": len(batch.lines),
            "oldest": batch.oldest,
            "prev": base64url.encode(batch.prev),
            "chain": base64url.encode(batch.lines[-1].chain),
        }
        payload = Writer(self._keys[batch.station]).write(header | changed, [line.line for line in batch.lines])
        self.arrives(topics.lane(batch.station, "up", "log"), payload)

    def arrives(self, topic: str, payload: bytes) -> None:
        self.waiting.append(Incoming(topic, payload, retained=False, mid=len(self.waiting) + 1))

    def take(self) -> int:
        """Take once; return how many messages that were."""
        taken = self.batches.take(self.waiting)
        for _ in range(taken):
            self.waiting.popleft()
        return taken

    def _answer(self, station: str, ack: bytes) -> None:
        kinds = frozenset({"ack"})
        opened = open_message(
            ack, station=station, kinds=kinds, limit=MAX_OPEN_AT_STATION, keys=Pinned([self._hq.public])
        )
        self.acks.append((station, read_ack(opened)))
        self.held_at_ack.append(len(rows(self._store, tables.events)))


@pytest.fixture
def lane(store, tmp_path):
    return Lane(store, tmp_path)


def ten(station: str) -> StationJournal:
    return StationJournal(station).add(*[StationStarted(agent=str(number)) for number in range(10)])


@contextmanager
def refusing(store: Store, number: int):
    """Have the database refuse every line of that number: with a fault of the data, or on PostgreSQL of its own."""
    with store.database.write() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(
                text(
                    f"CREATE TRIGGER refuses BEFORE INSERT ON events WHEN NEW.number = {number} "
                    "BEGIN SELECT RAISE(ABORT, 'refused'); END"
                )
            )
            undo = "DROP TRIGGER refuses"
        else:
            connection.execute(
                text(
                    "CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS "
                    "$$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = 'disk_full'; END $$"
                )
            )
            connection.execute(
                text(
                    f"CREATE TRIGGER refuses BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.number = {number}) "
                    "EXECUTE FUNCTION refuses()"
                )
            )
            undo = "DROP FUNCTION refuses CASCADE"
    try:
        yield
    finally:
        with store.database.write() as connection:
            connection.execute(text(undo))


def test_batches_of_several_stations_that_wait_are_committed_together_and_answered_each(lane, store):
    journals = [ten(station) for station in STATIONS]
    for journal in journals:
        lane.birth(journal)
        lane.comes(journal.batch(1, 4))
    lane.comes(journals[0].batch(5, 10))
    assert lane.take() == 4
    assert [(station, ack.rev, ack.stored) for station, ack in lane.acks] == [
        (STATIONS[0], 1, ((1, 4),)),
        (STATIONS[1], 1, ((1, 4),)),
        (STATIONS[2], 1, ((1, 4),)),
        (STATIONS[0], 2, ((1, 10),)),
    ]
    assert [ack.chain for _, ack in lane.acks] == [
        *(journal.chain(4) for journal in journals),
        journals[0].chain(10),
    ]
    assert lane.held_at_ack == [18] * 4


def test_nothing_is_answered_before_all_of_it_is_committed(lane):
    journal = ten(STATIONS[0])
    lane.birth(journal)
    for first in range(1, 11):
        lane.comes(journal.batch(first, first))
    assert lane.take() == 10
    assert lane.held_at_ack == [10] * 10


def test_each_batch_has_its_own_verdict(lane, store):
    good, forked = ten(STATIONS[0]), ten(STATIONS[1])
    for journal in (good, forked):
        lane.birth(journal)
        lane.comes(journal.batch(1, 3))
    call = new_id()
    lane.comes(forked.fork_at(3, raised(call)).batch(3, 3))
    lane.comes(good.batch(4, 6), chain=base64url.encode(bytes(32)))
    lane.comes(good.batch(4, 6), count=7)
    lane.arrives(topics.lane(STATIONS[0], "up", "log"), b"\x00not a message")
    lane.comes(good.batch(4, 6), v=2)  # of a later edition: left alone
    lane.comes(good.batch(4, 8))
    lane.comes(good.batch(1, 3))
    assert lane.take() == 9
    said = [(station, ack.cursor, ack.rejected and ack.rejected.reason) for station, ack in lane.acks]
    assert said == [
        (STATIONS[0], 3, None),
        (STATIONS[1], 3, None),
        (STATIONS[1], 3, "fork"),
        (STATIONS[0], 8, "chain"),
        (STATIONS[0], 8, "malformed"),
        (STATIONS[0], 8, "malformed"),
        (STATIONS[0], 8, None),
        (STATIONS[0], 8, None),
    ]
    assert len(rows(store, tables.events)) == 11
    assert alarms(store) == {"fork": 1, "refused_help": 1}
    assert list(calls(store)) == [call]
    assert store.metrics.registry.get_sample_value("jt_refused_total", {"reason": "chain"}) == 1


def test_a_batch_that_the_database_refuses_takes_no_other_down(lane, store):
    good, bad = ten(STATIONS[0]), ten(STATIONS[1]).add(*[StationStopped()] * 5)
    for journal in (good, bad):
        lane.birth(journal)
    lane.comes(good.batch(1, 5))
    lane.comes(bad.batch(1, 15))
    lane.comes(good.batch(6, 10))
    with refusing(store, 13):
        assert lane.take() == 1  # alone, since together they were refused
        assert [(station, ack.cursor) for station, ack in lane.acks] == [(STATIONS[0], 5)]
        for _ in range(2):
            with pytest.raises(DBAPIError):
                lane.take()
        assert lane.held_at_ack == [5]
    assert [lane.take(), lane.take()] == [1, 1]
    assert [(station, ack.cursor) for station, ack in lane.acks[1:]] == [(STATIONS[1], 15), (STATIONS[0], 10)]
    assert store.metrics.registry.get_sample_value("jt_events_stored_total", {"lane": "log"}) == 25
    lane.comes(good.batch(1, 5))
    lane.comes(bad.batch(1, 5))
    assert lane.take() == 2  # together again


def test_another_connection_begins_anew(lane, store):
    journal, other = ten(STATIONS[0]), ten(STATIONS[1]).add(*[StationStopped()] * 5)
    lane.birth(journal)
    lane.birth(other)
    lane.comes(other.batch(1, 15))
    lane.comes(journal.batch(1, 5))
    with refusing(store, 13), pytest.raises(DBAPIError):
        lane.take()
    lane.waiting = deque()
    lane.comes(journal.batch(1, 5))
    lane.comes(journal.batch(6, 10))
    assert lane.take() == 2
    assert [(station, ack.cursor) for station, ack in lane.acks] == [(STATIONS[0], 5), (STATIONS[0], 10)]


def test_what_is_no_batch_waits_for_its_turn_and_so_does_what_is_behind_it(lane):
    journal = ten(STATIONS[0])
    lane.birth(journal)
    lane.comes(journal.batch(1, 5))
    lane.arrives(topics.state(STATIONS[0]), b"a birth")
    lane.comes(journal.batch(6, 10))
    assert lane.take() == 1


def test_a_lock_is_held_for_so_many_lines_and_no_more(lane):
    journal = StationJournal(STATIONS[0]).add(*[raw_line("station.stopped")] * (3 * MAX_EVENTS))
    lane.birth(journal)
    for first in range(1, len(journal.lines) + 1, MAX_EVENTS):
        lane.comes(journal.batch(first, first + MAX_EVENTS - 1))
    assert [lane.take(), lane.take()] == [MOST_LINES // MAX_EVENTS, 1]
    assert [ack.cursor for _, ack in lane.acks] == [MAX_EVENTS, 2 * MAX_EVENTS, 3 * MAX_EVENTS]


def test_workers_that_take_the_same_stations_in_any_order_never_wait_in_a_circle(store):
    failed = []

    def work(order):
        journals = [ten(station) for station in order]
        try:
            for number in range(1, 11):
                store.take_all([journal.batch(number, number) for journal in journals], received_ms=NOW)
        except DBAPIError as error:
            failed.append(error)

    threads = [Thread(target=work, args=(order,)) for order in (STATIONS, STATIONS[::-1], STATIONS[1:] + STATIONS[:1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(rows(store, tables.events)) == 90


def test_the_records_of_a_backlog_taken_together_are_those_of_one_batch_after_the_other(store):
    record = new_id()
    told = [
        RecordOpened(
            record=record,
            number="JW012-20261122-0001",
            service="s",
            catalogue="1",
            channel="window",
            state="registered",
        ),
        RecordStepped(record=record, change=2, step="accept", state="accepted"),
        RecordStepped(record=record, change=3, step="handle", state="handling", staff="3"),
    ]
    journal = StationJournal().add(*told)
    store.take_all([journal.batch(number, number) for number in (1, 3, 2)], received_ms=NOW)
    (found,) = rows(store, tables.records)
    assert (found["state"], found["change"], found["number"]) == ("handling", 3, "JW012-20261122-0001")
