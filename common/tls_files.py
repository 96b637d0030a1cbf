"""Looks at TLS files with nothing but `ssl`: a kiosk that only connects should not load what makes certificates.

Each check raises OSError for a file that cannot be read, and ValueError (`found; expected`) for one that is no good.
"""

import ssl
from pathlib import Path

from common.keyfiles import check_private


def check_root(path: Path) -> None:
    """Look at a root certificate in PEM."""
    path.read_bytes()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise ValueError("no certificate; a root certificate in PEM") from None


def check_key(path: Path) -> None:
    """Look at a private key in PEM, which nobody but its owner may read."""
    check_private(path)
    if "PRIVATE KEY-----" not in path.read_text(encoding="ascii", errors="replace"):
        raise ValueError("no key; a private key in PEM")


def check_pair(certificate: Path, key: Path) -> None:
    """Look at a certificate in PEM, and whether it was made for `key`."""
    certificate.read_bytes()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key)
    except ssl.SSLError:
        raise ValueError(f"no certificate of {key}; a certificate in PEM that was made for that key") from None
