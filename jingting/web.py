"""The pages of a running house, asked as a program asks: JSON out of them, forms into them."""

import json
import urllib.parse
import urllib.request
from typing import Any

_TIMEOUT_S = 3.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach loopback


def base_url(host: str, port: int) -> str:
    """Return the URL under which a house serves its pages; one that listens everywhere is asked on loopback."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def fetch(url: str) -> dict[str, Any] | None:
    """Return the JSON object at `url`, or None when nobody, or something else, answers within 3 s."""
    try:
        with _OPENER.open(url, timeout=_TIMEOUT_S) as response:
            answer = json.load(response)
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


def page(url: str) -> str:
    """Return the page at `url`, "" when nobody answers within 3 s."""
    try:
        with _OPENER.open(url, timeout=_TIMEOUT_S) as response:
            text: str = response.read().decode()
            return text
    except OSError:
        return ""


def submit(url: str, **fields: str) -> bool:
    """Send a form as a browser does; False when it was refused or nobody answers within 3 s."""
    try:
        with _OPENER.open(url, data=urllib.parse.urlencode(fields).encode(), timeout=_TIMEOUT_S):
            return True
    except OSError:
        return False
