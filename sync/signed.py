"""Signed messages and their bytes on the wire (`docs/link.md`, "Signed messages").

A message is lines of UTF-8: a JSON header, an Ed25519 signature over that header's exact bytes, then, in a batch, one
event a line. On the wire it is one zstd frame (RFC 8878), or plain when it begins with `{`.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

import zstandard

from sync import base64url
from sync.signing import Keyring, SigningKey
from sync.strict_json import parse_object

Reason: TypeAlias = Literal["signature", "chain", "fork", "malformed", "unknown-key"]
Kind: TypeAlias = Literal["batch", "ack", "birth", "farewell"]

MAX_WIRE: Final = 256 * 1024
"""Largest message on the wire, in bytes."""
MAX_OPEN_AT_HQ: Final = 4 * 1024 * 1024
"""Largest decompressed message headquarters takes, in bytes."""
MAX_OPEN_AT_STATION: Final = 256 * 1024
"""Largest decompressed message a station takes, in bytes."""
MAX_HEADER: Final = 4 * 1024
_MAGIC = b"\x28\xb5\x2f\xfd"
_MAX_WINDOW = 4 * 1024 * 1024
_LEVEL = 3
_PIECE = 64 * 1024
_KINDS = frozenset({"batch", "ack", "birth", "farewell"})


class Refusal(Exception):
    """A message that must not be acted on; the ack that answers it carries these as `rejected`.

    `first` and `count` are 0 where the header could not be read; `sha256` is that of a lone malformed line only.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        header: dict[str, Any] | None = None,
        sha256: bytes | None = None,
        signer: bytes | None = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.header = header or {}
        self.first = _count_of(self.header.get("first"))
        self.count = _count_of(self.header.get("count"))
        self.sha256 = sha256
        self.signer = signer


class Unknown(Exception):
    """A message of a version or kind that this program does not know, and leaves alone."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose signature was found right: its header, and the lines behind the signature."""

    header: dict[str, Any]
    signer: bytes
    lines: tuple[bytes, ...]


class Signer(Protocol):
    """Whatever signs messages: a `Writer`, or what chooses one each time."""

    @property
    def key_id(self) -> bytes:
        """Id of the key that signs now."""

    def write(self, header: dict[str, Any], lines: Sequence[bytes] = ()) -> bytes:
        """Return the wire bytes of a message."""


class Writer:
    """Signs with one key and compresses; for one thread, since a zstd context serves only one."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)

    @property
    def key_id(self) -> bytes:
        """Id of the key that signs."""
        return self._key.public.id

    def sign_with(self, key: SigningKey) -> None:
        """Sign with another key from now on."""
        self._key = key

    def write(self, header: dict[str, Any], lines: Sequence[bytes] = ()) -> bytes:
        """Return the wire bytes of a message; `v` and `signer` are put into the header here."""
        text = json.dumps(
            {"v": 1, **header, "signer": base64url.encode(self.key_id)},
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()
        signature = base64url.encode(self._key.sign(text)).encode()
        plain = b"\n".join((text, signature, *lines))
        packed = self._compressor.compress(plain)
        return packed if len(packed) < len(plain) else plain


def open_message(payload: bytes, *, station: str, kinds: frozenset[Kind], limit: int, keys: Keyring) -> Message:
    """Return the message in `payload`, which came on a topic of `station` that carries `kinds`.

    `limit` bounds the decompressed size in bytes. Raises Refusal, or Unknown for a version or kind not known here.
    Checks in the contract's order: size, zstd, header, version and kind and station, signer, signature.
    """
    plain = _unpack(payload, limit)
    end = plain.find(b"\n")
    text = plain if end < 0 else plain[:end]
    header, signer = _read_header(text, station, kinds)
    key = keys.find(station, signer)
    if key is None:
        raise Refusal("unknown-key", "no such key here", header=header, signer=signer)
    signature, *lines = plain[end + 1 :].split(b"\n") if end >= 0 else (b"",)
    try:
        right = key.verifies(base64url.decode(signature.decode("ascii"), size=64), text)
    except ValueError:  # UnicodeDecodeError is one
        right = False
    if not right:
        raise Refusal("signature", "it does not verify", header=header)
    if lines and not lines[-1]:
        lines.pop()  # the one final line feed that is allowed
    if lines and header["kind"] != "batch":
        raise Refusal("malformed", "lines that no signature covers", header=header)
    return Message(header, signer, tuple(lines))


def _read_header(text: bytes, station: str, kinds: frozenset[Kind]) -> tuple[dict[str, Any], bytes]:
    if len(text) > MAX_HEADER:
        raise Refusal("malformed", f"a header of more than {MAX_HEADER} bytes")
    try:
        header = parse_object(text)
    except ValueError as error:
        raise Refusal("malformed", f"header: {error}") from None
    version, kind = header.get("v"), header.get("kind")
    if version != 1 or isinstance(version, bool | float) or not isinstance(kind, str) or kind not in _KINDS:
        raise Unknown(f"version {version!r}, kind {kind!r}")
    if kind not in kinds:
        raise Refusal("malformed", f"a {kind} does not come on this topic")
    if header.get("station") != station:
        raise Refusal("malformed", "the header names another station than the topic", header=header)
    try:
        signer = base64url.decode(header.get("signer"), size=16)
    except ValueError as error:
        raise Refusal("malformed", f"signer: {error}", header=header) from None
    return header, signer


def _unpack(payload: bytes, limit: int) -> bytes:
    if len(payload) > MAX_WIRE:
        raise Refusal("malformed", f"{len(payload)} bytes on the wire")
    if payload[:1] == b"{":
        if len(payload) > limit:
            raise Refusal("malformed", f"more than {limit} bytes")
        return payload
    if payload[:4] != _MAGIC:
        raise Refusal("malformed", "neither zstd nor a header")
    try:
        if zstandard.get_frame_parameters(payload).dict_id:
            raise Refusal("malformed", "zstd with a dictionary")
        decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        # First only count, piece by piece: the size that a frame states may lie, and an unbounded decoder would
        # believe four bytes that expand to 128 KiB, again and again. Then decode: only this object shows the end.
        with decompressor.stream_reader(io.BytesIO(payload), read_across_frames=False) as reader:
            counted = 0
            while piece := reader.read(_PIECE):
                counted += len(piece)
                if counted > limit:
                    raise Refusal("malformed", f"more than {limit} bytes decompressed")
        frame = decompressor.decompressobj(read_across_frames=False)
        plain = frame.decompress(payload)
    except zstandard.ZstdError as error:
        raise Refusal("malformed", f"zstd: {error}") from None
    if not frame.eof or frame.unused_data:
        raise Refusal("malformed", "not exactly one zstd frame")
    return plain


def _count_of(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
