"""A broker in the wrong hands sends without an end: the connection ends, or others have their turn all the same."""

import asyncio
import contextlib
import itertools
import socket
import threading
import time

import psutil
import pytest
from broker_rig import address, server_context

from sync.connection import Connection
from sync.peer import ONLINE_S, Peer

CONNACK = b"\x20\x03\x00\x00\x00"
MIB = 2**20
FLOOD_S = 4.0


def length(size: int) -> bytes:
    """A remaining length (MQTT 5.0, section 1.5.5)."""
    digits = b""
    while True:
        size, digit = size >> 7, size & 0x7F
        digits += bytes([digit | (0x80 if size else 0)])
        if not size:
            return digits


def publish(payload: bytes, qos: int = 0, mid: int = 1) -> bytes:
    body = b"\x00\x01t" + (mid.to_bytes(2) if qos else b"") + b"\x00" + payload
    return bytes([0x30 | qos << 1]) + length(len(body)) + body


def oversized():
    yield b"\x30" + length(200 * MIB)
    yield from itertools.repeat(bytes(64 * 1024))


def never_released():
    for mid in itertools.cycle(range(1, 60_000)):
        yield publish(bytes(64 * 1024), qos=2, mid=mid)


def answered_in_vain():
    for first in itertools.count(0, 100):
        yield b"".join(publish(b"x", qos=1, mid=(first + more) % 60_000 + 1) for more in range(100))


@contextlib.asynccontextmanager
async def sending(folder, packets, *, reads=True):
    """A broker that accepts whoever comes, and then sends these packets without a pause."""

    async def talk(reader, writer):
        await reader.read(1000)
        writer.write(CONNACK)
        if not reads:
            writer.transport.pause_reading()
        with contextlib.suppress(OSError):
            for packet in packets:
                writer.write(packet)
                await writer.drain()
        writer.transport.abort()

    async with await asyncio.start_server(talk, "127.0.0.1", 0, ssl=server_context(folder)) as server:
        yield address(folder, "sjz-001", port=server.sockets[0].getsockname()[1])


@pytest.mark.parametrize(
    ("packets", "words"),
    [
        (oversized, "a packet of 209715200 bytes"),
        (never_released, "QoS 2"),
        (answered_in_vain, "does not read"),
    ],
)
async def test_what_takes_memory_without_an_end_ends_the_connection(broker_certificates, packets, words):
    before = psutil.Process().memory_info().rss
    async with sending(broker_certificates, packets(), reads=packets is not answered_in_vain) as broker:
        one = Connection(broker, client_id="sjz-001", on_message=lambda _: None, on_room=lambda: None)
        await one.open()
        async with asyncio.timeout(30):
            ending = await one.ended
        assert words in ending.reason
        assert ending.by_broker
        assert psutil.Process().memory_info().rss - before < 50 * MIB
        await one.close()


class Flood(threading.Thread):
    """A broker in a thread of its own, so that it sends whether or not our loop turns: small messages, for a while."""

    def __init__(self, folder) -> None:
        super().__init__(daemon=True)
        self._context = server_context(folder)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = address(folder, "sjz-001", port=self._listening.getsockname()[1])

    def run(self) -> None:
        one = publish(bytes(500))
        # Each TLS record ends within a packet, so that with each packet's end another record has been opened.
        many = one[3:] + one * 30 + one[:3]
        with self._listening, contextlib.suppress(OSError):
            taken, _ = self._listening.accept()
            with self._context.wrap_socket(taken, server_side=True) as conversation:
                conversation.recv(1000)
                conversation.sendall(CONNACK + one[:3])
                until = time.monotonic() + FLOOD_S
                while time.monotonic() < until:
                    conversation.sendall(many)


async def test_a_broker_that_never_pauses_holds_nobody_else_up(broker_certificates):
    flood, heard = Flood(broker_certificates), itertools.count()
    flood.start()
    one = Connection(flood.address, client_id="sjz-001", on_message=lambda _: next(heard), on_room=lambda: None)
    await one.open()
    longest, last = 0.0, time.monotonic()
    while not one.ended.done():
        await asyncio.sleep(0)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert next(heard) > 1_000
    assert longest < FLOOD_S / 2
    await one.close()


async def test_a_broker_that_makes_up_workers_is_not_remembered_for_all_of_them():
    peer = Peer()
    peer.hint("true", 0.0, online=True)
    for number in range(100_000):
        peer.hint(f"made-up-{number}", 1.0, online=True)
        peer.hint("true", 1.0, online=True)
    assert len(peer._workers) < 100
    for number in range(100_000):
        peer.hint(f"made-up-{number}", 2.0, online=False)
    assert peer.online(1.0 + ONLINE_S - 0.1), "the true one is still known"
    assert not peer.online(1.0 + ONLINE_S)
