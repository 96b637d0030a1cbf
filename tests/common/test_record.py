import itertools

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from common.events.records import RecordAmended, RecordOpened, RecordStepped
from common.events.terms import Sealed
from common.record import Record, Told, fold

ID = "11111111-1111-7111-8111-111111111111"
SEALED = Sealed(key=ID, box="AAAA")
TIME = "2026-11-22T04:00:00.000Z"

LIFE = [
    RecordOpened(
        record=ID,
        number="JW012-20261122-0007",
        service="QZ-01",
        catalogue="1",
        channel="window",
        state="draft",
        team="甲",
        staff="1",
        grid="G-1",
        on_file=("name",),
        sealed=SEALED,
    ),
    RecordAmended(record=ID, change=2, service="QZ-02", catalogue="2", on_file=("name", "phone"), sealed=SEALED),
    RecordStepped(record=ID, change=3, step="register", state="registered", staff="2"),
    RecordStepped(record=ID, change=4, step="reject", state="rejected", missing=("id-card", "other")),
    RecordStepped(record=ID, change=5, step="resubmit", state="registered"),
    RecordStepped(record=ID, change=6, step="accept", state="accepted"),
    RecordStepped(record=ID, change=7, step="refer", state="referred", target="police-office", due="2026-11-30"),
    RecordAmended(record=ID, change=8, grid="G-2", priority="urgent", reference="R-1"),
    RecordStepped(
        record=ID,
        change=9,
        step="sign",
        state="received",
        target="police-office",
        due="2026-11-30",
        reference="R-2",
    ),
    RecordStepped(
        record=ID, change=10, step="finish", state="closed", target="police-office", due="2026-11-30", result="helped"
    ),
]


def event_id(place: int) -> str:
    return f"22222222-2222-7222-8222-{place:012d}"


def folded(told, record=None):
    record = record or Record(id=ID)
    for place, payload in told:
        record = fold(record, [Told(payload, event_id(place), TIME, unsure=False)])
    return record


STORY = list(enumerate(LIFE))
WHOLE = folded(STORY)


def test_a_life_adds_up():
    assert (WHOLE.state, WHOLE.outcome, WHOLE.result, WHOLE.change) == ("closed", "done", "helped", 10)
    assert (WHOLE.number, WHOLE.team, WHOLE.channel, WHOLE.opened_time) == ("JW012-20261122-0007", "甲", "window", TIME)
    assert (WHOLE.service, WHOLE.catalogue, WHOLE.grid, WHOLE.priority) == ("QZ-02", "2", "G-2", "urgent")
    assert (WHOLE.staff, WHOLE.reference, WHOLE.on_file, WHOLE.missing) == ("2", "R-2", ("name", "phone"), ())


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_any_order_and_any_event_again_gives_the_same_record(data):
    again = data.draw(st.lists(st.sampled_from(STORY), max_size=6))
    assert folded(data.draw(st.permutations(STORY + again))) == WHOLE


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_many_events_at_once_give_what_they_give_one_by_one(data):
    story = data.draw(st.permutations(STORY))
    told = [Told(payload, event_id(place), TIME, unsure=False) for place, payload in story]
    cut = data.draw(st.integers(0, len(told)))
    assert fold(fold(Record(id=ID), told[:cut]), told[cut:]) == WHOLE


@given(missing=st.sets(st.sampled_from(range(len(LIFE))), max_size=5), data=st.data())
@settings(max_examples=100, deadline=None)
def test_events_that_come_late_make_no_difference_in_the_end(missing, data):
    first = folded(data.draw(st.permutations([one for one in STORY if one[0] not in missing])))
    assert folded([one for one in STORY if one[0] in missing], first) == WHOLE


def test_a_record_never_moves_backwards():
    late = folded(STORY[7:])
    assert folded(STORY[:7], late).state == "closed"
    changes = [folded(STORY[:place]).change for place in range(len(STORY) + 1)]
    assert changes == sorted(changes)


def test_of_two_histories_of_one_record_the_longer_one_stands_in_any_order():
    forked = [
        (101, RecordStepped(record=ID, change=3, step="withdraw", state="closed")),
        (102, RecordAmended(record=ID, change=3, grid="G-3")),
    ]
    results = [folded(order) for order in itertools.permutations([*STORY[:3], *forked])]
    assert all(result == results[0] for result in results)
    assert (results[0].state, results[0].outcome, results[0].grid) == ("closed", "withdrawn", "G-3")


def test_a_step_leaves_what_the_one_before_it_had_asked_for():
    assert folded(STORY[:4]).missing == ("id-card", "other")
    assert folded(STORY[:5]).missing == ()


def test_a_record_waits_for_the_day_of_its_suspension_or_of_its_referral():
    assert folded(STORY[:7]).waits_for == folded(STORY[:9]).waits_for == "2026-11-30"
    assert folded(STORY[:6]).waits_for is WHOLE.waits_for is None
    suspended = RecordStepped(record=ID, change=7, step="suspend", state="suspended", until="2026-12-01")
    assert folded([*STORY[:6], (6, suspended)]).waits_for == "2026-12-01"


def test_a_record_survives_being_written_and_read():
    assert msgspec.json.decode(msgspec.json.encode(WHOLE), type=Record) == WHOLE
