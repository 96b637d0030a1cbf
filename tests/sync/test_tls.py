"""The connection is TLS or none: who is believed, and that TLS's own buffers hold nothing up."""

import asyncio
import contextlib
import dataclasses
import socket
import ssl
import struct

import pytest
from broker_rig import address, server_context, until

from sync.connection import SLOTS, Connection
from sync.mqtt_words import BrokerUnreachableError, Incoming
from tests.faults.proxy import Proxy

TOPIC = "jt/1/sjz-001/up/log"
CONNACK = b"\x20\x03\x00\x00\x00"


def a_connection(broker, came=None, **options) -> Connection:
    take = (came if came is not None else []).append
    return Connection(broker, client_id=broker.certificate.stem, on_message=take, on_room=lambda: None, **options)


async def refused(broker) -> str:
    connection = a_connection(broker)
    with pytest.raises(BrokerUnreachableError) as caught:
        await connection.open()
    return str(caught.value)


@pytest.fixture
async def played(broker_certificates):
    """Opens brokers that accept everybody and say nothing, with one certificate or another."""
    servers = []

    async def talk(reader, writer):
        await reader.read(1000)
        writer.write(CONNACK)
        await reader.read()
        writer.close()

    async def play(stem="server", **options):
        context = server_context(broker_certificates, stem=stem, **options)
        servers.append(server := await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context))
        return address(broker_certificates, "sjz-001", port=server.sockets[0].getsockname()[1])

    yield play
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_a_broker_of_another_root_is_not_believed(played):
    assert "certificate verify failed" in await refused(await played("strange-server"))


async def test_a_broker_of_another_name_is_not_believed_whatever_our_clock_says(played):
    broker = await played("other-server")
    assert "mismatch" in await refused(broker)
    assert "mismatch" in await refused(dataclasses.replace(broker, check_dates=lambda: False))


async def test_dates_are_looked_at_only_while_our_clock_is_to_be_trusted(played):
    broker, trusted = await played("expired-server"), True
    broker = dataclasses.replace(broker, check_dates=lambda: trusted)
    assert "expired" in await refused(broker)
    trusted = False
    connection = a_connection(broker)
    await connection.open()
    await connection.close()


async def test_a_broker_of_another_root_is_not_believed_while_our_clock_is_not_trusted_either(played):
    broker = dataclasses.replace(await played("strange-server"), check_dates=lambda: False)
    assert "certificate verify failed" in await refused(broker)


@pytest.mark.parametrize(("stem", "why"), [("stranger", "unknown ca"), ("expired", "certificate expired")])
async def test_who_is_of_another_city_or_out_of_date_is_let_in_by_nobody(mosquitto, stem, why):
    words = await refused(mosquitto.address(stem))
    assert why in words or "does not believe our certificate" in words


async def test_nobody_connects_without_a_certificate(mosquitto, broker_certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(broker_certificates / "ca.pem")
    with (
        socket.create_connection(("127.0.0.1", mosquitto.port)) as raw,
        pytest.raises(ssl.SSLError),  # in TLS 1.3 a client learns of it with the first bytes it reads
        context.wrap_socket(raw, server_hostname="127.0.0.1") as wrapped,
    ):
        wrapped.recv(1)


async def test_nobody_connects_without_tls(mosquitto):
    connect = b"\x10\x13\x00\x04MQTT\x04\x02\x00\x3c\x00\x07sjz-001"  # MQTT 3.1.1, section 3.1
    with socket.create_connection(("127.0.0.1", mosquitto.port), timeout=20) as raw:
        raw.sendall(connect)
        with contextlib.suppress(ConnectionResetError):
            assert raw.recv(1) in {b"", b"\x15"}  # a TLS alert at most (RFC 8446, section 6), never a CONNACK


async def test_a_file_that_is_missing_or_no_certificate_says_which(played, tmp_path):
    broker = await played()
    assert "tls.pem" in await refused(dataclasses.replace(broker, certificate=tmp_path / "tls.pem"))
    (tmp_path / "tls.pem").write_text("rubbish")
    assert "tls.pem" in await refused(dataclasses.replace(broker, certificate=tmp_path / "tls.pem"))


async def test_a_host_that_no_certificate_can_name_says_so(played):
    assert ".example" in await refused(dataclasses.replace(await played(), host=".example"))


async def test_renewed_files_are_used_at_the_next_connection(mosquitto, broker_certificates, tmp_path):
    for name in ("pem", "key"):
        (tmp_path / f"tls.{name}").write_bytes((broker_certificates / f"expired.{name}").read_bytes())
    broker = dataclasses.replace(
        mosquitto.address("sjz-001"), certificate=tmp_path / "tls.pem", key=tmp_path / "tls.key"
    )
    await refused(broker)
    for name in ("pem", "key"):
        (tmp_path / f"tls.{name}").write_bytes((broker_certificates / f"sjz-001.{name}").read_bytes())
    connection = a_connection(broker)
    await connection.open()
    await connection.close()


# -- what TLS keeps for itself -------------------------------------------------------------------------------------


def publish_packet(payload: bytes) -> bytes:
    """A PUBLISH of QoS 0 in MQTT 5 (section 3.3)."""
    body = struct.pack("!H", len(TOPIC)) + TOPIC.encode() + b"\x00" + payload
    length, digits = len(body), b""
    while True:
        length, digit = length >> 7, length & 0x7F
        digits += bytes([digit | (0x80 if length else 0)])
        if not length:
            return b"\x30" + digits + body


async def test_many_messages_in_one_record_are_all_heard_at_once(broker_certificates):
    """The socket becomes readable once, for the record as a whole; the rest is in TLS's own buffer."""

    async def talk(reader, writer):
        await reader.read(1000)
        writer.write(CONNACK + b"".join(publish_packet(bytes([number])) for number in range(100)))
        await reader.read()
        writer.close()

    context = server_context(broker_certificates)
    async with await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context) as server:
        came: list[Incoming] = []
        connection = a_connection(
            address(broker_certificates, "sjz-001", port=server.sockets[0].getsockname()[1]), came
        )
        await connection.open()
        await until(lambda: len(came) == 100, within=0.9)  # before the keep-alive's tick
        assert [message.payload[0] for message in came] == list(range(100))
        await connection.close()


@pytest.mark.parametrize("bytes_per_s", [None, 400_000], ids=["a fast line", "a slow line"])
async def test_large_messages_pass_whole_and_in_order_both_ways_at_once(mosquitto, bytes_per_s):
    async with Proxy(mosquitto.port) as line:
        came: dict[str, list[Incoming]] = {"sjz-001": [], "sjz-002": []}
        ends = {name: a_connection(mosquitto.address(name, port=line.port), came[name]) for name in came}
        for name, end in ends.items():
            await end.open()
            await end.subscribe([f"to/{name}"])
        line.bytes_per_s = bytes_per_s
        payloads = [bytes([number]) * 60_000 for number in range(SLOTS["log"])]
        for payload in payloads:
            for name, other in (("sjz-001", "sjz-002"), ("sjz-002", "sjz-001")):
                assert ends[name].publish(f"to/{other}", payload, slot="log")
        await until(lambda: all(len(messages) == len(payloads) for messages in came.values()))
        for messages in came.values():
            assert [message.payload for message in messages] == payloads
        line.bytes_per_s = None
        for end in ends.values():
            assert not end.ended.done()
            await end.close()
