import pytest
from store_rig import NOW, STATION, FakeClock, StationJournal, new_id, raised

from common.events.calls import HelpClosed, HelpEscalated
from common.events.journal import StationStopped
from hq.orders import Orders

CALL = "11111111-1111-4111-8111-111111111111"


def raise_at(store, station: str, call: str, *more, received_ms: int = NOW) -> None:
    journal = StationJournal(station).add(raised(call), *more)
    store.take(journal.batch(), received_ms=received_ms)


def test_an_open_call_is_shown_until_it_is_closed(store):
    journal = StationJournal().add(raised(CALL), HelpClosed(call=CALL, reason="helped"))
    store.take(journal.batch(1, 1), received_ms=NOW)
    (call,) = store.overview(NOW + 5500).calls
    assert (call.station, call.id, call.state, call.age_s, call.presses) == (STATION, CALL, "raised", 5, 1)
    assert (call.origin, call.raised_time, call.clock_unsure) == ("panel", "2026-09-21T13:33:20.000Z", False)
    assert call.answered_by is None
    store.take(journal.batch(2, 2), received_ms=NOW)
    assert store.overview(NOW).calls == ()


def test_the_worst_comes_first(store):
    for station in ("a-online", "b-silent", "c-offline", "d-call", "e-answered", "f-unrecorded"):
        seen = NOW - 200_000 if station == "b-silent" else NOW
        store.birth(station, StationJournal(station).birth("s1"), received_ms=seen)
    store.farewell("c-offline", {"session": "s1"}, received_ms=NOW)
    raise_at(store, "d-call", CALL)
    raise_at(store, "e-answered", CALL)
    Orders(store, FakeClock()).answer("e-answered", CALL, "desk", new_id())
    ringing = {"ringing": {"since": "2026-09-21T13:33:20.000Z", "recorded": False}}
    store.health("f-unrecorded", ringing, received_ms=NOW)
    raise_at(store, "g-never", new_id(), HelpEscalated(call=CALL, after_ms=1))
    overview = store.overview(NOW)
    assert [row.station for row in overview.stations] == [
        "f-unrecorded",
        "g-never",
        "d-call",
        "e-answered",
        "b-silent",
        "c-offline",
        "a-online",
    ]
    assert overview.calls[0].escalated
    assert overview.calls[-1].answered_by == "desk"


def test_held_and_missing_are_counted_of_the_current_journal(store):
    journal = StationJournal().add(*[StationStopped() for _ in range(9)])
    journal.oldest = 2
    store.birth(STATION, journal.birth("s1"), received_ms=NOW)
    store.take(journal.batch(3, 4), received_ms=NOW)
    store.take(journal.batch(8, 8), received_ms=NOW)
    (row,) = store.overview(NOW).stations
    assert (row.held, row.missing, row.alarms) == (3, 4, ("gone",))
    (fact,) = store.facts(NOW)
    assert fact.gaps == 4


def test_an_alarm_is_shown_for_a_day(store):
    store.alarm(STATION, "takeover", "sessions alternate", at_ms=NOW)
    assert store.overview(NOW + 1000).stations[0].alarms == ("takeover",)
    assert store.overview(NOW + 25 * 3600 * 1000).stations[0].alarms == ()


def test_a_call_that_could_not_be_recorded_is_shown_until_a_sample_says_otherwise(store):
    since = "2026-09-21T13:33:20.000Z"
    store.health(STATION, {"ringing": {"since": since, "recorded": False}}, received_ms=NOW)
    assert store.overview(NOW).stations[0].unrecorded_since == since
    store.health(STATION, {"ringing": {"since": since, "recorded": True}}, received_ms=NOW)
    assert store.overview(NOW).stations[0].unrecorded_since is None


def test_a_call_that_could_not_be_recorded_is_shown_until_the_call_arrives(store):
    store.health(STATION, {"ringing": {"since": 7, "recorded": False}}, received_ms=NOW)
    assert store.overview(NOW).stations[0].unrecorded_since == ""
    raise_at(store, STATION, CALL)
    assert store.overview(NOW).stations[0].unrecorded_since is None


@pytest.mark.parametrize(
    "sample",
    [
        {},
        {"ringing": None},
        {"ringing": [1]},
        {"unsent": "many", "oldest_unsent_s": True, "agent": "x" * 65},
        {"unsent": None, "oldest_unsent_s": float("inf")},
        {"name": "planted", "deep": {"deeper": ["planted"]}},
    ],
)
def test_of_a_health_sample_only_small_known_values_are_kept(store, sample):
    store.health(STATION, sample, received_ms=NOW)
    (fact,) = store.facts(NOW)
    assert fact.health == {}
    assert store.overview(NOW).stations[0].presence == "never"


def test_the_latest_health_sample_is_measured(store):
    store.birth(STATION, StationJournal().birth("s1"), received_ms=NOW)
    store.health(STATION, {"unsent": 12, "oldest_unsent_s": 3.5}, received_ms=NOW)
    store.metrics.refused("signature")
    store.metrics.stored("urgent", 2)
    store.metrics.acked()
    exposed = store.metrics.expose(store.facts(NOW + 4000)).decode()
    for line in (
        'station_up{station="sjz-001"} 1.0',
        'station_last_seen_seconds{station="sjz-001"} 4.0',
        'station_unsent_records{station="sjz-001"} 12.0',
        'station_oldest_unsent_seconds{station="sjz-001"} 3.5',
        'station_sequence_gaps{station="sjz-001"} 0.0',
        'jt_refused_total{reason="signature"} 1.0',
        'jt_events_stored_total{lane="urgent"} 2.0',
        "jt_acks_total 1.0",
    ):
        assert line in exposed.splitlines()
