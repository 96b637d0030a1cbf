"""Dispatches at headquarters: what was sent, what stations said of it, what a kiosk without a memory is told again."""

import json

import pytest
from store_rig import NOW, FakeClock, StationJournal, line_of, new_id, rows, send_all

from common.clock import rfc3339
from common.events.errands import DispatchExpired, DispatchSent, DispatchStepped
from common.events.journal import OrderApplied, OrderFailed
from hq import tables
from hq.dispatches import newest
from hq.orders import Orders

STATION = "sjz-001"
LATER = rfc3339(NOW + 1_800_000)


@pytest.fixture
def orders(store):
    return Orders(store, FakeClock())


def sent(orders, **fields):
    order = new_id()
    payload = DispatchSent(service="QZ-01", reference="110-7", **{"expires": LATER} | fields)
    assert orders.append(STATION, payload, order_id=order) is not None
    return order


def stepped(order, step, **more):
    return line_of(DispatchStepped(dispatch=order, step=step, **more))


def say(store, *lines):
    send_all(store, StationJournal(STATION).add(*lines))


def test_a_dispatch_stands_as_its_station_last_said_with_the_time_of_each_step(store, orders):
    order = sent(orders, grid="G-07")
    (one,) = newest(store.database)
    assert (one.station, one.reference, one.grid, one.stand, one.times) == (STATION, "110-7", "G-07", "on_its_way", {})
    say(
        store,
        line_of(OrderApplied(order=order)),
        stepped(order, "receive", staff="012345"),
        stepped(order, "set_out"),
        stepped(order, "arrive"),
        stepped(order, "report", result="nothing_found"),
    )
    (one,) = newest(store.database)
    assert (one.stand, one.result) == ("reported", "nothing_found")
    assert list(one.times) == ["receive", "set_out", "arrive", "report"]


def test_what_is_said_twice_counts_once_and_the_first_time_stays(store, orders):
    order = sent(orders)
    line = stepped(order, "receive")
    say(store, line, line, stepped(order, "receive", staff="other"))
    (row,) = rows(store, tables.dispatch_steps)
    assert row["staff"] is None
    (one,) = newest(store.database)
    assert one.stand == "received"


def test_one_that_nobody_received_has_expired_and_one_passed_over_has_failed(store, orders):
    expired, failed = sent(orders), sent(orders)
    say(
        store,
        line_of(DispatchExpired(dispatch=expired)),
        line_of(OrderFailed(order=failed, reason="expired")),
    )
    assert {one.id: one.stand for one in newest(store.database)} == {expired: "expired", failed: "failed"}


def told_again(store, orders):
    generation = orders.open_generation(STATION, 0)
    (row,) = [row for row in rows(store, tables.order_journals) if row["generation"] == generation]
    lines = [json.loads(one["line"]) for one in rows(store, tables.order_lines) if one["order_journal_id"] == row["id"]]
    return [line["data"]["order"] for line in lines if line["type"] == "dispatch.sent"]


def test_a_kiosk_that_lost_its_disk_is_told_of_what_is_not_reported_yet_and_of_nothing_that_is_over(store, orders):
    fresh, received, reported, expired = (sent(orders) for _ in range(4))
    over = sent(orders, expires=rfc3339(NOW - 1))
    say(
        store,
        *(line_of(OrderApplied(order=order)) for order in (received, reported, expired)),
        stepped(received, "receive"),
        *(stepped(reported, step, **more) for step, more in (("receive", {}), ("report", {"result": "handled"}))),
        line_of(DispatchExpired(dispatch=expired)),
    )
    assert told_again(store, orders) == [fresh, received]
    assert over not in told_again(store, orders)
