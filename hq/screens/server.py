"""microdot under an ASGI server, refusing what it could not read."""

from collections.abc import Awaitable, Callable
from typing import Any

from microdot.asgi import Microdot
from microdot.microdot import urldecode

from common.web.guards import HEADERS

_ANSWER = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class AsgiServer(Microdot):
    """A microdot application for an ASGI server; a request whose query or headers are not UTF-8 is answered 400.

    microdot decodes them outside of its error handling, and the ASGI server would log a fault of ours each time.
    """

    async def asgi_app(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not _is_readable(scope):
            await send({"type": "http.response.start", "status": 400, "headers": _ANSWER})
            await send({"type": "http.response.body", "body": b""})
            return
        await super().asgi_app(scope, receive, send)  # type: ignore[misc] # the stub's two Microdots hide it


def _is_readable(scope: dict[str, Any]) -> bool:
    try:
        urldecode(scope["query_string"])
        for name, value in scope["headers"]:
            name.decode()
            value.decode()
    except ValueError:
        return False
    return True
