"""Where kiosks enrol and renew: HTTPS on a port of its own, with limits, apart from the pages (`docs/enrolment.md`)."""

import asyncio
import datetime as dt
import json
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from microdot import Request, Response

from common import certificates
from common.slowing import Slowing, place
from common.web.server import LocalServer
from hq.authority import Authority
from hq.database import FAILURES
from hq.metrics import Metrics
from hq.registrar import GUESSES, Refused, Registrar
from sync.enrolment import MAX_BODY
from sync.strict_json import parse_object

log = logging.getLogger(__name__)

HANDSHAKE_S: Final = 5.0
"""How long a client may take for the TLS handshake, in seconds."""
SHUTDOWN_S: Final = 2.0
LONGEST_S: Final = 300.0
"""The longest wait between two refused attempts from one address."""
FORGOTTEN_S: Final = 3600.0
"""After so long without a refused one the count begins again."""
CERTIFICATE_DAYS: Final = 90
LOOK_EVERY_S: Final = 3600.0
"""How often the age of our own certificate is looked at, in seconds."""


class EnrolmentServer(LocalServer):
    """Answers kiosks; what is granted and refused is the registrar's."""

    def __init__(self, registrar: Registrar, metrics: Metrics, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._registrar = registrar
        self._metrics = metrics
        self._slowing = Slowing(monotonic, longest_s=LONGEST_S, forgotten_s=FORGOTTEN_S)
        self.get("/1/authority")(self._authority)
        for name, grant in (
            ("enrol", registrar.enrol),
            ("nonce", registrar.nonce),
            ("renew", registrar.renew),
            ("standing", registrar.standing),
        ):
            self.post(f"/1/{name}")(self._route(name, grant))
        for status, error in ((400, "malformed"), (404, "not-found"), (405, "not-allowed"), (413, "too-large")):
            self.errorhandler(status)(_plainly(status, error))
        self.errorhandler(500)(_plainly(503, "unavailable"))

    @asynccontextmanager
    async def serving_tls(self, host: str, port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
        """Serve inside the block, and yield the port. Raises OSError when the address is taken."""
        server = await asyncio.start_server(
            self._connected,
            host,
            port,
            ssl=context,
            ssl_handshake_timeout=HANDSHAKE_S,
            ssl_shutdown_timeout=SHUTDOWN_S,
        )
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for connection in self._connections:
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def awrite(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        # What microdot's own `start_server` adds; that one knows no limit for a handshake.
        writer.awrite = awrite  # type: ignore[attr-defined]
        await self.handle_request(reader, writer)

    async def _authority(self, _request: Request) -> Response:
        return _answer(200, self._registrar.authority())

    def _route(self, name: str, grant: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Any:
        async def answer(request: Request) -> Response:
            address = str(request.client_addr[0])
            try:
                answered = await self._granted(address, request, grant)
            except Refused as refused:
                self._metrics.enrolment(name, refused.error)
                if refused.error in GUESSES:
                    log.warning("A kiosk at %s was refused %s: %s.", address, name, refused.error)
                    self._slowing.wrong(place(address))
                return _refusal(refused.status, refused.error, refused.detail)
            except _SlowDown as slow:
                self._metrics.enrolment(name, "slow-down")
                answered_slow = _refusal(429, "slow-down", "Too many attempts were refused; try again later.")
                answered_slow.headers["Retry-After"] = str(slow.seconds)
                return answered_slow
            except (*FAILURES, OSError, ValueError) as error:  # ValueError: a file of our own that is no key
                self._metrics.enrolment(name, "unavailable")
                log.error("A kiosk could not be answered: %s", str(error).partition("\n")[0])  # noqa: TRY400
                return _refusal(503, "unavailable", "Headquarters cannot do it now; try again later.")
            self._metrics.enrolment(name, "granted")
            if name != "nonce":
                self._slowing.forget(place(address))
            return _answer(200, answered)

        return answer

    async def _granted(
        self, address: str, request: Request, grant: Callable[[Mapping[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        wait_s = self._slowing.wait_s(place(address))
        if wait_s:
            raise _SlowDown(int(wait_s) + 1)
        if request.content_length > MAX_BODY:
            raise Refused("too-large", f"A body has at most {MAX_BODY} bytes.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            body = parse_object(request.body or b"")
        except ValueError as error:
            raise Refused("malformed", str(error), HTTPStatus.BAD_REQUEST) from None
        return await asyncio.to_thread(grant, body)


class _SlowDown(Exception):
    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class ServerCertificate:
    """Our own certificate: made when there is none, and anew before it runs out; `context` always has the latest."""

    def __init__(self, authority: Authority, folder: Path, names: Sequence[str]) -> None:
        self._authority = authority
        self._names = tuple(names)
        self._key = folder / "enrolment.key"
        self._certificate = folder / "enrolment.pem"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2

    def look(self) -> None:
        """Make the certificate if it is due, and load it. Raises OSError."""
        if not self._key.exists():
            certificates.create_key(self._key)
        now = dt.datetime.now(dt.UTC)
        if not self._good(now):
            public = certificates.read_key(self._key).public_key()
            pem = self._authority.issue_server(self._names, public, now=now, days=CERTIFICATE_DAYS)
            passing = self._certificate.with_suffix(".new")
            passing.write_bytes(pem)
            passing.replace(self._certificate)
        self.context.load_cert_chain(self._certificate, self._key)

    async def keep(self) -> None:
        """Look every hour, for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await asyncio.to_thread(self.look)
            except OSError as error:
                log.error("The certificate of the enrolment port could not be renewed: %s", error)  # noqa: TRY400

    def _good(self, now: dt.datetime) -> bool:
        """Whether the certificate there is ours still: of this authority, for these names, with a third of its life."""
        try:
            certificates.check_pair(self._certificate, self._key)
            found = certificates.read_certificate(self._certificate)
        except (OSError, ValueError):
            return False
        life = found.not_valid_after_utc - found.not_valid_before_utc
        return (
            found.not_valid_before_utc <= now < found.not_valid_after_utc - life / 3
            and certificates.server_names(found) == set(self._names)
            and self._authority.made(found)
        )


def _plainly(status: int, error: str) -> Callable[..., Any]:
    async def answer(*_: object) -> Response:
        return _refusal(status, error, HTTPStatus(status).phrase)

    return answer


def _refusal(status: int, error: str, detail: str) -> Response:
    return _answer(status, {"v": 1, "error": error, "detail": detail})


def _answer(status: int, body: Mapping[str, Any]) -> Response:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Response(json.dumps(body, ensure_ascii=False).encode(), status, headers)
