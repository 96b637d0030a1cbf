"""Ordered settings at headquarters: what became of them, and what holds once a station has rolled them back."""

import pytest
from store_rig import NOW, STATION, StationJournal, rows
from test_ordering import applied, order, snapshot

from common.events.journal import OrderApplied, OrderFailed, SettingsChanged, SettingsRolledBack, SettingsSet
from common.ordered_settings import OrderedBroker, OrderedHealth, OrderedSettings
from hq import tables
from hq.station_settings import read

GOOD = SettingsSet(settings=OrderedSettings(health=OrderedHealth(every_s=30)))
BAD = SettingsSet(settings=OrderedSettings(broker=OrderedBroker(host="nowhere", port=1)), within_s=60)


def given(store):
    in_order = sorted(rows(store, tables.orders), key=lambda row: row["position"])
    return [row["id"] for row in in_order if row["type"] == "settings.set"]


def stands(store):
    [one] = read(store.database)
    return one.stand, one.reason, one.in_force


async def test_an_order_is_on_its_way_tried_and_then_in_force(store):
    assert read(store.database) == []
    order(store, GOOD)
    assert stands(store) == ("on_its_way", "", {})
    [first], journal = given(store), StationJournal()
    applied(store, journal, OrderApplied(order=first))
    assert stands(store) == ("tried", "", {})
    applied(store, journal, SettingsChanged(order=first))
    assert stands(store) == ("in_force", "", {"health.every_s": "30"})
    assert order(store, GOOD).already == 1


@pytest.mark.parametrize("because", ["no_link", "no_answer", "restarts"])
async def test_what_was_rolled_back_holds_no_more_and_what_was_before_it_does_again(store, because):
    order(store, GOOD)
    order(store, BAD)
    (first, second), journal = given(store), StationJournal()
    outcomes = [OrderApplied(order=first), SettingsChanged(order=first), OrderApplied(order=second)]
    applied(store, journal, *outcomes)
    assert stands(store) == ("tried", "", {"health.every_s": "30"})
    assert [told["data"]["order"] for told in await snapshot(store)] == [second]
    applied(store, journal, SettingsRolledBack(order=second, reason=because))
    assert stands(store) == ("rolled_back", because, {"health.every_s": "30"})
    assert [told["data"]["order"] for told in await snapshot(store)] == [first]
    [alarm] = [row for row in rows(store, tables.alarms) if row["kind"] == "settings_rolled_back"]
    assert alarm["detail"] == f"{second}: {because}"
    assert order(store, GOOD).already == 1
    assert order(store, BAD).stations == (STATION,), "it may be tried again"


async def test_one_that_another_took_the_place_of_raises_no_alarm_and_never_holds(store):
    order(store, BAD)
    order(store, GOOD)
    (first, second), journal = given(store), StationJournal()
    outcomes = [OrderApplied(order=first), SettingsRolledBack(order=first, reason="replaced")]
    applied(store, journal, *outcomes, OrderApplied(order=second), SettingsRolledBack(order=second, reason="no_link"))
    assert await snapshot(store) == []
    assert [row["count"] for row in rows(store, tables.alarms) if row["kind"] == "settings_rolled_back"] == [1]


async def test_one_that_the_station_refused_says_why(store):
    order(store, GOOD)
    [first] = given(store)
    applied(store, StationJournal(), OrderFailed(order=first, reason="1 mistakes; health.every_s: found 30"))
    assert stands(store)[:2] == ("refused", "1 mistakes; health.every_s: found 30")


async def test_what_is_said_of_another_order_or_another_station_changes_nothing(store):
    order(store, GOOD)
    [first] = given(store)
    store.take(StationJournal("sjz-009").add(SettingsChanged(order=first)).batch(), received_ms=NOW)
    assert stands(store) == ("on_its_way", "", {})
