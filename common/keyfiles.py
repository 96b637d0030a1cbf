"""Files that hold one key each: Ed25519 keys, and headquarters' sealing keys.

A key file is one line: the raw bytes in base64url without padding; of Ed25519 the 32 of RFC 8032, section 5.1.5, of a
sealing key those of `docs/link.md`, "Sealed fields". The private one is readable by its owner only; the public one
stands beside it, with `.pub` behind its name.
"""

import base64
import binascii
import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_ED25519 = (32, "an Ed25519 key, 32 bytes in base64url (make one with: jingting keys new FILE)")
_SEALING = "bytes in base64url (make one with: jingting keys new-sealing FILE)"
_SEALING_PRIVATE = (96, f"a private sealing key, 96 {_SEALING}")
_SEALING_PUBLIC = (1216, f"a public sealing key, 1216 {_SEALING}")


def create(path: Path) -> Path:
    """Make a new Ed25519 pair: `path` (mode 0600) and the public key beside it, whose path is returned.

    Raises FileExistsError when either file is there already: no key is ever overwritten.
    """
    key = Ed25519PrivateKey.generate()
    return write_pair(path, key.private_bytes_raw(), key.public_key().public_bytes_raw())


def write_pair(path: Path, private: bytes, public: bytes) -> Path:
    """Write the raw halves of a new key as `create` does."""
    public_path = path.with_name(path.name + ".pub")
    if public_path.exists():
        raise FileExistsError(17, "file exists", str(public_path))
    _write_new(path, private, 0o600)
    try:
        _write_new(public_path, public, 0o644)
    except OSError:
        path.unlink()  # of a pair that is not whole nobody knows, and the next one has the same name
        raise
    return public_path


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Make a new file, whole or, where the disk refuses, not at all. Raises OSError, also when it is there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def read_private(path: Path) -> bytes:
    """Return the 32 raw bytes of a private key.

    Raises OSError when it cannot be read, ValueError (`found; expected`) when it is no key or others may read it.
    """
    check_private(path)
    return read_public(path)


def read_public(path: Path) -> bytes:
    """Return the 32 raw bytes of a key. Raises OSError, or ValueError (`found; expected`) when it is no key."""
    return _read(path, *_ED25519)


def read_sealing_private(path: Path) -> bytes:
    """Return the 96 raw bytes of headquarters' private sealing key.

    Raises OSError when it cannot be read, ValueError (`found; expected`) when it is no key or others may read it.
    """
    check_private(path)
    return _read(path, *_SEALING_PRIVATE)


def read_sealing_public(path: Path) -> bytes:
    """Return the 1216 raw bytes of headquarters' public sealing key; raises as `read_public` does."""
    return _read(path, *_SEALING_PUBLIC)


def read_password(path: Path) -> str:
    """Return the password a file holds on its only line.

    Raises OSError when it cannot be read, ValueError (`found; expected`) when it is empty or others may read it.
    """
    check_private(path)
    password = path.read_text(encoding="utf-8").strip()
    if not password:
        raise ValueError("an empty file; one line with the password")
    return password


def check_private(path: Path) -> None:
    """Raise ValueError (`found; expected`) when somebody beside the owner may read or write the file, or OSError."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ValueError(f"mode {mode:04o}; mode 0600 (chmod 600 {path})")


def _write_new(path: Path, raw: bytes, mode: int) -> None:
    write_new(path, base64.urlsafe_b64encode(raw).rstrip(b"=") + b"\n", mode)


def _read(path: Path, size: int, expected: str) -> bytes:
    text = path.read_text(encoding="ascii", errors="replace").strip()
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"not base64url; {expected}") from None
    if len(raw) != size:
        raise ValueError(f"{len(raw)} bytes; {expected}")
    return raw
