"""A real Mosquitto of a test's own, on a free port of loopback, with a certificate for everybody."""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from sync.broker import Broker
from tests.certificates import certify, certify_server

NAMES = ("sjz-001", "sjz-002", "hq-test", "watcher")
DEADLINE_S = 20.0
PORTS = range(20_000, 32_768)


def program(name: str) -> str:
    """Where a program of Mosquitto's lives; Debian puts the broker outside users' PATH."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert found, f"{name} is not installed: run scripts/setup"
    return found


def certificates(folder: Path) -> Path:
    """What the broker and everybody of NAMES need, in one folder; and others that are not in order."""
    certify_server(folder, "127.0.0.1", "localhost")
    for name in NAMES:
        certify(folder, name, stem=name)
    certify(folder, "sjz-001", stem="stranger", city="Other")
    certify(folder, "sjz-001", stem="expired", days=-1)
    certify_server(folder, "127.0.0.1", stem="expired-server", days=-1)
    certify_server(folder, "127.0.0.1", stem="strange-server", city="Other")
    certify_server(folder, "elsewhere.example", stem="other-server")
    return folder


def free_port() -> int:
    """A port on which nobody listens: else the probe below might take another test's broker for this one."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


async def until(condition: Callable[[], object], *, within: float = DEADLINE_S) -> None:
    """Wait until a condition holds; fail after so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.005)


class Mosquitto:
    """One broker process; it can be killed, frozen and started again on the same port."""

    def __init__(self, folder: Path, certificates: Path) -> None:
        self._folder = folder
        self._certificates = certificates
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        fixed = self.port
        for _ in range(20):
            self.port = fixed or free_port()
            if self._started():
                return
        raise AssertionError((self._folder / "log").read_text())

    def _started(self) -> bool:
        conf = self._folder / "mosquitto.conf"
        conf.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\n"
            f"cafile {self._certificates}/ca.pem\nrequire_certificate true\nuse_identity_as_username true\n"
            f"certfile {self._certificates}/server.pem\nkeyfile {self._certificates}/server.key\n"
            "persistence false\nset_tcp_nodelay true\n" + ("user root\n" if os.geteuid() == 0 else "")
        )
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([program("mosquitto"), "-c", conf], stdout=log, stderr=log)
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0 and self._process.poll() is None:
                    return True
            time.sleep(0.005)
        self.kill()
        return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(DEADLINE_S)
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def played(self) -> ssl.SSLContext:
        """For a test that plays the broker itself, on a port of its own."""
        return server_context(self._certificates)

    def address(self, name: str, *, port: int = 0, host: str = "127.0.0.1") -> Broker:
        return address(self._certificates, name, port=port or self.port, host=host)


def address(folder: Path, name: str, *, port: int, host: str = "127.0.0.1") -> Broker:
    """Where a broker is, for whom `certificates` gave a certificate of that name."""
    return Broker(
        host=host, port=port, ca=folder / "ca.pem", certificate=folder / f"{name}.pem", key=folder / f"{name}.key"
    )


def server_context(
    folder: Path, *, stem: str = "server", least: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = least
    context.load_cert_chain(folder / f"{stem}.pem", folder / f"{stem}.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context
