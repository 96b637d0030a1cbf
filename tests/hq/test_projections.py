import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_rig import (
    NOW,
    STATION,
    FakeClock,
    StationJournal,
    alarms,
    calls,
    line_of,
    new_id,
    opened,
    raised,
    rescued,
    send_all,
    unprojected,
)

from common.events import EVENTS, read_payload
from common.events.calls import (
    HelpAcknowledged,
    HelpAttending,
    HelpBreached,
    HelpClosed,
    HelpEscalated,
    HelpPressedAgain,
)
from common.events.journal import OrderApplied, OrderFailed, StationStopped
from common.events.terms import Payload
from hq.calls import HelpCall, fold
from hq.orders import Orders
from hq.store import Store
from sync.receiver import check_line

CALL = "11111111-1111-4111-8111-111111111111"


def help_events() -> list[Payload]:
    return [
        raised(CALL),
        HelpPressedAgain(call=CALL, origin="panel"),
        HelpEscalated(call=CALL, after_ms=30_000),
        HelpAcknowledged(call=CALL, after_ms=31_000),
        HelpAttending(call=CALL),
        HelpBreached(call=CALL, after_ms=60_000),
        HelpClosed(call=CALL, reason="helped"),
    ]


def folded(lines: Sequence[bytes]) -> HelpCall:
    call = HelpCall()
    for line in lines:
        event = check_line(line)
        payload: Any = read_payload(EVENTS, event)
        call = fold(call, payload, event["id"], event)
    return call


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_the_events_of_a_call_give_the_same_row_in_any_order(data):
    extra = [
        raised(CALL),
        HelpClosed(call=CALL, reason="test"),
        HelpPressedAgain(call=CALL, origin="screen"),
    ]
    lines = [
        line_of(payload, unsure=index % 2 == 0, time=f"2026-09-21T13:33:{index:02}.000Z")
        for index, payload in enumerate(help_events() + extra)
    ]
    some = data.draw(st.lists(st.sampled_from(lines), unique=True, min_size=1))
    assert folded(data.draw(st.permutations(some))) == folded(some)


@given(order=st.permutations(range(1, 8)), again=st.lists(st.integers(1, 7), max_size=5))
@settings(max_examples=15, deadline=None)
def test_help_that_arrives_in_any_order_and_repeatedly_converges(tmp_path_factory, order, again):
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('order')}/hq.db", wall_ms=lambda: NOW)
    journal = StationJournal().add(*help_events())
    for number in itertools.chain(order, again):
        store.take(journal.batch(number, number), received_ms=NOW)
    row = calls(store)[CALL]
    assert (row["state"], row["presses"], row["escalated"], row["breached"]) == ("closed", 2, True, True)
    assert (row["origin"], row["raised_time"], row["closed_reason"]) == ("panel", "2026-09-21T13:33:20.000Z", "helped")
    assert store.standing(STATION, journal.id).standing.stored == ((1, 7),)
    store.close()


def test_help_is_acted_on_when_stored_and_everything_else_as_the_cursor_passes(store):
    previous = StationJournal().add(StationStopped())
    journal = StationJournal().add(opened(previous, 1), StationStopped(), raised(CALL))
    store.take(journal.batch(3, 3), received_ms=NOW)
    assert calls(store)[CALL]["state"] == "raised"
    store.take(journal.batch(2, 2), received_ms=NOW)
    assert not store.knows(STATION, previous.id)
    store.take(journal.batch(1, 1), received_ms=NOW)
    assert store.knows(STATION, previous.id)
    assert calls(store)[CALL]["presses"] == 1


def test_what_lies_behind_a_gap_is_projected_when_the_gap_is_filled(store):
    orders = Orders(store, FakeClock())
    ids = [new_id() for _ in range(3)]
    store.take(StationJournal().add(raised(CALL)).batch(), received_ms=NOW)
    for order in ids:
        orders.answer(STATION, CALL, "desk", order)
    journal = StationJournal().add(*[OrderApplied(order=order) for order in ids])
    store.take(journal.batch(3, 3), received_ms=NOW)
    store.take(journal.batch(2, 2), received_ms=NOW)
    assert open_orders(orders) == 3
    store.take(journal.batch(1, 1), received_ms=NOW)
    assert open_orders(orders) == 0


def open_orders(orders: Orders) -> int:
    """A new generation's snapshot holds what is still to be done."""
    orders.open_generation(STATION, 0)
    kept = orders.current(STATION)
    assert kept is not None
    return kept.head - 1


def test_a_rescued_event_is_shown_once_by_the_id_of_the_copied_one(store):
    old = StationJournal().add(raised(CALL), HelpPressedAgain(call=CALL, origin="panel"))
    store.take(old.batch(1, 1), received_ms=NOW)
    new = StationJournal().add(opened(old, 0), rescued(old.lines[0]), rescued(old.lines[1]), rescued(old.lines[1]))
    send_all(store, new, [(4, 4), (1, 2), (3, 3)])
    assert calls(store)[CALL]["presses"] == 2
    assert alarms(store) == {}


