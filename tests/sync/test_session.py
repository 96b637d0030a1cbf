import asyncio
import random
import time

from broker_rig import until
from model import ListJournal, event_line
from session_rig import STRANGER, ByHand, Station

from sync import base64url


async def test_every_connection_begins_with_a_birth_of_its_own_session(hq, station):
    await until(lambda: len(hq.births) == 1)
    station.vanish()
    await until(lambda: len(hq.births) == 2)
    first, second = hq.births
    assert first["session"] != second["session"]
    assert first["journal"] == second["journal"] == station.journal.journal
    assert (first["oldest"], first["head"], first["generation"], first["agent"]) == (1, 0, 0, "0.1.0")


async def test_the_will_names_the_session_that_vanished(hq, station):
    await until(lambda: hq.births and station.sessions.up)
    station.vanish()
    await until(lambda: hq.farewells)
    assert hq.farewells[0]["session"] == hq.births[0]["session"]


async def test_a_clean_stop_says_farewell_and_is_quick(hq, station):
    await until(lambda: hq.births and station.sessions.up)
    began = time.monotonic()
    station.sessions.stop()
    await asyncio.wait_for(station.running, 2)
    assert time.monotonic() - began < 2
    await until(lambda: hq.farewells)
    assert [farewell["session"] for farewell in hq.farewells] == hq.sessions


async def test_a_new_certificate_and_key_are_used_in_a_new_session_at_once(hq, station):
    await until(lambda: hq.births and station.sessions.up)
    station.sessions.renew()
    await until(lambda: len(hq.births) == 2)
    first, second = hq.births
    assert first["session"] != second["session"]
    await until(lambda: hq.farewells)
    assert hq.farewells[0]["session"] == first["session"]


async def test_the_time_in_an_ack_counts_only_in_its_session_and_by_headquarters_key(hq, station):
    heard = []
    station.sessions.on_time = heard.append
    await until(lambda: hq.births and station.sessions.up)
    await until(lambda: heard or not station.sender.outbox.unanswered)
    heard.clear()
    journal = station.journal.journal
    hq.ack(journal, time="2031-01-01T00:00:00.000Z", session="another")
    hq.ack(journal, time="2032-01-01T00:00:00.000Z", key=STRANGER)
    hq.ack(journal, time="2033-01-01T00:00:00.000Z")
    await until(lambda: heard)
    assert heard == ["2033-01-01T00:00:00.000Z"]


async def test_a_birth_tells_what_is_kept_and_the_highest_generation_ever_accepted(mosquitto, hq):
    station = Station(mosquitto)
    station.orders.highest = 4
    for number in range(3):
        station.journal.append(event_line(str(number), "device.changed", {}), urgent=False)
    await station.start()
    await until(lambda: hq.births)
    assert (hq.births[0]["head"], hq.births[0]["generation"]) == (3, 4)
    await station.stop()


async def test_a_headquarters_that_comes_later_finds_the_birth_and_answers_it(mosquitto, station):
    event = station.append()
    await until(lambda: station.sessions.up)
    late = ByHand(mosquitto)
    await late.start()
    await until(lambda: event in late.database.shown)
    assert late.sessions
    await late.stop()


async def test_a_journal_that_was_closed_is_named_by_a_birth_in_the_same_session(hq, station):
    await until(lambda: hq.births)
    await station.journal.close("fork", 0)
    await station.sender.reopened()
    await station.sessions.rebirth()
    await until(lambda: len(hq.births) == 2)
    assert hq.births[1]["session"] == hq.births[0]["session"]
    assert hq.births[1]["journal"] == station.journal.journal != hq.births[0]["journal"]


class SlowDisk(ListJournal):
    """Closes when it is let, whether or not somebody still waits for it: a writer's thread is not cancelled."""

    def __init__(self):
        super().__init__(random.Random(8))
        self.closing, self.let = asyncio.Event(), asyncio.Event()

    async def close(self, cause, last_common):
        self.closing.set()
        await asyncio.shield(asyncio.ensure_future(self._close(cause, last_common)))

    async def _close(self, cause, last_common):
        await self.let.wait()
        await super().close(cause, last_common)


