"""What is refused of a request before any page sees it: heads that two programs could read differently. Pure."""

import re
from collections.abc import Sequence
from typing import Final

HEAD_BYTES: Final = 16 * 1024
"""Most bytes of request line and headers together."""

HEADERS: Final = 64
"""Most headers; a browser sends about twenty."""

REQUEST_S: Final = 10.0
"""How long a client may take to send a whole request, and to take a whole page."""

_LINE = re.compile(rb"[A-Z]{1,16} /[!-~]* HTTP/1\.[01]")
_NAME = re.compile(rb"[0-9A-Za-z!#$%&'*+\-.^_`|~]+")  # a token: RFC 9110, section 5.6.2
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(rb"[0-9]{1,10}")


class WrongHead(ValueError):
    """A request whose head is refused: 400, and the connection is closed."""


def check_line(line: bytes) -> None:
    """Refuse a request line that is not a method, a path and HTTP/1 (RFC 9112, section 3), without its line's end.

    The form with a scheme and a host, which only proxies need, is refused too: `Host` is the one place for a name.
    Raises WrongHead.
    """
    if _LINE.fullmatch(line) is None:
        raise WrongHead("no request line")


def check_headers(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Refuse what lets a proxy before us see another request than we do (RFC 9112, section 11.2), and mere mass.

    `Transfer-Encoding` of any kind: our forms are small and say their length. Two lengths, two hosts, no host, a
    space before the colon, a folded line, control characters. Raises WrongHead.
    """
    if len(headers) > HEADERS or sum(len(name) + len(value) for name, value in headers) > HEAD_BYTES:
        raise WrongHead("too many headers")
    if any(_NAME.fullmatch(name) is None or _CONTROL.search(value) for name, value in headers):
        raise WrongHead("no header")
    found = [name.lower() for name, _ in headers]
    if b"transfer-encoding" in found or found.count(b"content-length") > 1 or found.count(b"host") != 1:
        raise WrongHead("an ambiguous request")
    if any(name.lower() == b"content-length" and _LENGTH.fullmatch(value) is None for name, value in headers):
        raise WrongHead("no length")
