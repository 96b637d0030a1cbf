import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker_rig import address, server_context, until

from sync import connection as connection_module
from sync.broker import Broker
from sync.connection import SLOTS, Connection
from sync.mqtt_words import BrokerRefusedError, BrokerUnreachableError, Incoming, Will

TOPIC = "jt/1/sjz-001/up/log"
STATE = "jt/1/sjz-001/state"
BOTH = pytest.mark.parametrize("protocol5", [True, False], ids=["MQTT 5", "MQTT 3.1.1"])


class Client:
    """A connection and all that came over it."""

    def __init__(self, broker: Broker, **options) -> None:
        self.came: list[Incoming] = []
        self.rooms = 0
        options = {
            "client_id": broker.certificate.stem,
            "on_message": self.came.append,
            "on_room": self._room,
        } | options
        self.connection = Connection(broker, **options)

    def _room(self) -> None:
        self.rooms += 1

    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.came]


@pytest.fixture
async def client(mosquitto):
    """Opens clients, and closes them at the end."""
    made: list[Client] = []

    async def open_client(username="sjz-001", *, to=None, filters=(), **options) -> Client:
        made.append(one := Client(to or mosquitto.address(username), **options))
        await one.connection.open()
        if filters:
            await one.connection.subscribe(filters)
        return one

    yield open_client
    mosquitto.start() if mosquitto._process is None else mosquitto.thaw()
    for one in made:
        await one.connection.close()


def vanish(one: Client) -> None:
    """Lose the connection as a kill would: no DISCONNECT is sent."""
    sock = one.connection._client.socket()
    assert sock is not None
    sock.shutdown(socket.SHUT_RDWR)


@BOTH
async def test_what_is_published_arrives(client, protocol5):
    station = await client(filters=[TOPIC], protocol5=protocol5)
    assert station.connection.publish(TOPIC, b"hello", slot="log")
    await until(lambda: station.came)
    (message,) = station.came
    assert (message.topic, message.payload, message.retained) == (TOPIC, b"hello", False)


@BOTH
async def test_the_will_is_said_retained_when_a_station_vanishes(client, monkeypatch, protocol5):
    monkeypatch.setattr(connection_module, "WILL_DELAY_S", 0)
    watcher = await client("watcher", filters=["jt/1/+/state"])
    station = await client(will=Will(STATE, b"farewell"), protocol5=protocol5)
    vanish(station)
    await until(lambda: watcher.came)
    late = await client("sjz-002", filters=["jt/1/+/state"])
    await until(lambda: late.came)
    assert (late.came[0].payload, late.came[0].retained) == (b"farewell", True)
    assert not watcher.came[0].retained


async def test_a_station_that_comes_back_within_the_wills_delay_has_not_left(client, monkeypatch):
    monkeypatch.setattr(connection_module, "WILL_DELAY_S", 2)
    watcher = await client("watcher", filters=[STATE, TOPIC])
    station = await client(will=Will(STATE, b"farewell of the first"))
    vanish(station)
    await station.connection.ended
    again = await client(will=Will(STATE, b"farewell of the second"))
    vanish(again)
    await until(lambda: watcher.came)
    assert watcher.payloads() == [b"farewell of the second"]


@BOTH
async def test_a_clean_stop_says_the_last_word_and_no_will(client, protocol5):
    watcher = await client("watcher", filters=["jt/1/+/state", TOPIC])
    station = await client(will=Will(STATE, b"will"), protocol5=protocol5)
    await station.connection.close(Will(STATE, b"last word"))
    after = await client("sjz-002")
    after.connection.publish(TOPIC, b"afterwards", slot="log")
    await until(lambda: len(watcher.came) >= 2)
    assert watcher.payloads() == [b"last word", b"afterwards"]
    ending = station.connection.ended.result()
    assert not ending.by_broker


async def test_what_was_said_before_we_came_is_marked_retained_and_what_is_said_now_is_not(client):
    speaker = await client("hq-test")
    speaker.connection.publish(STATE, b"old", slot="ack", retain=True)
    station = await client(filters=[STATE])
    await until(lambda: station.came)
    speaker.connection.publish(STATE, b"new", slot="ack", retain=True)
    await until(lambda: len(station.came) == 2)
    assert [(message.payload, message.retained) for message in station.came] == [(b"old", True), (b"new", False)]


