import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from store_rig import NOW, STATION, StationJournal, alarms, line_of, opened, raised, rows

from common.events.journal import OrderApplied, StationStopped
from hq import tables
from hq.presence import presence
from hq.store import Store


def test_the_latest_birth_names_the_current_session(store):
    journal = StationJournal().add(raised())
    assert store.latest_birth(STATION) is None
    assert store.birth(STATION, journal.birth("s1", generation=3), received_ms=NOW) == "accepted"
    birth = store.latest_birth(STATION)
    assert birth is not None
    assert (birth.session, birth.journal, birth.head, birth.generation) == ("s1", journal.id, 1, 3)
    assert store.birth(STATION, journal.birth("s2"), received_ms=NOW + 1) == "accepted"
    birth = store.latest_birth(STATION)
    assert birth is not None
    assert birth.session == "s2"


def test_a_birth_of_a_replaced_session_is_recorded_alarmed_and_ignored(store):
    journal = StationJournal()
    store.birth(STATION, journal.birth("s1"), received_ms=NOW)
    store.birth(STATION, journal.birth("s2"), received_ms=NOW)
    assert store.birth(STATION, journal.birth("s1"), received_ms=NOW) == "replaced"
    birth = store.latest_birth(STATION)
    assert birth is not None
    assert birth.session == "s2"
    assert alarms(store) == {"replaced_session": 1}
    assert len(rows(store, tables.births)) == 2


def test_the_same_birth_seen_by_every_worker_is_accepted_and_proves_no_presence(store):
    journal = StationJournal()
    store.birth(STATION, journal.birth("s1"), received_ms=NOW)
    assert store.birth(STATION, journal.birth("s1"), received_ms=NOW + 500_000) == "accepted"
    assert store.overview(NOW + 500_000).stations[0].presence == "silent"
    assert alarms(store) == {}


def test_a_session_goes_on_in_a_new_journal_and_the_closed_one_is_never_born_again(store):
    old = StationJournal().add(raised(), raised())
    store.take(old.batch(), received_ms=NOW)
    store.birth(STATION, old.birth("s1"), received_ms=NOW)
    new = StationJournal().add(opened(old, 2))
    store.take(new.batch(), received_ms=NOW)
    assert store.birth(STATION, new.birth("s1"), received_ms=NOW) == "accepted"
    birth = store.latest_birth(STATION)
    assert birth is not None
    assert birth.journal == new.id
    assert store.birth(STATION, old.birth("s9"), received_ms=NOW) == "closed"
    birth = store.latest_birth(STATION)
    assert birth is not None
    assert birth.session == "s1"
    assert alarms(store) == {"closed_journal": 1}
    assert store.birth(STATION, new.birth("s9"), received_ms=NOW) == "accepted"


def test_a_closed_journal_of_which_too_little_is_held_is_acknowledged_again_at_each_birth(store):
    old = StationJournal().add(*[StationStopped() for _ in range(5)])
    store.take(old.batch(1, 3), received_ms=NOW)
    unknown = StationJournal()
    new = StationJournal().add(opened(old, 5), opened(unknown, 4))
    store.take(new.batch(), received_ms=NOW)
    short = store.closed_short(STATION)
    assert [(journal, taken.standing.cursor, taken.chain) for journal, taken in short] == [
        (old.id, 3, old.chain(3)),
        (unknown.id, 0, unknown.chain(0)),
    ]
    store.take(old.batch(4, 5), received_ms=NOW)
    assert [journal for journal, _ in store.closed_short(STATION)] == [unknown.id]


def test_a_journal_cannot_close_itself(store):
    journal = StationJournal()
    journal.add(opened(journal, 0))
    store.take(journal.batch(), received_ms=NOW)
    assert store.birth(STATION, journal.birth("s1"), received_ms=NOW) == "accepted"
    assert alarms(store) == {"unreadable": 1}


def test_a_farewell_of_another_session_proves_nothing(store):
    journal = StationJournal()
    store.birth(STATION, journal.birth("s1"), received_ms=NOW)
    store.birth(STATION, journal.birth("s2"), received_ms=NOW)
    assert not store.farewell(STATION, {"session": "s1"}, received_ms=NOW)
    assert store.overview(NOW).stations[0].presence == "online"
    assert store.farewell(STATION, {"session": "s2"}, received_ms=NOW)
    assert store.overview(NOW).stations[0].presence == "offline"
    assert not store.farewell("sjz-999", {"session": "s2"}, received_ms=NOW)