def test_a_rescued_copy_that_is_no_event_or_wraps_another_is_counted(store):
    wrapped = line_of(rescued(line_of(raised(CALL))))
    store.take(StationJournal().add(rescued(b"{}"), rescued(wrapped)).batch(), received_ms=NOW)
    assert unprojected(store, "rescued") == 2
    assert calls(store) == {}


def test_a_forked_station_ends_with_everything_shown_once(store):
    """The copied half that headquarters refused comes again as rescued lines, and the half it holds is shown too."""
    orders = Orders(store, FakeClock())
    here, there = new_id(), new_id()
    old = StationJournal().add(raised(CALL))
    store.take(old.batch(), received_ms=NOW)
    for order in (here, there):
        orders.answer(STATION, CALL, "desk", order)
    kept = old.fork_at(2, StationStopped(), OrderApplied(order=here))
    copied = old.fork_at(2, OrderApplied(order=there), raised())
    store.take(kept.batch(3, 3), received_ms=NOW)  # behind a gap: held, and not shown yet
    assert open_orders(orders) == 2
    assert store.take(copied.batch(2, 3), received_ms=NOW).settled.verdict == "fork"
    assert len(calls(store)) == 2
    new = StationJournal().add(opened(old, 1), rescued(copied.lines[1]), rescued(copied.lines[2]))
    store.take(new.batch(), received_ms=NOW)
    assert open_orders(orders) == 1  # the copies came; that they are all, only the birth will tell
    store.birth(STATION, new.birth("s1"), received_ms=NOW)
    assert open_orders(orders) == 0
    assert len(calls(store)) == 2


@pytest.mark.parametrize("birth_first", [True, False])
def test_what_is_left_of_a_closed_journal_is_shown_after_the_rescued_copies(store, birth_first):
    orders = Orders(store, FakeClock())
    store.take(StationJournal().add(raised(CALL)).batch(), received_ms=NOW)
    order = new_id()
    orders.answer(STATION, CALL, "desk", order)
    old = StationJournal().add(StationStopped(), StationStopped())
    old.add(OrderFailed(order=order, reason="no such call"))
    store.take(old.batch(3, 3), received_ms=NOW)
    failed_copy = line_of(OrderApplied(order=order))
    new = StationJournal().add(opened(old, 0), rescued(old.lines[0]), rescued(failed_copy))
    if birth_first:
        store.birth(STATION, new.birth("s1"), received_ms=NOW)
    store.take(new.batch(1, 2), received_ms=NOW)
    assert open_orders(orders) == 1
    store.take(new.batch(3, 3), received_ms=NOW)
    store.birth(STATION, new.birth("s1"), received_ms=NOW)
    assert open_orders(orders) == 0
    assert alarms(store) == {"order_failed": 1}  # it was shown, though the copy had settled the order before


def test_what_comes_late_of_a_journal_closed_long_ago_is_shown_too(store):
    orders = Orders(store, FakeClock())
    store.take(StationJournal().add(raised(CALL)).batch(), received_ms=NOW)
    order = new_id()
    orders.answer(STATION, CALL, "desk", order)
    old = StationJournal().add(StationStopped(), OrderApplied(order=order))
    new = StationJournal().add(opened(old, 0))
    store.take(new.batch(), received_ms=NOW)
    store.birth(STATION, new.birth("s1"), received_ms=NOW)
    store.take(old.batch(2, 2), received_ms=NOW)
    assert open_orders(orders) == 0


@given(seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_a_journal_cut_anyhow_and_closed_anywhere_is_shown_exactly_once(tmp_path_factory, seed):
    """Any batches in any order, a rescue from any number: each press is one press, nothing is lost."""
    choice = random.Random(seed)
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('cut')}/hq.db", wall_ms=lambda: NOW)
    old = StationJournal().add(raised(CALL))
    old.add(*[HelpPressedAgain(call=CALL, origin="panel") for _ in range(11)])
    for _ in range(4):
        first = choice.randint(1, 12)
        store.take(old.batch(first, choice.randint(first, 12)), received_ms=NOW)
    last_common = store.standing(STATION, old.id).standing.cursor
    new = StationJournal().add(opened(old, last_common), *[rescued(line) for line in old.lines[last_common:]])
    spans = [(number, number) for number in range(1, len(new.lines) + 1)]
    choice.shuffle(spans)
    for first, last in spans:
        store.take(new.batch(first, last), received_ms=NOW)
        if choice.random() < 0.3:
            store.take(old.batch(first, 12), received_ms=NOW)
        if choice.random() < 0.3:
            store.birth(STATION, new.birth("s1"), received_ms=NOW)
    assert calls(store)[CALL]["presses"] == 12
    assert store.standing(STATION, new.id).standing.cursor == len(new.lines)
    assert alarms(store) == {}
    store.close()