@BOTH
async def test_a_broker_that_refuses_us_says_so(playing, protocol5):
    """MQTT 3.1.1, section 3.2.2.3, return code 5; MQTT 5.0, section 3.2.2.2, reason code 0x87."""
    async with playing(b"\x20\x03\x00\x87\x00" if protocol5 else b"\x20\x02\x00\x05") as broker:
        with pytest.raises(BrokerRefusedError, match="Not auth") as caught:
            await Client(broker, protocol5=protocol5).connection.open()
    assert not caught.value.needs_older_protocol


async def test_nobody_listening_says_so_with_the_address(mosquitto):
    mosquitto.kill()
    one = Client(mosquitto.address("sjz-001"))
    with pytest.raises(BrokerUnreachableError, match=f"127.0.0.1:{mosquitto.port}"):
        await one.connection.open()


async def test_a_name_that_nobody_knows_says_so(broker_certificates):
    one = Client(address(broker_certificates, "sjz-001", host="broker.invalid", port=1883))
    with pytest.raises(BrokerUnreachableError, match=r"broker\.invalid:1883"):
        await one.connection.open()


@pytest.fixture
def playing(broker_certificates):
    def with_certificate(reply: bytes, stem: str = "server") -> contextlib.AbstractAsyncContextManager[Broker]:
        return playing_broker(reply, broker_certificates, stem)

    return with_certificate


@contextlib.asynccontextmanager
async def playing_broker(reply: bytes, folder: Path, stem: str) -> AsyncIterator[Broker]:
    """Somebody on a port who answers whatever comes with these bytes, and hangs up when the other does."""
    conversations: list[asyncio.Task[None]] = []

    async def talk(reader, writer):
        conversations.append(asyncio.current_task())
        await reader.read(1000)
        writer.write(reply)
        await reader.read()
        writer.close()
        await writer.wait_closed()

    context = server_context(folder, stem=stem)
    async with await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context) as server:
        yield address(folder, "sjz-001", port=server.sockets[0].getsockname()[1])
        await asyncio.gather(*conversations)


async def test_who_is_no_broker_says_so(playing, monkeypatch):
    monkeypatch.setattr(connection_module, "CONNECT_TIMEOUT_S", 0.5)
    async with playing(b"HTTP/1.1 400 Bad Request\r\n\r\n") as broker:
        with pytest.raises(BrokerUnreachableError):
            await Client(broker).connection.open()


class Ticks:
    """Counts how often the loop comes round, and the longest it stood still."""

    def __init__(self):
        self.longest, self._last = 0.0, time.monotonic()
        self._task = asyncio.create_task(self._run())

    async def _run(self):
        while True:
            await asyncio.sleep(0.01)
            now = time.monotonic()
            self.longest, self._last = max(self.longest, now - self._last), now

    def stop(self):
        self._task.cancel()
        return self.longest


