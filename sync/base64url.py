"""Canonical base64url without padding (RFC 4648, section 5): one spelling for one sequence of bytes."""

import base64
import binascii


def encode(data: bytes) -> str:
    """Return `data` as base64url text without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: object, *, size: int | None = None) -> bytes:
    """Return the bytes of canonical base64url `text`, `size` of them if given.

    Raises ValueError for anything else: another type or alphabet, padding, stray bits, a wrong size.
    """
    if not isinstance(text, str):
        raise ValueError("not text")  # noqa: TRY004 - one error for everything a peer may have sent
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("not base64url") from error
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    if size is not None and len(data) != size:
        raise ValueError(f"{len(data)} bytes where {size} are expected")
    return data
