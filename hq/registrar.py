"""Who may be a station: what headquarters answers to a code, and to a station's own key (`docs/enrolment.md`).

Bytes and addresses are `hq/enrolment.py`'s; everything here may be called from any thread, one call at a time each.
"""

import datetime as dt
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import bindparam, func, select

from common.clock import rfc3339
from hq import tables
from hq.alarms import write_alarm
from hq.authority import Authority
from hq.invitations import Guest, NotInvited, redeem
from hq.journals import lock_station
from hq.nonces import Nonces
from hq.revocation import readmit
from hq.station_keys import StationKeys
from hq.store import Store
from sync.enrolment import NONCE_S, Answer, Asked, MalformedError, Purpose, read_request, read_station
from sync.invitation import secret_hash
from sync.signing import VerifyKey
from sync.topics import is_station

log = logging.getLogger(__name__)

GUESSES: Final = frozenset(
    {"wrong-code", "wrong-station", "used-code", "expired-code", "wrong-nonce", "wrong-proof", "unknown-key", "revoked"}
)
"""Refusals that slow their sender."""

_DETAILS: Final = {
    "wrong-code": "There is no such code. Compare every group with what was handed out.",
    "wrong-station": "The code is another station's. Each station has its own.",
    "used-code": "The code was used, with other keys. Make another: jingting hq invite --station ID",
    "expired-code": "The code is too old, or a newer one was made. Make another: jingting hq invite --station ID",
    "wrong-nonce": "The nonce is unknown, used or old. Ask for a new one.",
    "wrong-proof": "A signature is not right.",
    "unknown-key": "The station is not known by this key. Enrol it again: jingting hq invite --station ID",
    "revoked": "The station was revoked.",
}
_GENERATION: Final = select(func.max(tables.order_journals.c.generation)).where(
    tables.order_journals.c.station == bindparam("of")
)

_REVOKED: Final = select(tables.stations.c.revoked_ms).where(tables.stations.c.station == bindparam("of"))


