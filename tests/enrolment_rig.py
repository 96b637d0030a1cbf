"""Headquarters' enrolment on a real TLS port, with a clock the test moves, and a kiosk's end of it."""

import asyncio
import datetime as dt
import hashlib
import ssl
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.headquarters import Headquarters
from hq.authority import Authority
from hq.enrolment_server import EnrolmentServer, ServerCertificate
from hq.invitations import invite
from hq.registrar import Registrar, Told
from hq.revocation import revoke
from hq.station_keys import StationKeys
from hq.store import Store
from sync.invitation import Code, Invitation, secret_hash
from sync.sealing import new_sealing_key
from sync.signing import SigningKey

NOW_MS = 1_795_600_000_000  # 2026-11-25
DAY_MS = 24 * 3600 * 1000


def new_key() -> SigningKey:
    return SigningKey(Ed25519PrivateKey.generate().private_bytes_raw())


def new_tls_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def csr(key: ec.EllipticCurvePrivateKey, station: str) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, station)])
    request = x509.CertificateSigningRequestBuilder(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


class Office:
    """Headquarters, as far as it enrols; `wall_ms` and `mono` are its clocks."""

    def __init__(self, folder: Path, *, days: int = 90) -> None:
        self.folder = folder
        self.wall_ms, self.mono = NOW_MS, 1000.0
        (folder / "stations").mkdir(parents=True)
        self.authority = Authority.create(folder / "authority", city="Test", now=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        self.store = Store.open(f"sqlite:///{folder}/hq.db")
        self.keys = StationKeys(folder / "stations", lambda: self.wall_ms)
        self.order_key = new_key()
        self.sealing_public = new_sealing_key()[1]
        self.told = Told(
            order_keys=lambda _station: (self.order_key.public.raw,),
            sealing_key=lambda: self.sealing_public,
            broker_host="127.0.0.1",
            broker_port=8883,
            certificate_days=days,
        )
        self.registrar = Registrar(
            self.store,
            self.authority,
            self.keys,
            self.told,
            wall_ms=lambda: self.wall_ms,
            monotonic=lambda: self.mono,
        )
        self.server = EnrolmentServer(self.registrar, self.store.metrics, lambda: self.mono)
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pem(self) -> str:
        return self.authority.certificate_pem.decode()

    def start(self, context: ssl.SSLContext | None = None) -> None:
        """Serve, by default with a certificate that is right."""
        if context is None:
            own = ServerCertificate(self.authority, self.folder, ["127.0.0.1", "localhost"])
            own.look()
            context = own.context
        self._context = context
        self._thread.start()
        assert self._up.wait(20)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(20)
        self._loop.close()  # where it never ran
        self.store.close()

    def _run(self) -> None:
        async def serve() -> None:
            async with self.server.serving_tls("127.0.0.1", 0, self._context) as self.port:
                self._up.set()
                await self._stop.wait()

        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(serve())

    def invite(self, station: str, **settings: str) -> Invitation:
        code = Code.new(hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.pem)).digest())
        with self.store.database.write() as connection:
            invite(connection, station, secret_hash(code.secret), settings, now_ms=self.wall_ms)
        return Invitation(at=self.at, station=station, code=code, authority=self.pem)

    def kiosk(self) -> Headquarters:
        """Headquarters as a kiosk asks it that has the right authority."""
        return Headquarters(self.at, self.pem, check_dates=lambda: True)

    def revoke(self, station: str) -> None:
        revoke(self.store, station, who="somebody", reason="stolen", now_ms=self.wall_ms)

    def count(self, request: str, outcome: str) -> float:
        labels = {"request": request, "outcome": outcome}
        return self.store.metrics.registry.get_sample_value("jt_enrolments_total", labels) or 0.0

    def alarms(self, station: str) -> list[str]:
        from sqlalchemy import select  # noqa: PLC0415 - this one question

        from hq import tables  # noqa: PLC0415

        with self.store.database.read() as connection:
            found = select(tables.alarms.c.detail).where(
                tables.alarms.c.station == station, tables.alarms.c.kind == "enrolment"
            )
            return list(connection.execute(found).scalars())
