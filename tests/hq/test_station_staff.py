"""Who may sign in at a station, as headquarters keeps it: on both kinds of database."""

import json

import msgspec
import pytest
from store_rig import NOW, FakeClock, rows

from common import pins
from common.events.desk import StaffSet
from hq import audit, tables
from hq.orders import Orders
from hq.station_staff import NotOnTheListError, StationStaff

STATION, OTHER, WANG, LI = "sjz-001", "sjz-002", "012345", "012346"


@pytest.fixture
def orders(store):
    return Orders(store, FakeClock())


@pytest.fixture
def staff(store, orders):
    return StationStaff(store, orders, lambda: NOW, who="root")


def ordered(store, station=STATION):
    """The lists that the station was ordered, oldest first: number to what is kept."""
    found = sorted(rows(store, tables.orders), key=lambda row: row["position"])
    lists = [msgspec.json.decode(row["data"], type=StaffSet) for row in found if row["station"] == station]
    return [{member.number: member.pin for member in each.staff} for each in lists]


def noted(store):
    with store.database.read() as connection:
        lines = [json.loads(one.line) for one in audit.read(connection)]
    return [(line["who"], line["what"], line["station"], line["event"]) for line in lines]


def test_a_pin_is_drawn_and_only_what_is_kept_of_it_is_ordered(store, staff):
    pin = staff.issue(STATION, WANG)
    (listed,) = ordered(store)
    assert pins.matches(pin, listed[WANG])
    assert all(pin not in row["data"] for row in rows(store, tables.orders))
    assert staff.numbers(STATION) == [WANG]
    assert staff.numbers(OTHER) == []
    assert noted(store) == [("root", "staff-issue", STATION, WANG)]


def test_each_change_orders_the_whole_list_and_leaves_the_others_as_they_were(store, staff):
    staff.issue(STATION, WANG)
    staff.issue(STATION, LI)
    again = staff.issue(STATION, WANG)
    first, second, third = ordered(store)
    assert second == first | {LI: second[LI]}
    assert third == second | {WANG: third[WANG]}
    assert pins.matches(again, third[WANG])
    assert third[WANG] != first[WANG]
    staff.withdraw(STATION, WANG)
    assert ordered(store)[-1] == {LI: second[LI]}


def test_a_stolen_kiosk_makes_all_its_pins_void_and_no_other_stations(store, staff):
    staff.issue(STATION, WANG)
    staff.issue(OTHER, WANG)
    assert staff.reset(STATION) == 1
    assert staff.reset(STATION) == 0
    assert (staff.numbers(STATION), staff.numbers(OTHER)) == ([], [WANG])
    assert ordered(store)[-1] == {}
    assert [what for _, what, _, _ in noted(store)] == ["staff-issue", "staff-issue", "staff-reset"]


def test_nobody_unknown_is_withdrawn_and_nothing_that_is_no_number_is_taken(store, staff):
    with pytest.raises(NotOnTheListError):
        staff.withdraw(STATION, WANG)
    for number in ("", "王", "a b", "x" * 33):
        with pytest.raises(ValueError, match="no staff number"):
            staff.issue(STATION, number)
    assert ordered(store) == noted(store) == []


def test_a_new_generation_tells_the_newest_list_again_done_or_not_and_no_earlier_one(store, orders, staff):
    staff.issue(STATION, WANG)
    staff.issue(STATION, LI)
    with store.database.write() as connection:
        connection.execute(tables.orders.update().values(outcome="applied"))
    generation = orders.open_generation(STATION, 0)
    newest = next(row for row in rows(store, tables.order_journals) if row["generation"] == generation)
    lines = [
        json.loads(row["line"]) for row in rows(store, tables.order_lines) if row["order_journal_id"] == newest["id"]
    ]
    assert [line["type"] for line in lines] == ["orders.opened", "staff.set"]
    last = max(rows(store, tables.orders), key=lambda row: row["position"])
    assert lines[1]["data"]["order"] == last["id"]
    assert {member["number"] for member in lines[1]["data"]["staff"]} == {WANG, LI}
