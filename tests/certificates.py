"""One authority for a test process, and what it certifies: TLS files as a machine of the city has them."""

import atexit
import datetime as dt
import functools
import shutil
import tempfile
from pathlib import Path

from common import certificates
from hq.authority import OWN_NAME, Authority


@functools.cache
def authority(city: str) -> Authority:
    """A city's authority; its folder goes when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="authority-"))
    atexit.register(shutil.rmtree, folder)
    return Authority.create(folder, city=city, now=dt.datetime.now(dt.UTC))


def certify(folder: Path, name: str, *, stem: str = "tls", city: str = "Test", days: int = 90) -> None:
    """Put `ca.pem`, and the key and certificate of a machine of that name, into a folder."""
    public = certificates.create_key(folder / f"{stem}.key")
    issue = authority(city).issue_own if OWN_NAME.fullmatch(name) else authority(city).issue_client
    (folder / f"{stem}.pem").write_bytes(issue(name, public, now=dt.datetime.now(dt.UTC), days=days))
    (folder / "ca.pem").write_bytes(authority("Test").certificate_pem)


def certify_server(folder: Path, *names: str, stem: str = "server", city: str = "Test", days: int = 90) -> None:
    """Put the key and certificate of a server into a folder."""
    public = certificates.create_key(folder / f"{stem}.key")
    pem = authority(city).issue_server(names, public, now=dt.datetime.now(dt.UTC), days=days)
    (folder / f"{stem}.pem").write_bytes(pem)
