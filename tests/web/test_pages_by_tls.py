"""Headquarters' pages by TLS with a certificate of their own."""

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from web_desks import CALENDAR, WALL_MS, CityDesk, a_database

from hq.screens.app import build
from hq.screens.door import Doorway
from hq.screens.server import listener


@pytest.fixture
def certificate(tmp_path):
    """Write a certificate for 127.0.0.1, signed by itself, and its key; return both paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hq")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "web.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "web.key").write_bytes(private)
    return tmp_path / "web.crt", tmp_path / "web.key"


async def _asked(port, trust):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
    version = writer.get_extra_info("ssl_object").version()
    writer.write(b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return version, answer


async def test_pages_are_served_by_tls_1_2_or_later_and_not_in_the_clear(certificate):
    stopping = asyncio.Event()
    with a_database() as database, socket.create_server(("127.0.0.1", 0)) as listening:
        app = build(
            CityDesk(),
            database,
            Doorway(secure=True),
            calendar=CALENDAR,
            allowed_hosts={"127.0.0.1"},
            wall_ms=lambda: WALL_MS,
            stopping=stopping,
        )
        server = listener(app, *certificate)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        port = listening.getsockname()[1]
        try:
            async with asyncio.timeout(20):
                trust = ssl.create_default_context(cafile=str(certificate[0]))
                version, answer = await _asked(port, trust)
                assert version in {"TLSv1.2", "TLSv1.3"}
                assert answer.startswith(b"HTTP/1.1 200 ")
                assert b"strict-transport-security: max-age=" in answer
                with pytest.raises(ssl.SSLError):
                    await _asked(port, ssl.create_default_context())
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                assert b"HTTP/1.1 200" not in await reader.read()
                writer.close()
        finally:
            stopping.set()
            server.should_exit = True
            await serving