@pytest.fixture(params=["accepts and says nothing", "accepts nothing"])
def black_hole(request, broker_certificates):
    """A listening socket that never answers; with a full backlog even the handshake goes unanswered."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0 if request.param == "accepts nothing" else 8)
        waiting = []
        if request.param == "accepts nothing":
            for _ in range(4):
                waiting.append(one := socket.socket())
                one.setblocking(False)
                one.connect_ex(hole.getsockname())
        yield address(broker_certificates, "sjz-001", port=hole.getsockname()[1])
        for one in waiting:
            one.close()


async def test_a_broker_that_swallows_everything_is_given_up_and_does_not_hold_the_loop(black_hole, monkeypatch):
    monkeypatch.setattr(connection_module, "CONNECT_TIMEOUT_S", 0.5)
    one, ticks = Client(black_hole), Ticks()
    with pytest.raises(BrokerUnreachableError, match=f"127.0.0.1:{black_hole.port} does not answer"):
        await one.connection.open()
    assert ticks.stop() < 0.4


async def test_waiting_for_a_broker_that_swallows_everything_can_be_given_up_at_once(black_hole, monkeypatch):
    monkeypatch.setattr(connection_module, "CONNECT_TIMEOUT_S", 3.0)  # the connecting thread's own end, after the test
    one = Client(black_hole)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(one.connection.open(), 0.2)
    assert time.monotonic() - began < 1


async def test_a_sort_of_message_has_no_more_than_its_slots_in_flight_and_hears_of_room(client, mosquitto):
    station = await client()
    mosquitto.freeze()
    for slot in ("log", "urgent"):
        assert all(station.connection.publish(TOPIC, b"x", slot=slot) for _ in range(SLOTS[slot]))
        assert not station.connection.publish(TOPIC, b"x", slot=slot)
    assert station.connection.publish(TOPIC, b"x", slot="ack")
    assert station.rooms == 0
    mosquitto.thaw()
    await until(lambda: station.rooms == SLOTS["log"] + SLOTS["urgent"] + 1)
    assert station.connection.publish(TOPIC, b"x", slot="log")


async def test_a_killed_broker_ends_the_connection_and_publishing_says_no(client, mosquitto):
    station = await client()
    mosquitto.kill()
    ending = await asyncio.wait_for(station.connection.ended, 20)
    assert ending.by_broker
    assert not station.connection.publish(TOPIC, b"x", slot="urgent")
    station.connection.hint(TOPIC, b"x")


async def test_another_with_our_name_ends_our_connection(client):
    first = await client()
    second = await client()
    ending = await asyncio.wait_for(first.connection.ended, 20)
    assert ending.by_broker
    assert not second.connection.ended.done()


async def test_a_broker_killed_before_it_answered_a_subscription_says_so(client, mosquitto):
    station = await client()
    mosquitto.freeze()
    subscribing = asyncio.ensure_future(station.connection.subscribe([TOPIC]))
    await asyncio.wait({subscribing}, timeout=0.05)
    mosquitto.kill()
    with pytest.raises(BrokerUnreachableError):
        await asyncio.wait_for(subscribing, 20)


async def test_closing_takes_less_than_two_seconds_though_the_broker_is_frozen(client, mosquitto):
    station = await client()
    mosquitto.freeze()
    while station.connection.publish(TOPIC, bytes(20_000), slot="ack"):
        pass  # what the kernel cannot take is queued
    began = time.monotonic()
    await station.connection.close(Will(STATE, b"last word"))
    assert time.monotonic() - began < 2
    assert station.connection.ended.done()


async def test_closing_twice_is_closing_once(client):
    station = await client()
    await station.connection.close()
    await station.connection.close(Will(STATE, b"never said"))


async def test_a_held_puback_makes_the_broker_deliver_again_in_the_next_session(client):
    options = {"hold_pubacks": True, "filters": [TOPIC]}
    hq = await client("hq-test", **options)
    station = await client()
    for payload in (b"stored", b"not stored"):
        station.connection.publish(TOPIC, payload, slot="log")
    await until(lambda: len(hq.came) == 2)
    hq.connection.puback(hq.came[0])
    await hq.connection.close()
    again = await client("hq-test", **options)
    await until(lambda: again.came)
    assert again.payloads() == [b"not stored"]


async def test_a_topic_that_is_no_text_is_passed_over(playing):
    """MQTT 5.0, section 1.5.4 forbids it, so that no broker should send it; one that does must not end us."""
    connack = b"\x20\x03\x00\x00\x00"
    wrong = b"\x30\x06\x00\x02\xff\xfe\x00x"
    right = b"\x30\x05\x00\x01t\x00y"
    async with playing(connack + wrong + right) as broker:
        one = Client(broker)
        await one.connection.open()
        await until(lambda: one.came)
        assert one.payloads() == [b"y"]
        await one.connection.close()


@pytest.mark.parametrize("connack", [b"\x20\x02\x00\x01", b"\x20\x03\x00\x84\x00"], ids=["in 3.1.1", "in 5"])
async def test_a_broker_that_speaks_only_the_older_protocol_is_told_from_one_that_refuses(playing, connack):
    """MQTT 3.1.1, section 3.2.2.3, return code 1; MQTT 5.0, section 3.2.2.2, reason code 0x84."""
    async with playing(connack) as broker:
        with pytest.raises(BrokerRefusedError) as caught:
            await Client(broker).connection.open()
    assert caught.value.needs_older_protocol
