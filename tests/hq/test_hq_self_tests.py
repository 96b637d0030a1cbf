"""What headquarters makes of self-tests: an answer, a row, a metric, a mark on the page; never a call."""

import itertools

import pytest
from store_rig import NOW, STATION, FakeClock, StationJournal, calls, line_of, new_id, raw_line, rescued, rows, send_all

from common.events.calls import HelpTested, Press
from common.events.equipment import DeviceTested
from hq import tables
from hq.health import known_part
from hq.orders import Orders
from hq.self_tests import SelfTestFacts, read_self_tests
from hq.view import is_self_test_wrong

HOUR_MS = 3_600_000
TEST = "019a0000-0000-7000-8000-000000000007"


def pressed(panel="front", event_id=TEST) -> bytes:
    press = Press(panel=panel, epoch=1, number=1)
    return line_of(HelpTested(panel=panel, press=press), event_id=event_id)


def outcome(panel="front", *, reason="", time="2026-09-21T14:13:20.000Z", unsure=False) -> bytes:
    payload = DeviceTested(device=panel, passed=not reason, reason=reason, took_ms=900)
    return line_of(payload, time=time, unsure=unsure)


def facts(store, now=NOW) -> SelfTestFacts:
    with store.database.read() as connection:
        return read_self_tests(connection, now)[STATION]


def answers(store) -> list[str]:
    return [row["data"] for row in rows(store, tables.orders) if row["type"] == "help.test_answered"]


@pytest.fixture
def answering(store):
    store.on_tested = Orders(store, FakeClock()).answer_test
    return store


def test_a_self_test_is_answered_once_and_is_no_call(answering):
    journal = StationJournal().add(pressed(), outcome())
    for _ in range(2):
        send_all(answering, journal)
    assert answers(answering) == ['{"test":"' + TEST + '"}']
    assert not calls(answering)
    [row] = rows(answering, tables.self_tests)
    assert (row["device"], row["pressed_ms"], row["tested_ms"], row["took_ms"]) == ("front", NOW, NOW, 900)
    assert not answering.overview(NOW).calls
    [station] = answering.overview(NOW).stations
    assert (station.open_calls, station.alarms) == (0, ())


def test_a_rescued_self_test_is_answered_and_counts_once(answering):
    send_all(answering, StationJournal().add(pressed()))
    send_all(answering, StationJournal().add(rescued(pressed())))
    assert len(answers(answering)) == 1


@pytest.mark.parametrize(
    "line",
    [
        raw_line("help.tested", '{"panel":"front"}'),
        raw_line("help.tested", '{"panel":"a\\u0000b","press":{"panel":"a","epoch":1,"number":1}}'),
        raw_line("help.tested", '{"panel":"front","press":{"panel":"front","epoch":1,"number":1}}', "no-uuid"),
        raw_line("device.tested", '{"device":"a\\u0000b","passed":true,"took_ms":1}'),
    ],
)
def test_one_that_is_not_understood_is_kept_and_stops_nothing(answering, line):
    send_all(answering, StationJournal().add(line, outcome()))
    assert not answers(answering)
    assert facts(answering).age_s == 0


def test_the_last_test_counts_in_whatever_order_they_come(on_sqlite):
    lines = [
        outcome(time="2026-09-19T20:10:00.000Z"),
        outcome(time="2026-09-20T20:10:00.000Z", reason="no_answer"),
        outcome(time="2026-09-20T20:25:00.000Z"),
    ]
    for number, order in enumerate(itertools.permutations(lines)):
        station = f"sjz-{number}"
        on_sqlite.take(StationJournal(station).add(*order).batch(), received_ms=NOW)
    with on_sqlite.database.read() as connection:
        found = set(read_self_tests(connection, NOW).values())
    assert len(found) == 1
    assert found.pop() == SelfTestFacts(17 * 3600 + 48 * 60 + 20, "")


def test_of_several_panels_the_worst_counts_and_one_that_is_gone_is_forgotten(on_sqlite):
    journal = StationJournal().add(
        outcome("old", time="2026-09-01T20:10:00.000Z", reason="no_press"),
        outcome("back", time="2026-09-20T20:10:00.000Z"),
        outcome("back", time="2026-09-21T13:00:00.000Z", reason="no_answer"),
        outcome("front"),
    )
    send_all(on_sqlite, journal)
    assert facts(on_sqlite) == SelfTestFacts(18 * 3600 + 3 * 60 + 20, "back: no_answer")


@pytest.mark.parametrize("time", ["2036-01-01T00:00:00.000Z", "no time", "1970-01-01T00:00:00.000Z"])
def test_a_time_that_cannot_be_is_the_one_at_which_it_came(on_sqlite, time):
    send_all(on_sqlite, StationJournal().add(outcome(time=time, unsure=time.startswith("1970"))))
    assert facts(on_sqlite).age_s == 0


def test_a_test_that_failed_or_is_too_old_stands_out(on_sqlite):
    send_all(on_sqlite, StationJournal().add(outcome()))

    def station(now):
        [row] = on_sqlite.overview(now).stations
        return row

    assert not is_self_test_wrong(station(NOW + 36 * HOUR_MS))
    assert is_self_test_wrong(station(NOW + 37 * HOUR_MS))
    send_all(on_sqlite, StationJournal().add(outcome(reason="no_press")))
    assert station(NOW).self_test_failed == "front: no_press"
    assert is_self_test_wrong(station(NOW))


def test_its_age_and_what_is_up_are_metrics(on_sqlite):
    send_all(on_sqlite, StationJournal().add(outcome()))
    sample = {"devices": {"panel": True, "card_reader": False, "other": True, "code_scanner": 7}, "unsent": 1}
    on_sqlite.health(STATION, sample, received_ms=NOW)
    text = on_sqlite.metrics.expose(on_sqlite.facts(NOW + 60_000)).decode()
    assert f'station_self_test_age_seconds{{station="{STATION}"}} 60.0' in text
    assert f'station_device_up{{kind="panel",station="{STATION}"}} 1.0' in text
    assert f'station_device_up{{kind="card_reader",station="{STATION}"}} 0.0' in text
    assert 'kind="other"' not in text
    assert 'kind="code_scanner"' not in text


@pytest.mark.parametrize("devices", [None, [], "panel", {"panel": "yes"}, {}])
def test_devices_that_are_no_table_are_left_out(devices):
    assert known_part({"devices": devices, "unsent": 1}) == {"unsent": 1}


def test_a_station_never_tested_has_no_age(on_sqlite):
    send_all(on_sqlite, StationJournal().add(pressed(event_id=new_id())))
    assert facts(on_sqlite) == SelfTestFacts()
    assert b"station_self_test_age_seconds{" not in on_sqlite.metrics.expose(on_sqlite.facts(NOW))
