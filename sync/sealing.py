"""Sealed fields: what is personal travels, and is kept, only in boxes (`docs/link.md`, "Sealed fields").

A shift key lives in a station's memory and seals each event's personal fields into a box of AES-256-GCM (NIST SP
800-38D). It goes up wrapped to headquarters' sealing key by HPKE, base mode (RFC 9180), with a KEM of ML-KEM-768
(FIPS 203) and X25519 (RFC 7748) together: whoever keeps today's traffic for a quantum computer has to break both.

Nothing raised here carries plaintext, not even in the exception behind it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync import base64url
from sync.strict_json import parse_object

SUITE: Final = "MLKEM768_X25519/HKDF_SHA256/AES_256_GCM"
"""What `key.issued` calls the way a shift key is wrapped."""

MOST_BOXES: Final = 2**19
"""Boxes one end may seal with one key: so few that two of the random nonces are alike with a chance below 2^-58."""

KEM_BYTES: Final = 1168
"""A wrapped shift key: 1088 of ML-KEM-768, 32 of X25519, 32 of the key and 16 of the tag."""

PRIVATE_BYTES: Final = 96
"""A private sealing key: 64 of ML-KEM-768's seed (d and z, FIPS 203, section 7.1), 32 of X25519."""

PUBLIC_BYTES: Final = 1216
"""A public sealing key: 1184 of ML-KEM-768's encapsulation key, 32 of X25519."""

_SEED_BYTES = 64
_POINT_BYTES = 32
_SECRET_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HPKE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class BrokenSealError(Exception):
    """A box or a wrapped key that does not open: of another key, station or event, or damaged."""


class SpentKeyError(Exception):
    """A shift key that was wiped, or has sealed MOST_BOXES boxes: a new one must be issued."""


class SealingPublicKey:
    """Headquarters' public sealing key; its id is the first 16 bytes of SHA-256 of the raw key."""

    def __init__(self, raw: bytes) -> None:
        """Raise ValueError when the bytes are no such key, or one that no wrap would work with."""
        if len(raw) != PUBLIC_BYTES:
            raise ValueError(f"{len(raw)} bytes; a public sealing key has {PUBLIC_BYTES}")
        self.key: Final = hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(raw[:-_POINT_BYTES]),
            X25519PublicKey.from_public_bytes(raw[-_POINT_BYTES:]),
        )
        _HPKE.encrypt(b"", self.key)  # a point of low order shows only when used (RFC 7748, section 6.1)
        self.raw = raw
        self.id = hashlib.sha256(raw).digest()[:16]


class ShiftKey:
    """32 secret bytes under an id (`kid`, a UUIDv7), in memory only.

    `wipe` overwrites them. That is as far as Python goes: the bytes they were made from, and the fields that were
    sealed or opened, are freed and not overwritten, so they stay in memory until it is used anew. Keeping that memory
    out of swap and core dumps is up to the system's settings.
    """

    __slots__ = ("_boxes", "_secret", "kid")

    def __init__(self, kid: str, secret: bytes) -> None:
        """Raise ValueError when the secret is not 32 bytes."""
        if len(secret) != _SECRET_BYTES:
            raise ValueError(f"{len(secret)} bytes; a shift key has {_SECRET_BYTES}")
        self.kid = kid
        self._secret = bytearray(secret)
        self._boxes = 0

    @classmethod
    def new(cls, kid: str) -> "ShiftKey":
        """Return a key of fresh random bytes."""
        return cls(kid, os.urandom(_SECRET_BYTES))

    @property
    def spent(self) -> bool:
        """Whether it seals no more boxes."""
        return not self._secret or self._boxes >= MOST_BOXES

    def seal(self, event_id: str, fields: Mapping[str, object]) -> dict[str, str]:
        """Return `data.sealed` of the event with this id.

        Raises SpentKeyError, and ValueError for fields that are no JSON object as the link allows it.
        """
        if self.spent:
            raise SpentKeyError(f"shift key {self.kid} seals no more; issue a new one")
        plain = _write(fields)
        nonce = os.urandom(_NONCE_BYTES)
        box = nonce + AESGCM(self._secret).encrypt(nonce, plain, event_id.encode())
        self._boxes += 1
        return {"key": self.kid, "box": base64url.encode(box)}

    def open(self, event_id: str, sealed: object) -> dict[str, Any]:
        """Return the fields in `data.sealed` of the event with this id; of a rescued event, the inner one's.

        Raises BrokenSealError, and SpentKeyError once it was wiped.
        """
        if not self._secret:
            raise SpentKeyError(f"shift key {self.kid} was wiped; ask headquarters to reveal the event")
        nonce, box = _parts(sealed, self.kid)
        try:
            plain = AESGCM(self._secret).decrypt(nonce, box, event_id.encode())
        except InvalidTag:
            raise BrokenSealError("the box is of another key or event, or damaged") from None
        return _read(plain)

    def wrap(self, to: SealingPublicKey, station: str) -> bytes:
        """Return `kem`: this key for the owner of `to`, as the key of `station`. Raises SpentKeyError when wiped."""
        if not self._secret:
            raise SpentKeyError(f"shift key {self.kid} was wiped; issue a new one")
        return _HPKE.encrypt(self._secret, to.key, info=_info(station, self.kid))

    def wipe(self) -> None:
        """Overwrite the secret; from here on nothing is sealed or opened with it."""
        self._secret[:] = bytes(len(self._secret))
        self._secret = bytearray()


