import asyncio
import logging
import random
import time

import pytest
from broker_rig import until
from model import STATION, ListJournal, event_line
from session_rig import HQ_KEY, ORDERS_JOURNAL, STRANGER, ByHand, Station

from sync import base64url, connection, session
from sync.connection import Connection
from sync.signed import Writer

ORDER = event_line("018f3b2a-0001-7000-8000-0123456789ab", "orders.opened", {"generation": 1})
OTHER_ORDER = event_line("018f3b2a-0002-7000-8000-0123456789ab", "help.answered", {})


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    """Wills come at once, and a station looks at its clock often."""
    monkeypatch.setattr(connection, "WILL_DELAY_S", 0)
    monkeypatch.setattr(session, "_LOOK_EVERY_S", 0.02)


@pytest.fixture
async def hq(mosquitto):
    by_hand = ByHand(mosquitto)
    await by_hand.start()
    yield by_hand
    await by_hand.stop()


@pytest.fixture
async def station(mosquitto):
    one = Station(mosquitto)
    await one.start()
    yield one
    await one.stop()


async def kicked_by_another(mosquitto, station, times):
    """Somebody else connects with the station's name, so many times, and goes away again."""
    for _ in range(times):
        await until(lambda: station.sessions.up)
        session = station.sessions._session
        intruder = Connection(
            mosquitto.address(STATION), client_id=STATION, on_message=lambda _: None, on_room=lambda: None
        )
        await intruder.open()
        await until(lambda session=session: not station.sessions.up or station.sessions._session != session)
        await intruder.close()


# -- a session's beginning and end ---------------------------------------------------------------------------


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


# -- sending -------------------------------------------------------------------------------------------------


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


# -- presence ------------------------------------------------------------------------------------------------


async def test_headquarters_that_is_online_and_leaves_a_birth_unanswered_gets_a_new_session(hq, station):
    hq.answering = False
    await until(lambda: hq.births)
    hq.say()
    await until(lambda: station.sender.outbox.peer.online(station.monotonic()))
    station.leap(61)
    await until(lambda: len(hq.births) == 2)
    assert hq.sessions[0] != hq.sessions[1]
    await until(lambda: hq.farewells)
    assert hq.farewells[0]["session"] == hq.sessions[0]


async def unmoved(hq, station):
    """Wait until the station has looked at its clock once more, a minute on, and say whether it is the same session."""
    sessions = len(hq.births)
    acks = len(hq.down_acks)
    station.leap(61)
    await until(lambda: len(hq.down_acks) > acks or len(hq.births) > sessions)
    return len(hq.births) == sessions


async def test_headquarters_that_is_away_is_waited_for(hq, station):
    hq.answering = False
    await until(lambda: hq.births and station.sessions.up)
    station.append()
    assert await unmoved(hq, station)
    assert await unmoved(hq, station)


async def test_a_retained_online_proves_nothing(mosquitto, hq):
    hq.answering = False
    hq.say(retain=True)
    station = Station(mosquitto)
    await station.start()
    await until(lambda: hq.births and station.sessions.up)
    assert await unmoved(hq, station)
    assert not station.sender.outbox.peer.online(station.monotonic())
    await station.stop()


async def test_a_new_epoch_begins_a_new_session(hq, station):
    await until(lambda: hq.births)
    hq.say(epoch="one")
    hq.say(epoch="two")
    station.leap(61)
    await until(lambda: len(hq.births) == 2)


async def test_a_second_new_epoch_within_the_minute_waits_for_its_end(hq, station):
    await until(lambda: hq.births)
    for epoch in ("one", "two"):
        hq.say(epoch=epoch)
    await until(lambda: len(hq.births) == 2)
    station.dice.share = 0.5
    hq.say(epoch="three")
    hq.say(epoch="three", online=True)
    event = station.append()
    await until(lambda: event in hq.database.shown)
    assert len(hq.births) == 2
    station.leap(120)
    await until(lambda: len(hq.births) == 3)


async def test_the_first_epoch_of_a_process_is_only_noted(hq, station):
    await until(lambda: hq.births)
    hq.say(epoch="one")
    event = station.append()
    await until(lambda: event in hq.database.shown)
    station.leap(120)
    another = station.append()
    await until(lambda: another in hq.database.shown)
    assert len(hq.births) == 1