async def test_a_journal_that_is_being_closed_while_the_link_breaks_is_the_one_named_next(mosquitto, hq):
    station = Station(mosquitto)
    station.journal = disk = SlowDisk()
    await station.start()
    event = station.append()
    await until(lambda: event in hq.database.shown)
    old = disk.journal
    hq.ack(old, stored=[[1, 9]], rev=99)
    await asyncio.wait_for(disk.closing.wait(), 20)
    session = station.sessions._session
    station.vanish()
    await until(lambda: station.sessions._session != session)
    disk.let.set()
    await until(lambda: hq.births[-1]["journal"] == disk.journal != old)
    await until(lambda: station.sender.outbox.kept.journal == disk.journal and station.sender.outbox.waiting == 0)
    assert hq.database.shown[event] == 1
    await station.stop()


async def test_what_is_journaled_reaches_headquarters_once_and_the_cursor_follows(hq, station):
    events = [station.append(urgent=number % 5 == 0) for number in range(40)]
    await until(lambda: station.sender.outbox.cursor == 40)
    assert hq.database.shown == dict.fromkeys(events, 1)
    assert station.sender.outbox.waiting == 0


async def test_before_the_first_ack_only_what_is_urgent_goes(hq, station):
    hq.answering = False
    await until(lambda: hq.births)
    station.append()
    station.append(urgent=True)
    await until(lambda: hq.lanes)
    assert hq.lanes == [("up/urgent", 2, 2)]
    station.leap(11)
    await until(lambda: len(hq.lanes) >= 2 and hq.lanes[-1][0] == "up/log")
    assert hq.lanes[-1] == ("up/log", 1, 1)


async def test_everything_goes_again_after_a_broker_lost_its_memory(mosquitto, hq, station):
    await until(lambda: hq.births)
    hq.answering = False
    events = [station.append(urgent=True), station.append()]
    await until(lambda: hq.lanes)
    await hq.stop()
    mosquitto.kill()
    await until(lambda: not station.sessions.up)
    station.dice.share = 0.1
    mosquitto.start()
    again = ByHand(mosquitto)
    await again.start()
    await until(lambda: station.sender.outbox.cursor == 2)
    assert again.database.shown == dict.fromkeys(events, 1)
    await again.stop()
    await hq.start()


async def test_acks_of_another_session_or_another_journal_or_a_stranger_are_ignored(hq, station):
    hq.answering = False
    await until(lambda: hq.births)
    for _ in range(3):
        station.append()
    journal = station.journal.journal
    held = {"stored": [[1, 2]], "chain": base64url.encode(station.journal.chains[2]), "rev": 5}
    hq.ack(journal, **held, session="another")
    hq.ack(journal, **held, journal="018f3b2a-0000-7000-8000-00000000ffff")
    hq.ack(journal, **held, key=STRANGER)
    hq.ack(journal, stored=[[1, 1]], chain=base64url.encode(station.journal.chains[1]), rev=1)
    await until(lambda: station.sender.outbox.cursor)
    assert station.sender.outbox.cursor == 1
    assert station.sessions.refused["unknown-key"] == 1


async def test_what_nobody_may_send_is_counted_and_good_traffic_behind_it_flows(hq, station):
    await until(lambda: hq.births)
    for payload in (b"", b"\x00" * 100, b'{"v":1', b"\x28\xb5\x2f\xfd\x00", b"[]"):
        hq.publish("up/ack", payload)
        hq.publish("down/log", payload)
    hq.publish("up/ack", b'{"v":2,"kind":"ack"}\n')
    hq.publish("up/ack", b'{"v":1,"kind":["ack"]}\n')
    event = station.append()
    await until(lambda: event in hq.database.shown and station.sender.outbox.cursor == 1)
    assert station.sessions.refused == {"malformed": 10, "unknown": 2}
    assert len(hq.births) == 1
