"""Content at headquarters, on both databases: what is handed out, when, and what is forgotten of it."""

import pytest
from sqlalchemy import func, select
from store_rig import NOW, STATION, FakeClock, StationJournal

from common.clock import rfc3339
from common.events.content import ContentPlayed, ContentRefused, ContentRemoved, ContentStored, ContentWanted
from common.events.journal import OrderFailed, StationStarted
from common.pack import CHUNK, bits_of
from hq import content, tables
from hq.content_feed import AGAIN_MS, ContentFeed
from hq.orders import Orders
from hq.orders_journal import OrdersJournal
from sync import base64url
from sync.receiver import check_line
from tests.packs import KEY, STRANGER, make_pack, name, pieces

PACK = make_pack(pictures=2)


class Office:
    def __init__(self, store) -> None:
        self.store = store
        self.clock = FakeClock()
        self.orders = Orders(store, self.clock)
        self.feed = ContentFeed(store.database, self.orders, self.clock)
        self.source = OrdersJournal(self.orders, STATION)
        self.journal = StationJournal()
        self._told = 0

    def tell(self, *payloads) -> None:
        """Let the station say something."""
        self.journal.add(*payloads)
        self.store.take(self.journal.batch(self._told + 1), received_ms=self.clock.now)
        self._told += len(payloads)

    def send(self, pack: bytes = PACK) -> int:
        return content.send(self.store, pack, KEY.public, [STATION], who="li", now_ms=self.clock.now)[2]

    def give(self) -> dict | None:
        """Hand out the next order, as if everything before was acknowledged."""
        head = self.orders.current(STATION)
        if not self.feed.feed(STATION, acked=0 if head is None else head.head):
            return None
        with self.store.database.read() as connection:
            line = (
                connection.execute(
                    select(tables.order_lines.c.line).order_by(
                        tables.order_lines.c.order_journal_id.desc(), tables.order_lines.c.number.desc()
                    )
                )
                .scalars()
                .first()
            )
        return check_line(bytes(line))

    def state(self, pack: bytes = PACK) -> str:
        [listed] = [one for one in content.listed(self.store) if one.pack == name(pack)]
        return listed.stations[0].state

    def count(self, table) -> int:
        with self.store.database.read() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()

    def wants(self, *chunks: int, pack: bytes = PACK) -> ContentWanted:
        return ContentWanted(pack=name(pack), missing=base64url.encode(bits_of(chunks, len(pieces(pack)))))

    def stored(self, pack: bytes = PACK) -> ContentStored:
        return ContentStored(pack=name(pack), id="pack", version=1, way="order")


@pytest.fixture
def office(store) -> Office:
    office = Office(store)
    office.clock.now = NOW
    office.tell(StationStarted(agent="x"))
    return office


def test_a_pack_is_offered_and_only_what_is_wanted_is_handed_out(office):
    assert office.send() == 1
    offered = office.give()
    assert (offered["type"], offered["data"]["pack"], offered["data"]["size"]) == (
        "content.offered",
        name(PACK),
        len(PACK),
    )
    assert office.give() is None
    office.tell(office.wants(1, 3))
    given = [office.give(), office.give()]
    assert [base64url.decode(one["data"]["data"]) for one in given] == [pieces(PACK)[1], pieces(PACK)[3]]
    assert office.give() is None
    assert office.feed.hungry() == {STATION}
    office.tell(office.stored())
    assert (office.state(), office.feed.hungry()) == ("stored", set())


def test_lines_of_content_are_forgotten_as_they_are_acknowledged(office):
    office.send()
    office.give()
    office.tell(office.wants(*range(len(pieces(PACK)))))
    while office.give() is not None:
        assert office.count(tables.order_lines) <= 3
    office.give()
    assert office.count(tables.order_lines) == 2  # what opened the journal, and the line whose chain an ack shows
    assert office.count(tables.orders) == 0


async def test_a_station_that_falls_back_below_what_is_forgotten_gets_a_new_generation_and_the_packs(office):
    office.send()
    office.give()
    office.tell(office.wants(*range(len(pieces(PACK)))))
    while office.give() is not None:
        pass
    before = await office.source.kept()
    assert list(await office.source.read(2, count=10, size=10**6)) == []
    after = await office.source.kept()
    assert after.generation == before.generation + 1
    assert office.give()["type"] == "content.offered"


