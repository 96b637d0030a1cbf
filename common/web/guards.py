"""What every page of ours refuses and says in its headers, whoever asks."""

from collections.abc import Collection
from urllib.parse import urlsplit

from microdot import Microdot, Request, Response
from microdot.microdot import HTTPException

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: under it a browser sends `Origin: null` with our own forms (Fetch standard, "append a
    # request `Origin` header"), and they could not be told from another site's. No other site is told anything.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Sent with every answer, errors included; an answer that says KEEP keeps that."""

KEEP = "public, max-age=31536000, immutable"
"""`Cache-Control` of what is the same on every page and never changes under its address (RFC 8246)."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def guard(app: Microdot, *, allowed_hosts: Collection[str], linked: bool = True, proven: bool = False) -> None:
    """Put the guards before and after every route of `app`.

    `allowed_hosts`: the names or addresses under which the pages may be asked for, without a port. Any other `Host` is
    refused with 421, so that a name somebody else points at this machine reaches nothing (DNS rebinding). Not `linked`:
    no page of another origin, another port's included, may lead here or load anything. `proven`: whoever changes
    something must be a browser that says where its form comes from; a program says it too.
    """
    allowed = frozenset(host.lower() for host in allowed_hosts)

    async def refuse(request: Request) -> None:
        if host_name(request.headers.get("Host", "")) not in allowed:
            raise HTTPException(421, "Misdirected request")
        if not linked and not is_from_here(request):
            raise HTTPException(403, "Forbidden")
        if request.method not in _SAFE and not (is_same_origin(request) and (not proven or says_origin(request))):
            raise HTTPException(403, "Forbidden")

    async def harden(_request: Request | None, response: Response) -> Response:
        kept = response.headers.get("Cache-Control") == KEEP
        response.headers.update(HEADERS | {"Cache-Control": KEEP} if kept else HEADERS)
        return response

    app.before_request(refuse)
    app.after_request(harden)
    app.after_error_request(harden)


def host_name(host: str) -> str:
    """Return the name in a `Host` header (RFC 9110, section 7.2), lower case and without port; "" if malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_from_here(request: Request) -> bool:
    """Tell whether a browser says that a page of ours asks, or somebody who typed the address; others say nothing.

    Of another port of this machine it says `same-site` (Fetch Metadata, "Sec-Fetch-Site").
    """
    return request.headers.get("Sec-Fetch-Site", "none") in {"same-origin", "none"}


def says_origin(request: Request) -> bool:
    """Tell whether a request says at all where it comes from; every browser does of a form (Fetch, Fetch Metadata)."""
    return "Origin" in request.headers or "Sec-Fetch-Site" in request.headers


def is_same_origin(request: Request) -> bool:
    """Tell whether a state-changing request comes from a page of ours, by the headers only a browser can set.

    `microdot.csrf` knows origins only as a list that names every port. A browser that reaches headquarters by plain
    HTTP sends no `Sec-Fetch-Site` (only to trustworthy addresses does it: Fetch Metadata, section 2), so `Origin` is
    compared with `Host`, which has been checked. A request with neither header is no browser's.
    """
    if not is_from_here(request):
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    scheme, _, authority = origin.partition("://")
    return scheme in {"http", "https"} and authority.lower() == request.headers.get("Host", "").lower()
