import json

import pytest
from store_rig import NOW, STATION, FakeClock, StationJournal, calls, new_id, raised

from common.clock import rfc3339
from common.events.calls import HelpAnswered, HelpClosed
from common.events.journal import OrderApplied, OrderFailed
from hq.orders import Orders
from hq.orders_journal import OrdersJournal
from sync.batch import chain_lines, chain_start
from sync.receiver import check_line

CALL = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def orders(store) -> Orders:
    store.take(StationJournal().add(raised(CALL)).batch(), received_ms=NOW)
    return Orders(store, FakeClock())


@pytest.fixture
def source(orders) -> OrdersJournal:
    return OrdersJournal(orders, STATION)


def answered() -> HelpAnswered:
    return HelpAnswered(call=CALL, by="desk")


async def read_all(source: OrdersJournal) -> list[dict]:
    kept = await source.kept()
    lines = await source.read(1, count=1024, size=1 << 20)
    assert tuple(lines) == chain_lines(chain_start(kept.journal), 1, [line.line for line in lines])
    assert len(lines) == kept.head
    return [check_line(line.line) for line in lines]


def test_before_the_first_order_there_is_no_journal(orders):
    assert orders.current(STATION) is None


async def test_the_first_order_opens_a_generation_above_the_one_the_birth_named(orders, source, store):
    store.birth(STATION, StationJournal().birth("s1", generation=6), received_ms=NOW)
    order = new_id()
    assert orders.append(STATION, answered(), order_id=order) == 2
    kept = await source.kept()
    assert (kept.generation, kept.oldest, kept.head, kept.cursor) == (7, 1, 2, 0)
    assert orders.current(STATION) == kept
    first, second = await read_all(source)
    assert (first["type"], first["data"]) == ("orders.opened", {"generation": 7})
    assert (second["type"], second["id"], second["source"]) == ("help.answered", order, "/hq")
    assert second["data"] == {"call": CALL, "by": "desk"}


async def test_a_repeated_submit_changes_nothing(orders, source):
    told: list[str] = []
    orders.on_append = told.append
    order = new_id()
    assert orders.append(STATION, answered(), order_id=order) == 2
    assert orders.append(STATION, answered(), order_id=order) is None
    assert len(await read_all(source)) == 2
    assert told == [STATION]


def test_an_order_id_that_is_no_uuid_is_refused(orders):
    with pytest.raises(ValueError, match="UUID"):
        orders.append(STATION, answered(), order_id="7")
    assert orders.current(STATION) is None


async def test_an_answer_marks_the_call_and_becomes_an_order_in_one_go(orders, source, store):
    order = new_id()
    assert orders.answer(STATION, CALL, "desk 3", order)
    assert orders.answer(STATION, CALL, "desk 3", order)
    assert calls(store)[CALL]["answered_by"] == "desk 3"
    assert len(await read_all(source)) == 2


def test_an_unknown_or_closed_call_cannot_be_answered(orders, store):
    assert not orders.answer(STATION, new_id(), "desk", new_id())
    assert not orders.answer("sjz-999", CALL, "desk", new_id())
    store.take(StationJournal().add(HelpClosed(call=CALL, reason="helped")).batch(), received_ms=NOW)
    assert not orders.answer(STATION, CALL, "desk", new_id())
    assert orders.current(STATION) is None


@pytest.mark.parametrize("name", ["", "x" * 65, "a\u0000b"])
def test_whoever_answers_has_a_name(orders, name):
    with pytest.raises(ValueError, match="printable"):
        orders.answer(STATION, CALL, name, new_id())