def test_a_new_generation_offers_again_what_a_station_had(office):
    office.send()
    office.give()
    office.tell(office.stored())
    office.orders.open_generation(STATION, 0)
    assert (office.state(), office.give()["type"]) == ("due", "content.offered")
    office.tell(office.stored())
    assert office.state() == "stored"


def test_a_chunk_that_fails_ends_the_delivery_until_it_is_sent_again(office):
    office.send()
    office.give()
    office.tell(office.wants(0, 1))
    chunk = office.give()
    office.tell(OrderFailed(order=chunk["id"], reason="its hash is another"))
    assert (office.state(), office.give()) == ("refused", None)
    assert office.send() == 1
    assert office.give()["type"] == "content.offered"


def test_a_station_without_room_is_asked_again_after_hours(office):
    office.send()
    office.give()
    office.tell(ContentRefused(pack=name(PACK), way="order", reason="no room: the disk is nearly full"))
    assert office.feed.hungry() == set()
    office.clock.now += AGAIN_MS + 1
    office.feed.hungry()
    assert office.feed.hungry() == {STATION}


def test_a_withdrawn_pack_is_an_order_and_its_chunks_are_forgotten(office):
    office.send()
    office.give()
    office.tell(office.wants(0))
    pack, told = content.withdraw(office.store, office.orders, name(PACK)[:12], [], who="li", now_ms=NOW)
    assert (pack, told) == (name(PACK), 1)
    assert office.count(tables.content_chunks) == 0
    assert office.give() is None
    office.tell(ContentRemoved(pack=name(PACK), reason="withdrawn"))
    assert office.state() == "withdrawn"
    with pytest.raises(content.ContentError, match="withdrawn"):
        office.send()


def test_a_chunk_that_two_packs_share_is_there_once_and_as_long_as_one_needs_it(office):
    other = make_pack(pictures=2, change={"id": "other"})
    office.send()
    office.send(other)
    assert office.count(tables.content_chunks) == len({*pieces(PACK), *pieces(other)})
    content.withdraw(office.store, office.orders, name(PACK), [], who="li", now_ms=NOW)
    assert office.count(tables.content_chunks) == len({*pieces(other)})


@pytest.mark.parametrize(
    ("pack", "why"),
    [
        (b"hello", "no pack"),
        (make_pack(key=STRANGER), "another order key"),
        (make_pack(signer=STRANGER), "signature"),
        (make_pack(html="<script>"), "tags"),
        (make_pack(change={"ends": "2026-09-02"}), "ended"),
        (b"x" * (641 * CHUNK), "at most 10 MiB"),
    ],
)
def test_what_no_station_would_take_is_not_sent(office, pack, why):
    with pytest.raises(content.ContentError, match=why):
        office.send(pack)
    assert office.count(tables.content_packs) == 0


def test_plays_are_summed_and_an_event_that_comes_twice_counts_once(office):
    office.send()
    played = ContentPlayed(pack=name(PACK), day="2026-09-21", hour=9, plays=4)
    office.tell(played)
    lines = office.journal.lines
    assert len(lines) == 2
    office.tell(ContentPlayed(pack=name(PACK), day="2026-09-21", hour=10, plays=3))
    [listed] = content.listed(office.store)
    assert listed.stations[0].plays == 7


def test_a_pack_that_came_by_usb_is_listed_though_it_was_never_sent(office):
    office.tell(ContentStored(pack="ab" * 32, id="leaflet", version=3, way="usb"))
    [listed] = content.listed(office.store)
    assert (listed.id, listed.version, listed.begins, listed.stations[0].way) == ("leaflet", 3, "", "usb")


def test_what_is_over_is_forgotten_with_all_that_was_told_of_it(office):
    office.send()
    office.give()
    office.tell(office.stored(), ContentPlayed(pack=name(PACK), day="2026-09-21", hour=9, plays=4))
    later = NOW + 200 * 24 * 3600 * 1000
    with office.store.database.write() as connection:
        assert content.forget(connection, before_ms=NOW + 100 * 24 * 3600 * 1000, now_ms=later) > 0
        assert content.forget(connection, before_ms=NOW + 100 * 24 * 3600 * 1000, now_ms=later) == 0
    for table in (tables.content_packs, tables.content_chunks, tables.content_deliveries, tables.content_plays):
        assert office.count(table) == 0
    assert rfc3339(later) > "2026-12"
