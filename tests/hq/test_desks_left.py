"""Desks that everybody has left, as headquarters' overview shows them."""

from store_rig import NOW, StationJournal, line_of, send_all

from common.events.calls import HelpRaised
from common.events.desk import DeskAttended, DeskUnattended
from common.identifiers import uuid7

STATION = "sjz-001"


def overview(store, *, after_s=0):
    return store.overview(NOW + after_s * 1000, broker_connected=True)


def say(store, *lines, station=STATION):
    journal = StationJournal(station).add(*lines)
    send_all(store, journal)
    return journal


def raised():
    call = uuid7(wall_ms=NOW)
    return line_of(HelpRaised(call=call, origin="screen"), event_id=call)


def test_headquarters_sees_since_when_nobody_is_at_a_desk_until_somebody_is_back(store):
    journal = say(store, line_of(DeskUnattended(age_ms=30_000)))
    (row,) = overview(store, after_s=10).stations
    assert row.unattended_s >= 40
    send_all(store, journal.add(line_of(DeskAttended(by="work"))))
    assert overview(store).stations[0].unattended_s is None


def test_a_call_of_a_desk_that_was_left_says_so_and_such_a_station_stands_above_a_quiet_one(store):
    say(store, line_of(DeskUnattended()), station="sjz-009")
    say(store, line_of(DeskAttended(by="key")), station="sjz-002")
    assert [row.station for row in overview(store).stations] == ["sjz-009", "sjz-002"]
    say(store, line_of(DeskUnattended()), raised())
    found = overview(store)
    assert [(call.station, call.unattended) for call in found.calls] == [(STATION, True)]
    assert found.stations[0].station == STATION
