"""Notices at headquarters: sent once, who has read them, what a kiosk without a memory is told again."""

import json

import pytest
from store_rig import NOW, FakeClock, StationJournal, line_of, new_id, rows, send_all

from common.clock import rfc3339
from common.events.errands import NoticeRead, NoticeSent
from common.events.journal import OrderApplied, OrderFailed
from common.identifiers import uuid7
from hq import audit, tables
from hq.notices import newest
from hq.ordering import give, order_id
from hq.orders import Orders

STATIONS = ("sjz-001", "sjz-002")
LATER = rfc3339(NOW + 86_400_000)


def send(store, *, notice=None, stations=None, **fields):
    notice = notice or uuid7(wall_ms=NOW)
    sent = NoticeSent(notice=notice, **{"expires": LATER, "zh": "今晚清查"} | fields)
    given = give(
        store,
        FakeClock(),
        sent,
        stations=stations,
        enrolled=STATIONS,
        who="li",
        order_id=lambda station: order_id(notice, station),
    )
    return notice, given


def say(store, *payloads, station=STATIONS[0], **more):
    send_all(store, StationJournal(station).add(*(line_of(payload, **more) for payload in payloads)))


def stands(store):
    return [{at.station: at.stand for at in one.stations} for one in newest(store.database)]


def test_a_notice_to_all_is_one_notice_with_the_stand_of_each_station_and_its_readers(store):
    notice, given = send(store, must_read=True)
    assert given.stations == STATIONS
    assert stands(store) == [{"sjz-001": "on_its_way", "sjz-002": "on_its_way"}]
    say(
        store,
        OrderApplied(order=order_id(notice, "sjz-001")),
        NoticeRead(notice=notice, staff="012345"),
        NoticeRead(notice=notice, staff="012345"),
        NoticeRead(notice=notice),
    )
    say(store, OrderFailed(order=order_id(notice, "sjz-002"), reason="expired"), station="sjz-002")
    assert stands(store) == [{"sjz-001": "read", "sjz-002": "failed"}]
    (one,) = newest(store.database)
    assert (one.zh, one.must_read, one.count("read"), one.count("there")) == ("今晚清查", True, 1, 0)
    assert sorted(reader.staff for reader in one.stations[0].readers) == ["", "012345"]
    assert len(rows(store, tables.notice_reads)) == 2


def test_a_reader_of_an_unsure_clock_is_marked(store):
    notice, _ = send(store)
    say(store, NoticeRead(notice=notice), unsure=True)
    assert newest(store.database)[0].stations[0].readers[0].time.startswith("~")


def test_the_same_notice_sent_again_is_given_to_nobody_twice(store):
    notice, _ = send(store)
    _, again = send(store, notice=notice)
    assert (again.stations, again.already) == ((), 2)
    assert len(rows(store, tables.orders)) == 2
    with store.database.read() as connection:
        audited = [json.loads(one.line) for one in audit.read(connection)]
    assert [one["event"] for one in audited] == ["notice.sent", "notice.sent"]


def test_the_newest_notice_stands_on_top_and_notices_of_one_text_are_two(store):
    first, _ = send(store, stations=("sjz-001",))
    second, _ = send(store, stations=("sjz-001",))
    assert {one.id for one in newest(store.database)} == {first, second}


@pytest.mark.parametrize("staff", ["a\u0007b", "\u202e"])
def test_a_reader_that_cannot_be_shown_is_kept_aside(store, staff):
    notice, _ = send(store)
    say(store, NoticeRead(notice=notice, staff=staff))
    assert rows(store, tables.notice_reads) == []
    assert [row["kind"] for row in rows(store, tables.alarms)] == ["unreadable"]


def test_what_a_station_says_of_a_notice_nobody_sent_shows_nothing(store):
    say(store, NoticeRead(notice=new_id()))
    assert newest(store.database) == []


def test_a_kiosk_that_lost_its_disk_is_told_again_what_stands_and_nothing_whose_time_is_over(store):
    orders = Orders(store, FakeClock())
    fresh, _ = send(store)
    read, _ = send(store)
    send(store, expires=rfc3339(NOW - 1))
    say(store, OrderApplied(order=order_id(read, "sjz-001")), NoticeRead(notice=read))
    generation = orders.open_generation("sjz-001", 0)
    (row,) = [
        row
        for row in rows(store, tables.order_journals)
        if (row["station"], row["generation"]) == ("sjz-001", generation)
    ]
    lines = [json.loads(one["line"]) for one in rows(store, tables.order_lines) if one["order_journal_id"] == row["id"]]
    told = [line["data"] for line in lines if line["type"] == "notice.sent"]
    assert {(one["notice"], one["order"]) for one in told} == {
        (notice, order_id(notice, "sjz-001")) for notice in (fresh, read)
    }
