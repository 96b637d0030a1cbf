"""The books of the desks at headquarters: who is out, what is lent, what is kept."""

import pytest
from store_rig import NOW, StationJournal, line_of, new_id, rows, send_all

from common.events.errands import PatrolBegun, PatrolEnded
from common.events.lent_and_found import FoundEnded, FoundKept, LoanBegun, LoanEnded
from hq import books, tables

HOUR_MS = 3_600_000
BEGUN = {
    "patrol": lambda one: PatrolBegun(patrol=one, kind="grid", where="G-07", purpose="round"),
    "loan": lambda one: LoanBegun(loan=one, thing="umbrella", hours=72, number="U-1", record="JW012-20261122-0007"),
    "found": lambda one: FoundKept(found=one, category="keys", shelf="A-3", days=20, note="三把"),
}
ENDED = {
    "patrol": lambda one: PatrolEnded(patrol=one, step="return"),
    "loan": lambda one: LoanEnded(loan=one, step="return"),
    "found": lambda one: FoundEnded(found=one, step="hand_on", reference="R-1"),
}
KINDS = pytest.mark.parametrize("kind", list(BEGUN))


def say(store, *payloads, station="sjz-001"):
    send_all(store, StationJournal(station).add(*map(line_of, payloads)))


def opened(store, after_hours=0):
    return books.read(store.database, NOW + after_hours * HOUR_MS)


@KINDS
def test_what_a_station_began_is_open_until_it_says_that_it_is_over(store, kind):
    one = new_id()
    begun, ended = BEGUN[kind](one), ENDED[kind](one)
    say(store, begun, begun)
    (entry,) = opened(store).shown
    assert (entry.station, entry.kind, entry.overdue) == ("sjz-001", kind, False)
    say(store, begun, ended, ended, begun)
    assert opened(store).open == 0


@KINDS
def test_what_ends_before_it_was_heard_of_shows_nothing(store, kind):
    say(store, ENDED[kind](new_id()))
    assert opened(store) == books.Books(open=0, overdue=0, shown=())


@pytest.mark.parametrize(("kind", "hours"), [("loan", 72), ("found", 480)])
def test_what_is_late_stands_on_top(store, kind, hours):
    say(store, BEGUN["patrol"](new_id()), BEGUN[kind](new_id()))
    before, after = opened(store, hours - 1), opened(store, hours)
    assert (before.overdue, after.overdue) == (0, 1)
    assert (after.shown[0].kind, after.shown[0].overdue) == (kind, True)


def test_a_loan_that_was_given_up_is_over_and_may_come_back(store):
    one = new_id()
    say(store, BEGUN["loan"](one), LoanEnded(loan=one, step="lose"))
    assert opened(store).open == 0
    say(store, LoanEnded(loan=one, step="return"))
    assert [row["state"] for row in rows(store, tables.books)] in (["lost"], ["returned"])


def test_headquarters_keeps_neither_words_nor_the_number_of_a_record(store):
    say(store, BEGUN["loan"](new_id()), BEGUN["found"](new_id()))
    kept = str(rows(store, tables.books))
    assert "JW012" not in kept
    assert "三把" not in kept


@pytest.mark.parametrize(
    "payload",
    [
        LoanBegun(loan=new_id(), thing="a\u0007"),
        FoundKept(found=new_id(), category="keys", shelf="\u202e", days=1),
        PatrolBegun(patrol=new_id(), kind="code", where="a\nb", purpose="round"),
    ],
)
def test_what_cannot_be_shown_is_counted_and_kept_out(store, payload):
    say(store, payload)
    assert opened(store).open == 0
    assert [row["kind"] for row in rows(store, tables.alarms)] == ["unreadable"]
