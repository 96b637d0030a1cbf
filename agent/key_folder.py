"""A station's keys and certificates: one folder, made complete beside the one in use, and swapped whole.

    keys -> keys-2      a symbolic link; settings name files behind it, so that one rename changes all of them
    keys-1/, keys-2/    station.key, tls.key (mode 0600, made here, and they never leave), their .pub and certificate
                        tls.pem, and of headquarters ca.pem, headquarters.pub, headquarters.sealing.pub

What is not finished yet has no certificate. The folder before the one in use stays until the next swap: a headquarters
restored from an older copy may know only its key.
"""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from common import certificates, keyfiles
from sync import base64url
from sync.enrolment import Answer
from sync.signing import SigningKey

LINK: Final = "keys"
_NUMBERED: Final = re.compile(r"keys-([0-9]{1,9})")


class KeyFolder:
    """One numbered folder; it need not be the one in use."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make_keys(self) -> None:
        """Make the folder and both private keys, as far as they are missing, and have them on the disk. Raises OSError.

        A file that a kill left half written is made anew: nobody was told of that key yet.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, make, read in (
            ("station.key", keyfiles.create, keyfiles.read_private),
            ("tls.key", certificates.create_key, certificates.read_key),
        ):
            path = self.path / name
            if not _is_whole(path, read):
                for leftover in (path, path.with_name(f"{name}.pub")):
                    leftover.unlink(missing_ok=True)
                make(path)
            _sync(path)
        _sync(self.path)
        _sync(self.path.parent)

    def take_signing_key(self, other: "KeyFolder") -> None:
        """Go on with the signing key of another folder. Raises OSError."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("station.key", "station.key.pub"):
            write(self.path / name, (other.path / name).read_bytes(), mode=0o600)

    @property
    def signing_key(self) -> SigningKey:
        """The key with which the station signs. Raises OSError, or ValueError when it is none."""
        return SigningKey(keyfiles.read_private(self.path / "station.key"))

    def request(self, station: str) -> bytes:
        """Return the certificate signing request for the TLS key (PKCS #10, RFC 2986), in DER."""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, station)])
        key = certificates.read_key(self.path / "tls.key")
        request = x509.CertificateSigningRequestBuilder(name).sign(key, hashes.SHA256())
        return request.public_bytes(serialization.Encoding.DER)

    def complete(self, answer: Answer, pinned: "KeyFolder | None" = None) -> None:
        """Write what headquarters answered, the certificate last.

        The order keys that `pinned` holds stay as long as headquarters still has one of them: a change comes by order.
        Raises ValueError when the certificate is for another key or name, or of another authority; OSError.
        """
        check_certificate(answer, certificates.read_key(self.path / "tls.key").public_key())
        write(self.path / "ca.pem", answer.authority.encode())
        pins = dict(zip(pin_names(len(answer.order_keys)), answer.order_keys, strict=True))
        if pinned is not None:
            pins = pinned.pins_beside(answer.order_keys)
        for name, key in pins.items():
            write(self.path / name, _line(key))
        write(self.path / "headquarters.sealing.pub", _line(answer.sealing_key))
        write(self.path / "tls.pem", answer.certificate.encode())

    def pins_beside(self, order_keys: Sequence[bytes]) -> dict[str, bytes]:
        """Return the pinned order keys by file, all replaced by headquarters' if it has none of them any more."""
        found = sorted(self.path.glob("headquarters*.pub"), key=lambda path: (len(path.name), path.name))
        paths = [path for path in found if path.name != "headquarters.sealing.pub"]
        pins = {path.name: keyfiles.read_public(path) for path in paths}
        if set(pins.values()) & set(order_keys):
            return pins
        return {name: order_keys[min(at, len(order_keys) - 1)] for at, name in enumerate(pins)}

    @property
    def certificate(self) -> x509.Certificate:
        """The station's certificate. Raises OSError, or ValueError when it is none."""
        return certificates.read_certificate(self.path / "tls.pem")

    @property
    def is_complete(self) -> bool:
        """Whether it can be used."""
        return (self.path / "tls.pem").exists()


class KeyFolders:
    """The numbered folders of a station in `home`, and which one is in use."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._link = home / LINK

    @property
    def current(self) -> KeyFolder | None:
        """The folder in use; None when there is none, or when somebody made `keys` a plain folder."""
        try:
            name = self._link.readlink().name
        except OSError:
            return None
        return KeyFolder(self._home / name) if _NUMBERED.fullmatch(name) else None

    @property
    def next(self) -> KeyFolder:
        """The folder that is to be made complete, which may have been begun."""
        return KeyFolder(self._home / f"{LINK}-{self._number + 1}")

    @property
    def previous(self) -> KeyFolder | None:
        """The folder that was in use before, if it is still there."""
        folder = KeyFolder(self._home / f"{LINK}-{self._number - 1}")
        return folder if folder.is_complete else None

    def swap(self) -> KeyFolder:
        """Use the next folder from now on, in one step, and return it. Raises OSError."""
        folder, passing = self.next, self._home / f"{LINK}.new"
        _sync(folder.path)
        passing.unlink(missing_ok=True)
        passing.symlink_to(folder.path.name)
        passing.replace(self._link)
        _sync(self._home)
        for path, number in self._all():
            if number < self._number - 1:
                shutil.rmtree(path, ignore_errors=True)
        return folder

    @property
    def _number(self) -> int:
        current = self.current
        return 0 if current is None else int(current.path.name.rpartition("-")[2])

    def _all(self) -> Sequence[tuple[Path, int]]:
        found = [(path, _NUMBERED.fullmatch(path.name)) for path in self._home.iterdir()]
        return [(path, int(match[1])) for path, match in found if match is not None]


def pin_names(count: int) -> list[str]:
    """Return the names of the files with headquarters' order keys."""
    return ["headquarters.pub", *(f"headquarters-{number}.pub" for number in range(2, count + 1))]


def check_certificate(answer: Answer, public_key: certificates.PublicKey) -> None:
    """Raise ValueError when the answer's certificate is not what was asked for."""
    try:
        made = x509.load_pem_x509_certificate(answer.certificate.encode())
        root = x509.load_pem_x509_certificate(answer.authority.encode())
    except ValueError:
        raise ValueError("headquarters sent no certificate") from None
    if made.public_key() != public_key or certificates.common_name(made) != answer.station:
        raise ValueError("headquarters sent the certificate of another key or station")
    if not certificates.is_issued_by(made, root):
        raise ValueError("headquarters sent a certificate of another authority")


def write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Have a file on the disk whole, or not at all, and so its name. Raises OSError."""
    passing = path.with_name(f"{path.name}.new")
    passing.unlink(missing_ok=True)
    with os.fdopen(os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    passing.replace(path)
    _sync(path.parent)


def _is_whole(path: Path, read: object) -> bool:
    assert callable(read)
    try:
        read(path)
    except (OSError, ValueError):
        return False
    return not path.name.startswith("station") or path.with_name(f"{path.name}.pub").exists()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _line(raw: bytes) -> bytes:
    return base64url.encode(raw).encode() + b"\n"
