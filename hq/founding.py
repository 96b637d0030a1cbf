"""What a headquarters needs before it can begin: an authority, its keys and certificates, and files for the broker.

Nothing that is there is ever overwritten, but for certificates that are about to end, or do not fit any more: those are
issued anew, for the same key. So it may be done again at any time.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

from common import certificates, keyfiles
from common.certificates import PublicKey
from hq.authority import Authority
from sync.sealing import new_sealing_key

YEARS: Final = 5
"""How long the certificates of the broker and of headquarters last: nothing renews them but doing this again."""

OWN: Final = "own"
"""The folder, within the authority's, of the root under which headquarters itself connects."""

_OLD: Final = dt.timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where everything is; `stations`, `authority` and `broker` are folders, the others files."""

    order: Path
    sealing: Path
    stations: Path
    authority: Path
    ca: Path
    certificate: Path
    key: Path
    broker: Path


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that is there now, and whether it was `made` or had been there before."""

    path: Path
    what: str
    made: bool


class Founding:
    """Makes what is missing; `found` lists what there is, in order."""

    def __init__(self, places: Places, *, city: str, now: dt.datetime) -> None:
        self.found: list[Found] = []
        self._places = places
        self._now = now
        for folder in (places.stations, places.broker, *(path.parent for path in (places.order, places.sealing))):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.authority = self._authority(places.authority, city, "the city's root: who has it can make stations")
        self._own = self._authority(places.authority / OWN, f"{city} headquarters", "headquarters' own root")

    def keys(self) -> None:
        """See to headquarters' keys, and to the certificate with which it connects to the broker."""
        places = self._places
        self._key(places.order, "signs orders and acks", keyfiles.create)
        self._key(places.sealing, "opens what stations sealed", _make_sealing_key)
        public = self._tls_key(places.key, "with which headquarters connects")
        self._certificate(
            places.certificate,
            "headquarters' certificate",
            lambda: self._own.issue_own("hq", public, now=self._now, days=365 * YEARS),
            right=lambda found: found.public_key() == public,
        )
        places.ca.write_bytes(self.authority.certificate_pem)

    def broker(self, names: Sequence[str]) -> None:
        """See to the broker's certificate for these names and addresses. Raises ValueError for one that is neither."""
        folder = self._places.broker
        public = self._tls_key(folder / "server.key", "the broker's")

        def right(found: x509.Certificate) -> bool:
            return found.public_key() == public and certificates.server_names(found) == set(names)

        self._certificate(
            folder / "server.pem",
            f"the broker's certificate, as {', '.join(names)}",
            lambda: self.authority.issue_server(names, public, now=self._now, days=365 * YEARS),
            right=right,
        )
        (folder / "ca.pem").write_bytes(self.authority.certificate_pem)
        (folder / "own-ca.pem").write_bytes(self._own.certificate_pem)
        revoked = self._places.authority / "crl.pem"
        if not revoked.exists():
            self.authority.publish_revocations((), now=self._now)
        (folder / "crl.pem").write_bytes(revoked.read_bytes())

    def _authority(self, folder: Path, name: str, what: str) -> Authority:
        made = not (folder / "ca.key").exists()
        authority = Authority.create(folder, city=name, now=self._now) if made else Authority.load(folder)
        self.found.append(Found(folder / "ca.key", what, made))
        return authority

    def _key(self, path: Path, what: str, make: Callable[[Path], object]) -> None:
        made = not path.exists()
        if made:
            make(path)
        self.found.append(Found(path, what, made))

    def _tls_key(self, path: Path, what: str) -> PublicKey:
        self._key(path, what, certificates.create_key)
        return certificates.read_key(path).public_key()

    def _certificate(
        self, path: Path, what: str, issue: Callable[[], bytes], *, right: Callable[[x509.Certificate], bool]
    ) -> None:
        found = certificates.read_certificate(path) if path.exists() else None
        made = found is None or found.not_valid_after_utc - self._now < _OLD or not right(found)
        if made:
            path.write_bytes(issue())
        self.found.append(Found(path, what, made))


def _make_sealing_key(path: Path) -> None:
    keyfiles.write_pair(path, *new_sealing_key())
