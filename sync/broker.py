"""Where the broker is, and how it and we prove who we are: always by TLS, with a certificate at both ends."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME (OpenSSL, X509_VERIFY_PARAM_set_flags(3)), which Python has no name for."""


class _Socket(ssl.SSLSocket):
    """Lets itself go when the other end is not believed; paho would leave that to chance."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the base's signature
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the broker is, and as whom we come: PEM files of the city's root, of our certificate and of its key.

    `check_dates` is asked before each connection: False while our clock is not to be trusted. Then the dates of the
    broker's certificate are not looked at; its chain and its name always are.
    """

    host: str
    port: int
    ca: Path
    certificate: Path
    key: Path
    check_dates: Callable[[], bool] = _always

    def tls(self) -> ssl.SSLContext:
        """Return a context for one connection, of the files as they are now. Raises OSError, which names them."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks chain and name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.sslsocket_class = _Socket
        if not self.check_dates():
            context.verify_flags |= _NO_CHECK_TIME
        try:
            context.load_verify_locations(self.ca)
            context.load_cert_chain(self.certificate, self.key)
        except OSError as error:  # an ssl.SSLError too
            raise OSError(f"{self.ca}, {self.certificate} and {self.key} do not serve: {error}") from None
        return context