async def test_an_epoch_that_comes_retained_is_only_noted(mosquitto, hq, station):
    await until(lambda: hq.births)
    hq.say(epoch="one")
    await until(lambda: station.sessions._epoch == "one")
    await kicked_by_another(mosquitto, station, 3)  # and now it stays away for minutes
    hq.say(epoch="two", retain=True)
    station.append(urgent=True)
    await until(lambda: station.sessions._epoch == "two")
    session = station.sessions._session
    station.leap(120)
    event = station.append(urgent=True)
    await until(lambda: event in hq.database.shown)
    assert station.sessions._session == hq.sessions[-1] == session


# -- trouble with the connection -----------------------------------------------------------------------------


async def test_accepted_and_kicked_three_times_is_a_suspected_takeover_and_only_urgent_events_go_on(
    mosquitto, hq, station
):
    await kicked_by_another(mosquitto, station, 2)
    assert not station.sessions.takeover_suspected
    await kicked_by_another(mosquitto, station, 1)
    await until(lambda: station.sessions.takeover_suspected)
    station.append()
    event = station.append(urgent=True)
    await until(lambda: event in hq.database.shown)
    assert all(lane == "up/urgent" for lane, _, _ in hq.lanes)
    station.leap(181)
    await until(lambda: station.sender.outbox.cursor == 2)


async def test_to_be_kicked_before_the_subscription_is_answered_counts_too(mosquitto):
    async def kick(reader, writer):
        await reader.read(1000)
        writer.write(b"\x20\x03\x00\x00\x00")
        await reader.read(1000)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(kick, "127.0.0.1", 0) as server:
        mosquitto.port, real = server.sockets[0].getsockname()[1], mosquitto.port
        station = Station(mosquitto)
        mosquitto.port = real
        await station.start()
        await until(lambda: station.sessions.takeover_suspected)
        await station.stop()


async def test_a_broker_that_is_away_is_told_once_and_found_again(mosquitto, hq, station, caplog):
    caplog.set_level(logging.INFO)
    await until(lambda: hq.births)
    await hq.stop()
    station.dice.share = 0.02
    mosquitto.kill()
    attempts = station.sessions._backoff
    await until(lambda: attempts._failures >= 4)
    unreachable = [record for record in caplog.records if "no connection to the broker" in record.message]
    assert len(unreachable) == 1
    mosquitto.start()
    await until(lambda: station.sessions.up)
    assert caplog.records[-1].message == "The link is up."
    await hq.start()


async def test_a_wrong_password_is_told_once_and_tried_again(mosquitto, caplog):
    station = Station(mosquitto, password="wrong")
    station.dice.share = 0.02
    await station.start()
    await until(lambda: station.sessions._backoff._failures >= 3)
    assert len([record for record in caplog.records if "refuses us" in record.message]) == 1
    assert not station.sessions.up
    await station.stop()


async def test_a_frozen_broker_does_not_hold_up_a_stop(mosquitto, hq, station):
    await until(lambda: hq.births and station.sessions.up)
    mosquitto.freeze()
    station.sessions.stop()
    await asyncio.wait_for(station.running, 2)
    mosquitto.thaw()


async def test_a_station_that_is_cancelled_while_it_connects_ends_at_once(mosquitto):
    mosquitto.freeze()
    station = Station(mosquitto)
    await station.start()
    await asyncio.wait({station.running}, timeout=0.1)
    await asyncio.wait_for(station.stop(), 2)
    mosquitto.thaw()


async def test_a_broker_of_the_older_protocol_is_spoken_to_in_that(mosquitto):
    """The fourth text of a CONNECT is its protocol level: 5, or 4 for MQTT 3.1.1 (section 3.1.2.2)."""
    levels = []

    async def talk(reader, writer):
        levels.append((await reader.read(1000)).partition(b"\x00\x04MQTT")[2][0])
        writer.write(b"\x20\x02\x00\x01")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        mosquitto.port, real = server.sockets[0].getsockname()[1], mosquitto.port
        station = Station(mosquitto)
        mosquitto.port = real
        station.dice.share = 0.02
        await station.start()
        await until(lambda: len(levels) >= 3)
        await station.stop()
    assert levels[:3] == [5, 4, 4]


# -- orders --------------------------------------------------------------------------------------------------


async def test_a_station_without_orders_says_so_after_its_birth(hq, station):
    ack, header = await hq.down_ack(lambda ack: True)
    assert (ack.journal, ack.chain, ack.rev, ack.stored) == (None, None, 0, ())
    assert header["session"] == hq.sessions[0]


