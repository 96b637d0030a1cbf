"""Ed25519 keys (RFC 8032) by which stations and headquarters know each other's words."""

import hashlib
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

CONTEXT = b"jingting/1\n"
"""What stands before the header under a signature, so that no other protocol's signature can be taken for ours."""

KEY_BYTES = 32


class VerifyKey:
    """A public key and its id: the first 16 bytes of SHA-256 of the raw key."""

    def __init__(self, raw: bytes) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(raw)
        self.raw = raw
        self.id = hashlib.sha256(raw).digest()[:16]

    def verifies(self, signature: bytes, header: bytes) -> bool:
        """Tell whether `signature` was made over exactly these header bytes by this key's owner."""
        try:
            self._key.verify(signature, CONTEXT + header)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """A private key; `public` is its other half."""

    def __init__(self, raw: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(raw)
        self.public = VerifyKey(self._key.public_key().public_bytes_raw())

    def sign(self, header: bytes) -> bytes:
        """Return the 64-byte signature over the exact bytes of a header line."""
        return self._key.sign(CONTEXT + header)


class Keyring(Protocol):
    """Whose signatures count."""

    def find(self, station: str, key_id: bytes) -> VerifyKey | None:
        """Return the key of that id, if it may sign what concerns `station`."""


class Pinned:
    """The few keys of one signer, the same for every station: headquarters' order keys as a station pins them."""

    def __init__(self, keys: list[VerifyKey]) -> None:
        self._keys = {key.id: key for key in keys}

    def find(self, station: str, key_id: bytes) -> VerifyKey | None:  # noqa: ARG002 - one signer for all stations
        """Return the pinned key of that id."""
        return self._keys.get(key_id)
