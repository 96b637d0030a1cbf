"""Open referrals at headquarters: those due first on top, with how many there are of all."""

from datetime import date

from store_rig import StationJournal, line_of, new_id, send_all

from common.events.records import RecordOpened, RecordStepped
from hq import referrals

TODAY = date(2026, 11, 25)
REFER = {"step": "refer", "state": "referred", "target": "police-office"}
SIGN = {"step": "sign", "state": "received", "target": "police-office"}


class Sender:
    """A station that refers."""

    def __init__(self, store, station):
        self.store, self.journal = store, StationJournal(station)
        self.count = 0

    def refer(self, due, *more):
        record, self.count = new_id(), self.count + 1
        number = f"JW012-20261101-{self.count:04}"
        opened = RecordOpened(
            record=record, number=number, service="QZ-01", catalogue="1", channel="window", state="registered"
        )
        steps = [{**REFER, "due": due}, *more]
        lines = [line_of(opened, event_id=record)]
        for place, fields in enumerate(steps):
            lines.append(line_of(RecordStepped(record=record, change=place + 2, **fields)))
        send_all(self.store, self.journal.add(*lines))
        return number


def test_those_due_first_stand_on_top_and_each_figure_says_of_how_many(store):
    one, other = Sender(store, "sjz-001"), Sender(store, "sjz-002")
    later = one.refer("2026-12-24")
    today = one.refer("2026-11-25")
    past = other.refer("2026-11-24", {**SIGN, "due": "2026-11-24", "reference": "PCS-9"})
    long_past = one.refer("2026-11-02")
    found = referrals.read(store.database, TODAY)
    assert [(each.station, each.number, each.overdue) for each in found.shown] == [
        ("sjz-001", long_past, True),
        ("sjz-002", past, True),
        ("sjz-001", today, False),
        ("sjz-001", later, False),
    ]
    assert (found.open, found.unsigned, found.overdue) == (4, 3, 2)
    assert [(each.stand, each.reference) for each in found.shown[:2]] == [("referred", None), ("received", "PCS-9")]


def test_what_is_taken_back_or_done_is_no_open_referral(store):
    sender = Sender(store, "sjz-001")
    sender.refer("2026-11-02", {"step": "take_back", "state": "handling"})
    done = {"step": "finish", "state": "closed", "result": "handled"}
    sender.refer("2026-11-02", {**SIGN, "due": "2026-11-02"}, done)
    found = referrals.read(store.database, TODAY)
    assert (found.open, found.unsigned, found.overdue, found.shown) == (0, 0, 0, ())
