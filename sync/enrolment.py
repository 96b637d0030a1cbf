"""What a kiosk asks of headquarters' enrolment, and what it hears (`docs/enrolment.md`): texts and proofs, no wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from sync import base64url
from sync.invitation import SECRET_SYMBOLS
from sync.signing import SigningKey, VerifyKey
from sync.topics import STATION_ID

Purpose: TypeAlias = Literal["enrol", "renew", "standing"]
KeyStanding: TypeAlias = Literal["current", "previous", "unknown", "revoked"]

MAX_BODY: Final = 8 * 1024
"""Most bytes of a request's body."""
MAX_ANSWER: Final = 64 * 1024
"""Most bytes of an answer."""
NONCE_BYTES: Final = 32
NONCE_S: Final = 60
_MAX_CSR: Final = 1024
_MAX_ORDER_KEYS: Final = 8
_MAX_TEXT: Final = 200
_SEALING_BYTES: Final = 1216
_MAX_PORT: Final = 65535


class MalformedError(ValueError):
    """A request or an answer that is none; the message names the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request whose fields can be. `token` is the code's secret, or the nonce, as text; `csr` b"" of `standing`."""

    purpose: Purpose
    station: str
    token: str = field(repr=False)
    key: VerifyKey
    csr: bytes
    proof: bytes
    old: bytes = b""
    old_proof: bytes = b""

    def proved_by(self, key: VerifyKey, proof: bytes) -> bool:
        """Tell whether `proof` was made over this request by the owner of `key`."""
        return key.verifies(proof, statement(self.purpose, self.station, self.token, self.key, self.csr))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a station gets from enrolment or renewal. `certificate` and `authority` are PEM; `time` is RFC 3339."""

    station: str
    certificate: str
    authority: str
    order_keys: tuple[bytes, ...]
    sealing_key: bytes
    broker_host: str
    broker_port: int
    generation: int
    time: str
    settings: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the answer as it goes on the wire."""
        return {
            "v": 1,
            "station": self.station,
            "certificate": self.certificate,
            "authority": self.authority,
            "order_keys": [base64url.encode(key) for key in self.order_keys],
            "sealing_key": base64url.encode(self.sealing_key),
            "broker": {"host": self.broker_host, "port": self.broker_port},
            "generation": self.generation,
            "settings": dict(self.settings),
            "time": self.time,
        }


def statement(purpose: Purpose, station: str, token: str, key: VerifyKey, csr: bytes) -> bytes:
    """Return what a proof signs, behind the first line that every signature of ours has."""
    lines = ("enrolment", purpose, station, token, base64url.encode(key.raw), base64url.encode(csr))
    return "\n".join(lines).encode()


def ask(
    purpose: Purpose, station: str, token: str, *, key: SigningKey, csr: bytes = b"", old: SigningKey | None = None
) -> dict[str, Any]:
    """Return a request: `enrol` with a code's secret as `token`, `renew` (with `old`) or `standing` with a nonce."""
    signed = statement(purpose, station, token, key.public, csr)
    request = {
        "v": 1,
        "station": station,
        "code" if purpose == "enrol" else "nonce": token,
        "key": base64url.encode(key.public.raw),
        "proof": base64url.encode(key.sign(signed)),
    }
    if csr:
        request["csr"] = base64url.encode(csr)
    if old is not None:
        request |= {"old": base64url.encode(old.public.id), "old_proof": base64url.encode(old.sign(signed))}
    return request


def read_station(body: Mapping[str, Any]) -> str:
    """Return the station a request names. Raises MalformedError for another version or no station's id."""
    if body.get("v") != 1 or isinstance(body.get("v"), bool):
        raise MalformedError("field v: this headquarters speaks version 1")
    station = body.get("station")
    if not isinstance(station, str) or not STATION_ID.fullmatch(station):
        raise MalformedError("field station")
    return station


def read_request(purpose: Purpose, body: Mapping[str, Any]) -> Asked:
    """Return what is asked, its proofs not yet looked at. Raises MalformedError."""
    station = read_station(body)
    renewing, csr, token = purpose == "renew", b"", body.get("nonce")
    if purpose == "enrol":
        token = body.get("code")
        if not isinstance(token, str) or len(token) != SECRET_SYMBOLS or not token.isalnum() or not token.isascii():
            raise MalformedError("field code")
    else:
        _binary(body, "nonce", NONCE_BYTES)
    if purpose != "standing":
        csr = _binary(body, "csr", None)
        if not 0 < len(csr) <= _MAX_CSR:
            raise MalformedError("field csr")
    try:
        key = VerifyKey(_binary(body, "key", 32))
    except ValueError:
        raise MalformedError("field key") from None
    return Asked(
        purpose=purpose,
        station=station,
        token=str(token),
        key=key,
        csr=csr,
        proof=_binary(body, "proof", 64),
        old=_binary(body, "old", 16) if renewing else b"",
        old_proof=_binary(body, "old_proof", 64) if renewing else b"",
    )


def read_answer(body: Mapping[str, Any], *, station: str) -> Answer:
    """Return headquarters' answer to `station`. Raises MalformedError."""
    if body.get("v") != 1 or body.get("station") != station:
        raise MalformedError("an answer of another version, or for another station")
    broker, settings, keys = body.get("broker"), body.get("settings"), body.get("order_keys")
    if not isinstance(broker, dict) or not isinstance(settings, dict):
        raise MalformedError("field broker or settings")
    if not isinstance(keys, list) or not 0 < len(keys) <= _MAX_ORDER_KEYS:
        raise MalformedError("field order_keys")
    try:
        order_keys = tuple(base64url.decode(key, size=32) for key in keys)
    except ValueError:
        raise MalformedError("field order_keys") from None
    return Answer(
        station=station,
        certificate=_text(body, "certificate", MAX_ANSWER),
        authority=_text(body, "authority", MAX_ANSWER),
        order_keys=order_keys,
        sealing_key=_binary(body, "sealing_key", _SEALING_BYTES),
        broker_host=_text(broker, "host", 253),
        broker_port=_whole(broker, "port", 1, _MAX_PORT),
        generation=_whole(body, "generation", 0, 2**53 - 1),
        time=_text(body, "time", 24),
        settings={name: _text(settings, name, _MAX_TEXT) for name in settings},
    )


def _binary(body: Mapping[str, Any], name: str, size: int | None) -> bytes:
    try:
        return base64url.decode(body.get(name), size=size)
    except ValueError as error:
        raise MalformedError(f"field {name}: {error}") from None


def _text(body: Mapping[str, Any], name: str, most: int) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most or "\0" in value:
        raise MalformedError(f"field {name}")
    return value


def _whole(body: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise MalformedError(f"field {name}")
    return value
