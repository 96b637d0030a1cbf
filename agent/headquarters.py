"""Headquarters as a kiosk asks it over HTTPS (`docs/enrolment.md`); it is believed by its certificate alone.

Nothing is trusted at first sight: the CA's certificate came with the invitation, or is fetched and held against its
pin.
"""

import asyncio
import contextlib
import hashlib
import http.client
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from sync.enrolment import MAX_ANSWER
from sync.invitation import Code, read_at
from sync.strict_json import parse_object

ANSWER_S: Final = 10.0
"""How long each step of a request may take, in seconds: connecting, the handshake, each part of the answer."""

_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME (OpenSSL, X509_VERIFY_PARAM_set_flags(3)), which Python has no name for."""
_LONGEST_WAIT_S: Final = 300


class AwayError(Exception):
    """Headquarters did not answer, or not as it should; asking again later may help. The message says why."""


class DeniedError(Exception):
    """Headquarters refused: `error` is the contract's word, `wait_s` when to ask again at the earliest."""

    def __init__(self, error: str, detail: str, wait_s: int) -> None:
        super().__init__(detail or error)
        self.error, self.wait_s = error, wait_s


class Headquarters:
    """Headquarters at HOST:PORT, known by a CA certificate (PEM). `check_dates`: whether our clock is to be trusted."""

    def __init__(self, at: str, authority: str, *, check_dates: Callable[[], bool]) -> None:
        self._at = at
        self._authority = authority
        self._check_dates = check_dates

    def ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Post a request and return the answer; blocks. Raises AwayError or DeniedError."""
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks chain, name and purpose
            context.load_verify_locations(cadata=self._authority)
        except (ssl.SSLError, ValueError) as error:
            raise AwayError(f"the authority's certificate cannot be used: {error}") from None
        if not self._check_dates():
            context.verify_flags |= _NO_CHECK_TIME
        return _request(self._at, context, "POST", path, json.dumps(body).encode())

    async def asked(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Post a request as `ask` does, without blocking the loop; may be cancelled at any time."""
        # A daemon thread of its own, as for the broker: a name server that swallows packets must not hold up a stop.
        loop = asyncio.get_running_loop()
        done: asyncio.Future[dict[str, Any]] = loop.create_future()

        def settle(answer: dict[str, Any] | None, error: Exception | None) -> None:
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            elif answer is not None:
                done.set_result(answer)

        def run() -> None:
            answer: dict[str, Any] | None = None
            failure: Exception | None = AwayError("asking headquarters failed")
            try:
                answer, failure = self.ask(path, body), None
            except (AwayError, DeniedError) as error:
                failure = error
            finally:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(settle, answer, failure)

        threading.Thread(target=run, name="hq-ask", daemon=True).start()
        return await done


def fetch_authority(at: str, code: Code) -> str:
    """Return the CA certificate (PEM) that `code` pins, fetched from headquarters. Raises AwayError.

    The connection it comes over proves nothing, and nothing secret is sent there: the pin decides.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    authority = _request(at, context, "GET", "/1/authority", None).get("authority")
    if not isinstance(authority, str):
        raise AwayError(f"{at} does not tell its authority's certificate; is it headquarters?")
    check_pin(authority, code)
    return authority


def check_pin(authority: str, code: Code) -> None:
    """Raise AwayError when a CA certificate (PEM) is not the one that `code` pins."""
    try:
        der = ssl.PEM_cert_to_DER_cert(authority.strip() + "\n")
    except ValueError:
        raise AwayError("the authority's certificate is no PEM certificate") from None
    if not code.pins(hashlib.sha256(der).digest()):
        raise AwayError(
            "whoever answers there is not the headquarters that made the code: nothing was sent to it. "
            "Compare the code, and where headquarters is, with what was handed out"
        )


def _request(at: str, context: ssl.SSLContext, method: str, path: str, body: bytes | None) -> dict[str, Any]:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    host, port = read_at(at)
    connection = http.client.HTTPSConnection(host, port, timeout=ANSWER_S, context=context)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        text = answer.read(MAX_ANSWER + 1)
        status, later = answer.status, answer.headers.get("Retry-After", "")
    except ssl.SSLCertVerificationError as error:
        raise AwayError(f"{at} is not the headquarters this kiosk knows: {error.verify_message}") from None
    except (OSError, http.client.HTTPException) as error:
        raise AwayError(f"{at} does not answer: {error or type(error).__name__}") from None
    finally:
        connection.close()
    try:
        if len(text) > MAX_ANSWER:
            raise ValueError("too long")  # noqa: TRY301 - it is one of the things an answer may be
        values = parse_object(text)
    except ValueError as error:
        raise AwayError(f"{at} answered {status}, and no JSON object: {error}") from None
    if status != HTTPStatus.OK:
        error_word, detail = values.get("error"), values.get("detail")
        if not isinstance(error_word, str) or not isinstance(detail, str):
            raise AwayError(f"{at} answered {status}")
        wait_s = min(int(later), _LONGEST_WAIT_S) if later.isascii() and later.isdigit() else 0
        raise DeniedError(error_word[:32], detail[:200], wait_s)
    return values