async def test_a_down_ack_is_repeated_every_minute_until_headquarters_is_heard_and_then_once(hq, station):
    hq.answering = False
    await until(lambda: len(hq.down_acks) == 1)
    for count in (2, 3):
        station.leap(61)
        await until(lambda count=count: len(hq.down_acks) == count)
    hq.answering = True
    hq.ack(station.journal.journal)
    await until(lambda: len(hq.down_acks) == 4)
    station.leap(61)
    event = station.append()
    await until(lambda: event in hq.database.shown)
    assert len(hq.down_acks) == 4


async def test_orders_are_stored_and_acknowledged(hq, station):
    await until(lambda: hq.down_acks)
    lines = hq.order([ORDER])
    ack, _ = await hq.down_ack(lambda ack: ack.journal == ORDERS_JOURNAL)
    assert (ack.stored, ack.chain, ack.rejected) == (((1, 1),), lines[0].chain, None)
    hq.order([OTHER_ORDER, OTHER_ORDER], first=2, prev=lines[0].chain)
    ack, _ = await hq.down_ack(lambda ack: ack.cursor == 3)
    assert ack.rev == 2


async def test_orders_that_are_refused_are_answered_with_the_reason(hq, station):
    await until(lambda: hq.down_acks)
    lines = hq.order([ORDER])
    await hq.down_ack(lambda ack: ack.cursor == 1)

    async def reason(ack_reason):
        return (await hq.down_ack(lambda ack: ack.rejected and ack.rejected.reason == ack_reason))[0].rejected

    hq.order([OTHER_ORDER], first=2, prev=lines[0].chain, key=STRANGER)
    assert (await reason("unknown-key")).signer == STRANGER.public.id
    hq.order([OTHER_ORDER], first=2, prev=lines[0].chain, chain=base64url.encode(bytes(32)))
    assert (await reason("chain")).first == 2
    hq.order([OTHER_ORDER], first=1)
    assert (await reason("fork")).first == 1
    hq.order([b"no event"], first=2, prev=lines[0].chain)
    assert (await reason("malformed")).sha256 is not None
    hq.publish("down/log", Writer(HQ_KEY).write({"kind": "batch", "station": "sjz-002"}))
    await until(lambda: station.sessions.refused["malformed"] == 2)
    assert station.orders.ledger.now.stored == ((1, 1),)
    assert station.sessions.refused == {"unknown-key": 1, "chain": 1, "fork": 1, "malformed": 2}


async def test_two_orders_in_one_urgent_message_are_refused(hq, station):
    await until(lambda: hq.down_acks)
    payloads = []
    hq.publish, publish = (lambda place, payload: payloads.append(payload)), hq.publish
    hq.order([ORDER, OTHER_ORDER])
    publish("down/urgent", payloads[0])
    ack, _ = await hq.down_ack(lambda ack: ack.rejected)
    assert (ack.rejected.reason, ack.rejected.count, ack.rejected.sha256) == ("malformed", 2, None)


async def test_another_orders_journal_that_is_not_accepted_is_answered_with_the_one_that_is_held(hq, station):
    await until(lambda: hq.down_acks)
    hq.order([ORDER], generation=2)
    await hq.down_ack(lambda ack: ack.cursor == 1)
    heard = len(hq.down_acks)
    hq.order([ORDER], journal="018f3b2a-0000-7000-8000-0000000000bb", generation=2)
    await until(lambda: len(hq.down_acks) > heard)
    ack, _ = hq.down_acks[-1]
    assert (ack.journal, ack.cursor, ack.rejected) == (ORDERS_JOURNAL, 1, None)


async def test_an_unrecorded_call_is_told_with_certainty_and_any_other_sample_as_a_hint(mosquitto, station):
    came = []
    watcher = Connection(
        mosquitto.address("watcher"), client_id="watcher", on_message=came.append, on_room=lambda: None
    )
    await watcher.open()
    await watcher.subscribe([f"jt/1/{STATION}/health"])
    await until(lambda: station.sessions.up)
    station.sessions.health({"n": 1}, urgent=False)
    station.sessions.health({"ringing": {"since": "now", "recorded": False}}, urgent=True)
    await until(lambda: len(came) == 2)
    assert sorted(message.payload for message in came) == [
        b'{"n":1}',
        b'{"ringing":{"since":"now","recorded":false}}',
    ]
    await watcher.close()
