"""Orders given by hand: to whom, once, in the audit; and what a new generation says of what holds."""

from pathlib import Path

import msgspec
import pytest
from store_rig import NOW, STATION, FakeClock, StationJournal, new_id, raised, rows

from common import rota_file
from common.events.calls import HelpAnswered
from common.events.desk import RotaSet
from common.events.journal import OrderApplied, OrderFailed
from hq import audit, tables
from hq.ordering import UnknownStationsError, give
from hq.orders import Orders
from hq.orders_journal import OrdersJournal
from hq.revocation import revoke
from sync.receiver import check_line

ROTA = rota_file.load(Path(__file__).parents[2] / "config" / "rota.toml")
FIRST = RotaSet(rota=ROTA)
SECOND = RotaSet(rota=msgspec.structs.replace(ROTA, anchor="2026-02-01"))
THIRD = RotaSet(rota=msgspec.structs.replace(ROTA, anchor="2026-03-01"))


def order(store, payload=FIRST, stations=(STATION,), enrolled=(STATION,)):
    return give(store, FakeClock(), payload, stations=stations, enrolled=enrolled, who="li")


def given(store) -> list[tuple[str, str]]:
    in_order = sorted(rows(store, tables.orders), key=lambda row: row["position"])
    return [(row["station"], row["id"]) for row in in_order if row["type"] == "rota.set"]


def applied(store, journal, *outcomes) -> None:
    first = len(journal.lines) + 1
    journal.add(*outcomes)
    store.take(journal.batch(first), received_ms=NOW)


async def snapshot(store, station=STATION) -> list[dict]:
    """What the station is told behind orders.opened once a new generation has begun."""
    orders = Orders(store, FakeClock())
    orders.open_generation(station, 0)
    lines = await OrdersJournal(orders, station).read(1, count=1024, size=1 << 20)
    return [check_line(line.line) for line in lines[1:]]


def test_an_order_goes_to_those_named_or_to_all_who_are_not_revoked(store):
    store.take(StationJournal("sjz-009").add(raised()).batch(), received_ms=NOW)
    revoke(store, "sjz-009", who="li", reason="stolen", now_ms=NOW)
    store.take(StationJournal("sjz-003").add(raised()).batch(), received_ms=NOW)
    enrolled = (STATION, "sjz-002")
    assert order(store, stations=("sjz-002",), enrolled=enrolled).stations == ("sjz-002",)
    assert order(store, SECOND, stations=None, enrolled=enrolled).stations == (STATION, "sjz-002", "sjz-003")


@pytest.mark.parametrize("stations", [("sjz-099",), (STATION, "sjz-099"), ("sjz-009",)])
def test_one_that_is_unknown_or_revoked_ends_it_before_anybody_is_told(store, stations):
    store.take(StationJournal("sjz-009").add(raised()).batch(), received_ms=NOW)
    revoke(store, "sjz-009", who="li", reason="stolen", now_ms=NOW)
    with pytest.raises(UnknownStationsError, match=r"sjz-0[09]9"):
        order(store, stations=stations)
    assert given(store) == []


def test_what_stands_so_already_is_not_ordered_again_and_the_way_back_is_an_order_of_its_own(store):
    assert order(store).stations == (STATION,)
    done = order(store, stations=None, enrolled=(STATION, "sjz-002"))
    assert (done.stations, done.already) == (("sjz-002",), 1)
    assert order(store, SECOND).stations == (STATION,)
    assert order(store, FIRST).stations == (STATION,)
    assert len({order_id for _, order_id in given(store)}) == 4


def test_who_ordered_what_is_in_the_audit(store):
    order(store)
    with store.database.read() as connection:
        [line] = [msgspec.json.decode(audited.line) for audited in audit.read(connection)]
    assert (line["who"], line["what"], line["station"], line["event"]) == ("li", "order", STATION, "rota.set")


async def test_a_new_generation_says_the_rota_that_holds_also_when_it_was_applied_long_ago(store):
    order(store)
    order(store, SECOND)
    [(_, first), (_, second)] = given(store)
    applied(store, StationJournal(), OrderApplied(order=first), OrderApplied(order=second))
    for _ in range(2):
        [told] = await snapshot(store)
        assert (told["type"], told["data"]["order"]) == ("rota.set", second)
        assert told["data"]["rota"]["anchor"] == "2026-02-01"


async def test_an_older_rota_is_not_said_again_though_nobody_knows_whether_it_was_applied(store):
    for payload in (FIRST, SECOND):
        order(store, payload)
    [(_, _first), (_, second)] = given(store)
    applied(store, StationJournal(), OrderApplied(order=second))
    assert [told["data"]["order"] for told in await snapshot(store)] == [second]


async def test_one_that_the_station_refused_does_not_hold_and_the_one_before_it_does(store):
    for payload in (FIRST, SECOND, THIRD):
        order(store, payload)
    [(_, first), (_, second), (_, third)] = given(store)
    outcomes = [OrderApplied(order=first), OrderApplied(order=second), OrderFailed(order=third, reason="faults")]
    applied(store, StationJournal(), *outcomes)
    assert [told["data"]["order"] for told in await snapshot(store)] == [second]
    assert order(store, THIRD).stations == (STATION,), "it may be tried again"


async def test_what_is_to_be_done_once_stands_beside_it_in_the_order_in_which_it_was_given(store):
    call, answer = new_id(), new_id()
    journal = StationJournal().add(raised(call))
    store.take(journal.batch(), received_ms=NOW)
    order(store)
    Orders(store, FakeClock()).append(STATION, HelpAnswered(call=call, by="desk"), order_id=answer)
    order(store, SECOND)
    assert [told["type"] for told in await snapshot(store)] == ["help.answered", "rota.set"]
    applied(store, journal, OrderApplied(order=answer), OrderApplied(order=given(store)[1][1]))
    assert [told["type"] for told in await snapshot(store)] == ["rota.set"]