class SealingKey:
    """Headquarters' private sealing key; `public` is its other half."""

    def __init__(self, raw: bytes) -> None:
        """Raise ValueError when the bytes are no such key."""
        if len(raw) != PRIVATE_BYTES:
            raise ValueError(f"{len(raw)} bytes; a private sealing key has {PRIVATE_BYTES}")
        lattice = MLKEM768PrivateKey.from_seed_bytes(raw[:_SEED_BYTES])
        curve = X25519PrivateKey.from_private_bytes(raw[_SEED_BYTES:])
        self._key = hpke.MLKEM768X25519PrivateKey(lattice, curve)
        self.public = SealingPublicKey(lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw())

    def unwrap(self, station: str, kid: str, kem: bytes) -> ShiftKey:
        """Return the shift key in a `key.issued` of this station; raises BrokenSealError."""
        try:
            secret = _HPKE.decrypt(kem, self._key, info=_info(station, kid))
        except InvalidTag:
            raise BrokenSealError("the wrapped key is for another sealing key, station or key id, or damaged") from None
        if len(secret) != _SECRET_BYTES:
            raise BrokenSealError(f"the wrapped key has {len(secret)} bytes, not {_SECRET_BYTES}")
        return ShiftKey(kid, secret)


def new_sealing_key() -> tuple[bytes, bytes]:
    """Return a new sealing key, private and public, each in its raw form."""
    raw = os.urandom(PRIVATE_BYTES)
    return raw, SealingKey(raw).public.raw


def _info(station: str, kid: str) -> bytes:
    return f"jingting shift key 1\n{station}\n{kid}".encode()


def _parts(sealed: object, kid: str) -> tuple[bytes, bytes]:
    if not isinstance(sealed, Mapping) or sealed.get("key") != kid:
        raise BrokenSealError(f"not sealed with shift key {kid}")
    try:
        box = base64url.decode(sealed.get("box"))
    except ValueError as error:
        raise BrokenSealError(f"box: {error}") from None
    if len(box) < _NONCE_BYTES + _TAG_BYTES:
        raise BrokenSealError(f"a box of {len(box)} bytes")
    return box[:_NONCE_BYTES], box[_NONCE_BYTES:]


def _write(fields: Mapping[str, object]) -> bytes:
    # The errors of JSON and UTF-8 carry the text they stumbled over, so ours is raised where none of them is behind it.
    try:
        plain = json.dumps(dict(fields), separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        parse_object(plain)  # what passes here the other end can read
    except (TypeError, ValueError, RecursionError):
        plain = b""
    if not plain:
        raise ValueError("the fields are no JSON object as the link allows it; nothing was sealed")
    return plain


def _read(plain: bytes) -> dict[str, Any]:
    fields: dict[str, Any] | None
    try:
        fields = parse_object(plain)
    except ValueError:
        fields = None
    if fields is None:
        raise BrokenSealError("the box holds no JSON object")
    return fields