async def test_a_new_generation_begins_with_what_is_still_to_be_done(orders, source, store):
    done, failed, expired, waiting, waiting_too = (new_id() for _ in range(5))
    for order in (done, failed, waiting, waiting_too):
        orders.append(STATION, answered(), order_id=order)
    past = HelpAnswered(call=CALL, by="desk", expires=rfc3339(NOW - 1000))
    orders.append(STATION, past, order_id=expired)
    outcomes = [OrderApplied(order=done), OrderFailed(order=failed, reason="no such call")]
    store.take(StationJournal().add(*outcomes).batch(), received_ms=NOW)
    before = await source.kept()
    assert orders.open_generation(STATION, 41) == 42
    kept = await source.kept()
    assert kept.journal != before.journal
    opened, first, second = await read_all(source)
    assert opened["data"] == {"generation": 42}
    assert [first["data"]["order"], second["data"]["order"]] == [waiting, waiting_too]
    assert {first["id"], second["id"]}.isdisjoint({waiting, waiting_too})


async def test_a_snapshot_of_a_snapshot_still_names_the_first_id(orders, source, store):
    order = new_id()
    orders.append(STATION, answered(), order_id=order)
    assert [orders.open_generation(STATION, 0) for _ in range(2)] == [2, 3]
    assert (await read_all(source))[1]["data"]["order"] == order
    assert orders.append(STATION, answered(), order_id=order) is None
    store.take(StationJournal().add(OrderApplied(order=order)).batch(), received_ms=NOW)
    orders.open_generation(STATION, 0)
    assert len(await read_all(source)) == 1


async def test_a_sender_that_must_close_goes_on_in_a_generation_above(orders, source):
    orders.append(STATION, answered(), order_id=new_id())
    await source.close("fork", 1)
    kept = await source.kept()
    assert (kept.generation, kept.head, kept.cursor) == (2, 2, 0)


async def test_reading_stops_at_the_count_and_at_the_size_but_gives_at_least_one(orders, source):
    for _ in range(4):
        orders.append(STATION, answered(), order_id=new_id())
    lines = await source.read(1, count=3, size=1 << 20)
    assert [line.number for line in lines] == [1, 2, 3]
    size = sum(len(line.line) for line in lines[1:])
    assert [line.number for line in await source.read(2, count=9, size=size)] == [2, 3]
    assert [line.number for line in await source.read(2, count=9, size=size - 1)] == [2]
    assert [line.number for line in await source.read(5, count=9, size=1)] == [5]
    assert await source.read(6, count=9, size=1000) == []


async def test_the_chain_is_known_from_nothing_to_the_head(orders, source):
    orders.append(STATION, answered(), order_id=new_id())
    kept = await source.kept()
    lines = await source.read(1, count=9, size=1 << 20)
    assert await source.chain(0) == chain_start(kept.journal)
    assert [await source.chain(line.number) for line in lines] == [line.chain for line in lines]
    assert await source.chain(3) is None


async def test_answers_and_openings_are_urgent_and_a_withheld_number_is_not(orders, source):
    orders.append(STATION, answered(), order_id=new_id())
    await source.withhold(2)
    assert await source.urgent(0) == [1, 2]
    assert await source.urgent(1) == [2]
    named = (await read_all(source))[2]
    assert named["type"] == "event.withheld"
    assert named["data"]["number"] == 2
    await source.withhold(9)
    assert (await source.kept()).head == 3


async def test_the_cursor_is_remembered_and_can_fall(orders, source):
    orders.append(STATION, answered(), order_id=new_id())
    await source.acknowledged(2)
    assert (await source.kept()).cursor == 2
    await source.acknowledged(1)
    assert (await source.kept()).cursor == 1


async def test_asking_what_is_kept_opens_the_first_generation(source):
    kept = await source.kept()
    assert (kept.generation, kept.head) == (1, 1)


async def test_stations_have_journals_of_their_own(orders, source):
    orders.append(STATION, answered(), order_id=new_id())
    orders.append("sjz-002", answered(), order_id=new_id())
    assert len(await read_all(source)) == 2
    assert len(await read_all(OrdersJournal(orders, "sjz-002"))) == 2


async def test_every_order_names_when_and_in_which_boot_it_was_given(orders, source):
    orders.append(STATION, answered(), order_id=new_id())
    (line,) = await source.read(2, count=1, size=1)
    event = json.loads(line.line)
    assert event["time"] == rfc3339(NOW)
    assert event["mono"] == "1000"
    assert "clock" not in event
