"""Whoever was not satisfied is followed up: opened once by the rating, due in 15 working days, closed with a reason."""

import json
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from store_rig import NOW, StationJournal, line_of, new_id, opened, raw_line, rescued, rows, send_all, unprojected
from test_hq_records import NUMBER, life, only

from common.events.records import RecordRated, RecordStepped
from hq import audit, tables
from hq.follow_ups import FollowUps, Standing
from hq.working_days import Calendar

RATED, DUE, DAY_MS = date(2026, 9, 21), date(2026, 10, 19), 24 * 3600 * 1000  # TIME of the rig, in Shanghai
NATIONAL_DAY = frozenset(date(2026, 10, day) for day in range(1, 8))


def rated(record, rating, change=9, **options):
    return line_of(RecordRated(record=record, change=change, rating=rating), **options)


class At:
    """Follow-ups of a store, with a wall clock that a test sets."""

    def __init__(self, store, now=NOW):
        self.now = now
        calendar = Calendar(ZoneInfo("Asia/Shanghai"), NATIONAL_DAY)
        self.follow_ups = FollowUps(store.database, calendar, lambda: self.now)


def send(store, record, *ratings):
    journal = StationJournal().add(*life(record))
    journal.add(*(rated(record, rating, 9 + place) for place, rating in enumerate(ratings)))
    send_all(store, journal)
    return journal


@pytest.mark.parametrize("rating", ["dissatisfied", "very_dissatisfied"])
def test_each_of_the_two_lowest_opens_one_due_in_fifteen_working_days(store, rating):
    record = new_id()
    journal = send(store, record, rating)
    (one,) = At(store).follow_ups.all()
    assert (one.station, one.record, one.number, one.service) == (journal.station, record, NUMBER, "QZ-01")
    assert one.id == json.loads(journal.lines[-1])["id"]
    assert (one.rating, one.rated, one.due, one.overdue) == (rating, RATED, DUE, False)
    assert only(store)["rating"] == rating


@pytest.mark.parametrize("rating", ["very_satisfied", "satisfied", "fairly_satisfied"])
def test_the_others_open_none_and_no_rating_is_no_rating(store, rating):
    send(store, new_id(), rating)
    send_all(store, StationJournal("sjz-001").add(*life(new_id())))
    assert At(store).follow_ups.all() == []
    assert sorted(str(row["rating"]) for row in rows(store, tables.records)) == ["None", rating]


def test_a_rating_sent_again_or_rescued_opens_none_twice_and_opens_none_again_that_is_closed(store):
    record = new_id()
    old, new = send(store, record, "dissatisfied"), StationJournal()
    (one,) = At(store).follow_ups.all()
    new.add(opened(old, 5), *(rescued(line) for line in old.lines[5:]))
    send_all(store, new)
    assert [again.id for again in At(store).follow_ups.all()] == [one.id]
    assert At(store).follow_ups.close(one.id, by="wang", reason="telephoned")
    third = StationJournal().add(opened(new, 1), *(rescued(line) for line in old.lines[5:]))
    send_all(store, third)
    assert At(store).follow_ups.all() == []


def test_a_better_rating_after_a_reopening_stands_on_the_record_and_closes_nothing(store):
    record = new_id()
    journal = StationJournal().add(
        *life(record),
        rated(record, "very_dissatisfied", 9),
        RecordStepped(record=record, change=10, step="reopen", state="handling", reason="citizen-returned"),
    )
    send_all(store, journal)
    assert only(store)["rating"] is None
    journal.add(
        RecordStepped(record=record, change=11, step="finish", state="closed", result="helped"),
        rated(record, "satisfied", 12),
    )
    send_all(store, journal)
    assert only(store)["rating"] == "satisfied"
    assert [one.rating for one in At(store).follow_ups.all()] == ["very_dissatisfied"]


def test_it_is_overdue_the_day_after_and_not_before(store):
    send(store, new_id(), "dissatisfied")
    at = At(store)
    days = (DUE - RATED).days
    at.now = NOW + days * DAY_MS
    assert (at.follow_ups.all()[0].overdue, at.follow_ups._standing()) == (False, Standing(open=1, overdue=0))
    at.now += DAY_MS
    assert (at.follow_ups.all()[0].overdue, at.follow_ups._standing()) == (True, Standing(open=1, overdue=1))


def test_a_clock_that_is_not_to_be_trusted_does_not_say_when(store):
    record = new_id()
    lines = [*life(record), rated(record, "dissatisfied", unsure=True, time="1970-01-01T00:00:00.000Z")]
    send_all(store, StationJournal().add(*lines))
    assert At(store).follow_ups.all()[0].rated == RATED, "the day on which headquarters heard of it"


def test_closing_needs_a_reason_and_is_in_the_audit_with_it(store):
    record = new_id()
    send(store, record, "dissatisfied")
    follow_ups = At(store).follow_ups
    (one,) = follow_ups.all()
    with pytest.raises(ValueError, match="no reason"):
        follow_ups.close(one.id, by="wang", reason="  ")
    assert [again.id for again in follow_ups.all()] == [one.id]
    assert follow_ups.close(one.id, by="wang", reason="apologised, case 7")
    assert follow_ups.all() == []
    assert not follow_ups.close(one.id, by="li", reason="again")
    assert not follow_ups.close(new_id(), by="li", reason="there is none")
    with store.database.read() as connection:
        (noted,) = [json.loads(line.line) for line in audit.read(connection)]
    assert (noted["who"], noted["what"], noted["event"], noted["reason"]) == (
        "wang",
        "follow-up",
        record,
        "apologised, case 7",
    )


def test_a_rating_before_its_record_has_come_is_followed_up_too(store):
    record = new_id()
    send_all(store, StationJournal().add(rated(record, "dissatisfied", 9)))
    assert [(one.record, one.number) for one in At(store).follow_ups.all()] == [(record, "")]


@pytest.mark.parametrize("rating", ['"good"', "5", "null"])
def test_a_rating_that_is_none_is_counted_and_stops_nothing(store, rating):
    record = new_id()
    bad = raw_line("record.rated", f'{{"record":"{record}","change":9,"rating":{rating}}}')
    send_all(store, StationJournal().add(*life(record), bad))
    assert only(store)["rating"] is None
    assert unprojected(store, "record.rated") == 1
