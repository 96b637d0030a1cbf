"""The pages of a running house, asked as a program asks: JSON out of them, forms into them."""

import http.client
import json
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from typing import Any

_TIMEOUT_S = 3.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach loopback


def base_url(host: str, port: int) -> str:
    """Return the URL under which a house serves its pages; one that listens everywhere is asked on loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def fetch(url: str, *, token: str = "") -> dict[str, Any] | None:
    """Return the JSON object at `url`, or None when nobody, or something else, answers within 3 s.

    `token` is shown to a house that asks programs for one.
    """
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})  # noqa: S310
    try:
        with _OPENER.open(request, timeout=_TIMEOUT_S) as response:
            answer = json.load(response)
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


def page(url: str) -> str:
    """Return the page at `url`, "" when nobody answers within 3 s."""
    return Visitor().page(url)


def submit(url: str, **fields: str) -> bool:
    """Send a form as a browser does; False when it was refused or nobody answers within 3 s."""
    return Visitor().submit(url, **fields)


class Visitor:
    """A browser without a screen: it keeps cookies, and says of each form where it comes from."""

    def __init__(self) -> None:
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies)
        )

    def page(self, url: str) -> str:
        """Return the page at `url`, "" when nobody answers within 3 s."""
        try:
            with self._opener.open(url, timeout=_TIMEOUT_S) as response:
                text: str = response.read().decode()
                return text
        except (OSError, http.client.HTTPException):
            return ""

    def submit(self, url: str, **fields: str) -> bool:
        """Send a form; False when it was refused or nobody answers within 3 s."""
        parts = urllib.parse.urlsplit(url)
        origin = {"Origin": f"{parts.scheme}://{parts.netloc}"}
        body = urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(url, data=body, headers=origin)  # noqa: S310 - our own houses' addresses
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as response:
                return urllib.parse.urlsplit(response.url).path != "/sign-in" or parts.path == "/sign-out"
        except (OSError, http.client.HTTPException):
            return False

    def sign_in(self, url: str, name: str, password: str) -> bool:
        """Sign in at the headquarters of that address; False when that was refused."""
        return self.submit(f"{url}/sign-in", name=name, password=password)
