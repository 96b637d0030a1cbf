"""A one-time code by which a kiosk becomes a station, as text, URI or file (`docs/enrolment.md`, "The code").

It carries a secret that headquarters knows by its hash, and the pin by which the kiosk knows headquarters.
"""

import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from sync.strict_json import parse_object
from sync.topics import STATION_ID

SECRET_SYMBOLS: Final = 16
"""Of the 36 symbols the first 16, 80 bits, are the secret; the other 20 are the pin."""

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Douglas Crockford, "Base 32"
_LOOKALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_SYMBOLS: Final = 36
_GROUP: Final = 4
_SCHEME: Final = "jingting:enrol?"
_AT: Final = re.compile(r"(?:[0-9A-Za-z.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):([0-9]{1,5})")
_MAX_PORT: Final = 65535


class CodeError(ValueError):
    """What was typed, scanned or read is no code; the message says which part to look at."""


@dataclass(frozen=True, slots=True)
class Code:
    """The 36 symbols, without check symbols. Its `repr` shows none of them."""

    symbols: str

    @classmethod
    def new(cls, authority_sha256: bytes) -> "Code":
        """Return a new random code for the city whose CA certificate (DER) has that SHA-256."""
        return cls(_symbols(secrets.token_bytes(10), 80) + _symbols(authority_sha256, 100))

    @property
    def secret(self) -> str:
        """The part headquarters is told, and nobody else."""
        return self.symbols[:SECRET_SYMBOLS]

    def pins(self, authority_sha256: bytes) -> bool:
        """Tell whether this code was made for the CA certificate (DER) with that SHA-256."""
        return _symbols(authority_sha256, 100) == self.symbols[SECRET_SYMBOLS:]

    def __str__(self) -> str:
        groups = [self.symbols[at : at + _GROUP] for at in range(0, _SYMBOLS, _GROUP)]
        return "-".join(group + _check(group, number) for number, group in enumerate(groups, start=1))

    def __repr__(self) -> str:
        return "Code(…)"


def read_code(text: str) -> Code:
    """Return the code somebody typed. Raises CodeError, naming the group to look at."""
    typed = text.strip().upper().translate(_LOOKALIKES)
    groups = [typed[at : at + _GROUP + 1] for at in range(0, len(typed), _GROUP + 1)]
    for number, group in enumerate(groups, start=1):
        if any(symbol not in _ALPHABET for symbol in group):
            raise CodeError(f"group {number} of the code has a character that no code has; look at it again")
        if len(group) == _GROUP + 1 and _check(group[:_GROUP], number) != group[_GROUP]:
            raise CodeError(f"group {number} of the code is mistyped; look at it again")
    if len(typed) != _SYMBOLS + _SYMBOLS // _GROUP:
        raise CodeError(f"{len(typed)} characters; a code has 45, in 9 groups of 5")
    return Code("".join(group[:_GROUP] for group in groups))


def secret_hash(secret: str) -> bytes:
    """Return what headquarters keeps of a secret. Raises ValueError for what can be none."""
    if len(secret) != SECRET_SYMBOLS or any(symbol not in _ALPHABET for symbol in secret):
        raise ValueError("16 symbols of a code are expected")
    value = 0
    for symbol in secret:
        value = value << 5 | _ALPHABET.index(symbol)
    return hashlib.sha256(b"jingting invitation 1\n" + value.to_bytes(10, "big")).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A code with where to go: `at` is HOST:PORT. `authority` is the CA certificate in PEM, where it came along."""

    at: str
    station: str
    code: Code
    authority: str | None = None

    @property
    def uri(self) -> str:
        """A URI, short enough for a QR code."""
        values = {"at": self.at, "station": self.station, "code": str(self.code).replace("-", "")}
        return _SCHEME + urlencode(values, quote_via=quote)

    def as_file(self) -> bytes:
        """Return the content of a file `invitation.json`."""
        values = {"v": 1, "at": self.at, "station": self.station, "code": str(self.code), "authority": self.authority}
        return json.dumps(values, indent=1).encode() + b"\n"


def read_uri(text: str) -> Invitation:
    """Return the invitation in a URI. Raises CodeError."""
    if not text.startswith(_SCHEME):
        raise CodeError(f"no invitation; one begins with {_SCHEME}")
    values = dict(parse_qsl(text.removeprefix(_SCHEME)))
    return _invitation(values.get("at"), values.get("station"), values.get("code"), None)


def read_file(data: bytes) -> Invitation:
    """Return the invitation in a file `invitation.json`. Raises CodeError."""
    try:
        values = parse_object(data)
    except ValueError as error:
        raise CodeError(f"no invitation: {error}") from None
    if values.get("v") != 1:
        raise CodeError("an invitation of another version; make it with the same version of Jingting")
    authority = values.get("authority")
    if not isinstance(authority, str):
        raise CodeError("an invitation without the authority's certificate")
    return _invitation(values.get("at"), values.get("station"), values.get("code"), authority)


def read_at(text: object) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`, an IPv6 address in brackets. Raises CodeError."""
    match = _AT.fullmatch(text) if isinstance(text, str) else None
    if not isinstance(text, str) or match is None or not 0 < int(match[1]) <= _MAX_PORT:
        raise CodeError("where headquarters is must read HOST:PORT")
    return text[: match.start(1) - 1].strip("[]"), int(match[1])


def _invitation(at: object, station: object, code: object, authority: str | None) -> Invitation:
    read_at(at)
    if not isinstance(station, str) or not STATION_ID.fullmatch(station):
        raise CodeError("an invitation without a station's id")
    if not isinstance(code, str):
        raise CodeError("an invitation without a code")
    return Invitation(at=str(at), station=station, code=read_code(code), authority=authority)


def _symbols(data: bytes, bits: int) -> str:
    value = int.from_bytes(data, "big") >> (len(data) * 8 - bits)
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(bits - 5, -1, -5))


def _check(group: str, number: int) -> str:
    rest, weight = number, 1
    for symbol in group:
        rest ^= _times(weight, _ALPHABET.index(symbol))
        weight = _times(weight, 2)
    # rest = α^4 · check; α has order 31, so α^-4 = α^27.
    for _ in range(31 - _GROUP):
        rest = _times(rest, 2)
    return _ALPHABET[rest]


def _times(left: int, right: int) -> int:
    """Multiply in GF(2^5) with x^5 + x^2 + 1."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        right >>= 1
        left <<= 1
        if left & 32:
            left ^= 0b100101
    return product
