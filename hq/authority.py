"""Headquarters' certificate authority: one root key, under which this city's machines know each other by TLS.

    ca.key         the root's private key, mode 0600: whoever has it can make stations
    ca.pem         the root's certificate: what every machine of the city trusts, and nothing else
    crl.pem        the revoked certificates (a CRL), for whoever lets connections in
    issued.jsonl   what was ever issued, a line each, written before the certificate is given out

ECDSA P-256 with SHA-256, certificates after RFC 5280. A certificate is for one purpose (extended key usage): a
station's cannot play the broker, and the broker's cannot connect as anybody.
"""

import datetime as dt
import ipaddress
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from common import certificates
from common.certificates import PublicKey
from sync.topics import STATION_ID

OWN_NAME: Final = re.compile(r"hq(-[a-z0-9-]{1,60})?")
"""Common names of headquarters' own connections; no station is called so."""

_ROOT_YEARS: Final = 30
_NEVER: Final = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
"""A date that means none (RFC 5280, section 4.1.2.5)."""
_SLACK: Final = dt.timedelta(days=1)
"""How long before its issue a certificate is valid already: clocks of machines that keep time differ a little."""


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate that was given out: its serial number and SHA-256 in hexadecimal, and until when it is valid."""

    name: str
    serial: str
    fingerprint: str
    not_after: str


@dataclass(frozen=True, slots=True)
class _Purpose:
    usage: x509.ObjectIdentifier
    names: tuple[x509.GeneralName, ...] = ()


class AuthorityMissingError(Exception):
    """There is no usable authority in the folder; the message says what to do."""


class Authority:
    """A root that was made with `create`. Issuing may happen in several processes at a time."""

    def __init__(self, folder: Path, key: ec.EllipticCurvePrivateKey, root: x509.Certificate) -> None:
        self._folder = folder
        self._key = key
        self._root = root

    @classmethod
    def create(cls, folder: Path, *, city: str, now: dt.datetime) -> "Authority":
        """Make a new root in `folder`. Raises FileExistsError when its key is there: no key is ever overwritten."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificates.create_key(folder / "ca.key")
        key = certificates.read_key(folder / "ca.key")
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Jingting {city}"[:64])])
        usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
        root = (
            x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SLACK)
            .not_valid_after(now + dt.timedelta(days=365 * _ROOT_YEARS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        (folder / "ca.pem").write_bytes(_pem(root))
        return cls(folder, key, root)

    @classmethod
    def load(cls, folder: Path) -> "Authority":
        """Open the root in `folder`. Raises AuthorityMissingError."""
        try:
            certificates.check_pair(folder / "ca.pem", folder / "ca.key")
            return cls(
                folder, certificates.read_key(folder / "ca.key"), certificates.read_certificate(folder / "ca.pem")
            )
        except FileNotFoundError as error:
            raise AuthorityMissingError(
                f"{error.filename} is missing; make an authority with: jingting hq init"
            ) from None
        except (OSError, ValueError) as error:
            raise AuthorityMissingError(f"the authority in {folder} cannot be used: {error}") from None

    @property
    def certificate_pem(self) -> bytes:
        """The root's certificate, which every machine of the city trusts."""
        return _pem(self._root)

    def issue_client(self, common_name: str, public_key: PublicKey, *, now: dt.datetime, days: int) -> bytes:
        """Return a station's certificate in PEM; `common_name` is its id, `now` an aware time.

        Raises ValueError for a name that is no station's, or a key that is not of P-256.
        """
        if not STATION_ID.fullmatch(common_name) or OWN_NAME.fullmatch(common_name):
            raise ValueError(f"{common_name!r} is no station's id")
        return self._issue(common_name, public_key, _Purpose(ExtendedKeyUsageOID.CLIENT_AUTH), now, days)

    def issue_own(self, common_name: str, public_key: PublicKey, *, now: dt.datetime, days: int) -> bytes:
        """Return the certificate of one of headquarters' own connections; raises as `issue_client` does."""
        if not OWN_NAME.fullmatch(common_name):
            raise ValueError(f"{common_name!r} is no name of headquarters'")
        return self._issue(common_name, public_key, _Purpose(ExtendedKeyUsageOID.CLIENT_AUTH), now, days)

    def issue_server(self, names: Sequence[str], public_key: PublicKey, *, now: dt.datetime, days: int) -> bytes:
        """Return a server's certificate in PEM, for its names and IP addresses; the first is its common name.

        Raises ValueError for none, for one that can be neither, or for a key that is not of P-256.
        """
        if not names:
            raise ValueError("a server needs a name or an address")
        purpose = _Purpose(ExtendedKeyUsageOID.SERVER_AUTH, tuple(_server_name(name) for name in names))
        return self._issue(names[0][:64], public_key, purpose, now, days)

    def made(self, certificate: x509.Certificate) -> bool:
        """Tell whether a certificate was issued here."""
        return certificates.is_issued_by(certificate, self._root)

    def issued(self) -> list[Issued]:
        """Return what was ever issued, oldest first. Raises OSError."""
        path = self._folder / "issued.jsonl"
        if not path.exists():
            return []
        return [msgspec.json.decode(line, type=Issued) for line in path.read_bytes().splitlines()]

    def revoke(self, name: str, *, now: dt.datetime) -> int:
        """Put every certificate that was ever issued under a name on the revocation list; return how many.

        Those that are on it stay on it. Raises OSError.
        """
        known = self._folder / "crl.pem"
        before = x509.load_pem_x509_crl(known.read_bytes()) if known.exists() else ()
        serials = [int(issued.serial, 16) for issued in self.issued() if issued.name == name]
        self.publish_revocations([*(one.serial_number for one in before), *serials], now=now)
        return len(serials)

    def publish_revocations(self, serials: Iterable[int], *, now: dt.datetime) -> bytes:
        """Write `crl.pem` with these serial numbers and return it.

        It never runs out: a broker that did not get the next one must not shut everybody out.
        """
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._root.subject)
            .last_update(now - _SLACK)
            .next_update(_NEVER)
            .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
        )
        for serial in sorted(set(serials)):
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
            builder = builder.add_revoked_certificate(entry)
        pem = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        fresh = self._folder / "crl.pem.new"
        fresh.write_bytes(pem)
        fresh.replace(self._folder / "crl.pem")
        return pem

    def _issue(self, name: str, public_key: PublicKey, purpose: _Purpose, now: dt.datetime, days: int) -> bytes:
        if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(public_key.curve, ec.SECP256R1):
            raise ValueError("a key of another kind; a public key of curve P-256")  # noqa: TRY004 - it came from outside
        usage = dict.fromkeys(_USAGES, False) | {"digital_signature": True}
        builder = (
            x509.CertificateBuilder(
                subject_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]),
                issuer_name=self._root.subject,
                public_key=public_key,
            )
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SLACK)
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose.usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if purpose.names:
            builder = builder.add_extension(x509.SubjectAlternativeName(purpose.names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        self._note(certificate)
        return _pem(certificate)

    def _note(self, certificate: x509.Certificate) -> None:
        """Write down what was issued before anybody has it, so that everything there is can be revoked by name."""
        line = msgspec.json.encode(
            Issued(
                name=certificates.common_name(certificate),
                serial=f"{certificate.serial_number:x}",
                fingerprint=certificates.fingerprint(certificate),
                not_after=certificate.not_valid_after_utc.isoformat(timespec="seconds").replace("+00:00", "Z"),
            )
        )
        descriptor = os.open(self._folder / "issued.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line + b"\n")  # in one piece: two processes may issue at a time
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _server_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not re.fullmatch(r"(?i)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*", name):
        raise ValueError(f"{name!r} is neither a host name nor an IP address")
    return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