def test_anything_signed_after_a_farewell_refutes_it(store):
    journal = StationJournal().add(raised())
    store.birth(STATION, journal.birth("s1"), received_ms=NOW)
    store.farewell(STATION, {"session": "s1"}, received_ms=NOW + 1)
    store.seen(STATION, received_ms=NOW + 2)
    assert store.overview(NOW + 2).stations[0].presence == "online"
    store.farewell(STATION, {"session": "s1"}, received_ms=NOW + 3)
    store.take(journal.batch(), received_ms=NOW + 4)
    assert store.overview(NOW + 4).stations[0].presence == "online"


@pytest.mark.parametrize(
    ("born", "seen", "farewell", "expected"),
    [
        (False, None, None, "never"),
        (False, 1_000_000, None, "never"),
        (True, 1_000_000, None, "online"),
        (True, 820_001, None, "online"),
        (True, 820_000, None, "silent"),
        (True, 0, None, "silent"),
        (True, 1_000_000, 1_000_000, "offline"),
        (True, 500_000, 999_999, "offline"),
        (True, 1_000_000, 999_999, "online"),
        (True, 1_000_500, None, "online"),
        (True, 1_180_000, None, "silent"),
    ],
)
def test_presence_follows_from_what_was_signed(born, seen, farewell, expected):
    assert presence(1_000_000, born=born, seen_ms=seen, farewell_ms=farewell) == expected


def test_a_health_sample_hints_that_a_quiet_station_is_there_but_refutes_no_farewell():
    assert presence(1_000_000, born=True, seen_ms=0, farewell_ms=None, hint_ms=990_000) == "online"
    assert presence(1_000_000, born=True, seen_ms=0, farewell_ms=1, hint_ms=990_000) == "offline"


def test_an_epoch_lives_as_long_as_one_worker_beats(store):
    first = store.epoch_at_start("a", NOW)
    store.beat("a", NOW + 100_000)
    assert store.epoch_at_start("b", NOW + 200_000) == first
    assert store.epoch() == first
    second = store.epoch_at_start("a", NOW + 400_000)
    assert second != first
    assert uuid.UUID(second)
    third = store.new_epoch()
    assert third != second
    assert store.epoch_at_start("b", NOW + 400_001) == third


def test_two_workers_that_start_at_once_on_a_new_database_agree_on_the_epoch(url):
    stores = [Store.open(url, wall_ms=lambda: NOW) for _ in range(2)]
    together = threading.Barrier(2)

    def start(number):
        together.wait(10)
        return stores[number].epoch_at_start(f"worker-{number}", NOW)

    with ThreadPoolExecutor(2) as threads:
        epochs = list(threads.map(start, range(2)))
    assert epochs[0] == epochs[1] == stores[0].epoch()
    for store in stores:
        store.close()


def test_two_workers_that_see_one_birth_at_once_leave_one_station(url):
    workers = [Store.open(url), Store.open(url)]
    header = StationJournal().birth("s1")
    assert [worker.birth(STATION, header, received_ms=NOW) for worker in workers] == ["accepted", "accepted"]
    assert len(rows(workers[0], tables.births)) == 1
    for worker in workers:
        worker.close()


def test_the_agents_name_is_kept_plain(store):
    header = StationJournal().birth("s1") | {"agent": "\u0000" + "x" * 500}
    store.birth(STATION, header, received_ms=NOW)
    birth = store.latest_birth(STATION)
    assert birth is not None
    assert birth.agent == "x" * 63


@pytest.mark.parametrize(
    "strange", [{"session": "s\u0000"}, {"session": "s" * 129}, {"session": ""}, {"journal": "no"}, {"boot": "no"}]
)
def test_a_birth_that_names_nothing_sound_is_refused_and_leaves_nothing(store, strange):
    with pytest.raises(ValueError, match=r"birth|session"):
        store.birth(STATION, StationJournal().birth("s1") | strange, received_ms=NOW)
    assert store.latest_birth(STATION) is None
    assert store.overview(NOW).stations == ()
    assert not store.knows(STATION, "\u0000")


def test_an_outcome_of_an_order_nobody_knows_is_nothing(store):
    line = line_of(OrderApplied(order=str(uuid.uuid4())))
    assert store.take(StationJournal().add(line).batch(), received_ms=NOW).standing.cursor == 1
    assert alarms(store) == {}