class Refused(Exception):
    """A request that is not granted; `error` is the contract's word for it."""

    def __init__(self, error: str, detail: str = "", status: HTTPStatus = HTTPStatus.FORBIDDEN) -> None:
        super().__init__(error)
        self.error, self.detail, self.status = error, detail or _DETAILS[error], status


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a station is told of headquarters, and for how many days its certificate is good.

    `order_keys(station)`: those it has to believe, oldest first; `sealing_key()`: the newest. Both may raise OSError,
    and ValueError for a file that is no key.
    """

    order_keys: Callable[[str], tuple[bytes, ...]]
    sealing_key: Callable[[], bytes]
    broker_host: str
    broker_port: int
    certificate_days: int


class Registrar:
    """Grants and refuses; `wall_ms` is headquarters' wall clock, `monotonic` in seconds."""

    def __init__(
        self,
        store: Store,
        authority: Authority,
        keys: StationKeys,
        told: Told,
        *,
        wall_ms: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._authority = authority
        self._keys = keys
        self._told = told
        self._wall_ms = wall_ms
        self._nonces = Nonces(monotonic)

    def authority(self) -> dict[str, Any]:
        """Return the city's CA certificate."""
        return {"v": 1, "authority": self._authority.certificate_pem.decode()}

    def enrol(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take a code, register the key that came with it, and return the answer. Raises Refused."""
        asked = _read("enrol", body)
        tls = self._check_proofs(asked)
        now_ms = self._wall_ms()
        try:
            guest = Guest(hash=secret_hash(asked.token), station=asked.station, key=asked.key.raw, tls=_spki(tls))
        except ValueError as error:
            raise _malformed("code", error) from None
        try:
            with self._store.database.write() as connection:
                revoked_ms = connection.execute(_REVOKED, {"of": asked.station}).scalar()
                settings = redeem(connection, guest, now_ms=now_ms, revoked_ms=revoked_ms)
                lock_station(connection, asked.station)
        except NotInvited as error:
            self._alarm(error, now_ms)
            raise Refused(error.trouble) from None
        self._keys.replace(asked.station, asked.key)
        self._store.sign_with_newest(asked.station)  # a new kiosk is told no other
        if revoked_ms is not None:  # only now that the key it was revoked with counts for nothing
            readmit(self._store, asked.station, who="enrolment", reason="enrolled again", now_ms=now_ms)
        log.info("%s was enrolled.", asked.station)
        return self._answer(asked.station, tls, settings)

    def nonce(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a nonce for a station. Raises Refused."""
        try:
            station = read_station(body)
        except MalformedError as error:
            raise _malformed("", error) from None
        return {"v": 1, "nonce": self._nonces.give(station), "expires_s": NONCE_S}

    def renew(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Give a station that proves an accepted key a new certificate, and take its new key. Raises Refused."""
        asked = _read("renew", body)
        self._use_nonce(asked)
        tls = self._check_proofs(asked)
        if self._store.is_revoked(asked.station):
            raise Refused("revoked")
        old = self._keys.find(asked.station, asked.old)
        if old is None:
            raise Refused("unknown-key")
        # A renewal is no use on the link, where alone a key's first use begins the end of the one before.
        if not asked.proved_by(VerifyKey(old.raw), asked.old_proof):
            raise Refused("wrong-proof")
        self._keys.rotate(asked.station, asked.key)
        log.info("%s has a new certificate.", asked.station)
        return self._answer(asked.station, tls, {})

    def standing(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Tell a station what its key is here, and the time. Raises Refused."""
        asked = _read("standing", body)
        self._use_nonce(asked)
        if not asked.proved_by(asked.key, asked.proof):
            raise Refused("wrong-proof")
        revoked = self._store.is_revoked(asked.station)
        standing = "revoked" if revoked else self._keys.standing(asked.station, asked.key.id)
        return {"v": 1, "key": standing, "time": rfc3339(self._wall_ms())}

    def _use_nonce(self, asked: Asked) -> None:
        if not self._nonces.use(asked.station, asked.token):
            raise Refused("wrong-nonce")

    def _check_proofs(self, asked: Asked) -> ec.EllipticCurvePublicKey:
        """Return the public key of the CSR, once both it and the station's key were proved to be the sender's."""
        try:
            csr = x509.load_der_x509_csr(asked.csr)
            key = csr.public_key()
            names = [name.value for name in csr.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
        except ValueError as error:
            raise _malformed("csr", error) from None
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise Refused("malformed", "field csr: a key of curve P-256 is expected", HTTPStatus.BAD_REQUEST)
        if names != [asked.station] or not is_station(asked.station):
            raise Refused("malformed", "field csr: its common name must be the station's id", HTTPStatus.BAD_REQUEST)
        if not csr.is_signature_valid or not asked.proved_by(asked.key, asked.proof):
            raise Refused("wrong-proof")
        return key

    def _answer(self, station: str, key: ec.EllipticCurvePublicKey, settings: Mapping[str, str]) -> dict[str, Any]:
        now_ms = self._wall_ms()
        now = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
        with self._store.database.read() as connection:
            generation = connection.execute(_GENERATION, {"of": station}).scalar() or 0
        told = self._told
        return Answer(
            station=station,
            certificate=self._authority.issue_client(station, key, now=now, days=told.certificate_days).decode(),
            authority=self._authority.certificate_pem.decode(),
            order_keys=told.order_keys(station),
            sealing_key=told.sealing_key(),
            broker_host=told.broker_host,
            broker_port=told.broker_port,
            generation=generation,
            settings=settings,
            time=rfc3339(now_ms),
        ).as_json()

    def _alarm(self, error: NotInvited, now_ms: int) -> None:
        """Say at the station whose code it was that somebody came with it in vain."""
        if error.station is None or error.trouble == "wrong-station":
            return
        with self._store.database.write() as connection:
            lock_station(connection, error.station)
            write_alarm(connection, error.station, "enrolment", error.trouble, at_ms=now_ms)


def _read(purpose: Purpose, body: Mapping[str, Any]) -> Asked:
    try:
        return read_request(purpose, body)
    except MalformedError as error:
        raise _malformed("", error) from None


def _malformed(name: str, error: Exception) -> Refused:
    return Refused("malformed", f"field {name}: {error}" if name else str(error), HTTPStatus.BAD_REQUEST)


def _spki(key: ec.EllipticCurvePublicKey) -> bytes:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).digest()
