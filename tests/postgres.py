"""A PostgreSQL of our own: Debian's programs, a private folder, a private socket, and gone with us.

Nothing is asked of a server this machine may have, and no port is opened. fsync stays on: what is tested is what is
committed.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

_PROGRAMS = Path("/usr/lib/postgresql")
_USER = "jingting"
_READY_S = 30.0


class PostgresMissingError(Exception):
    """PostgreSQL is not installed; the message says how to get it."""


class Postgres:
    """A server that can be started, killed and started again; `stop` takes its folder away."""

    def __init__(self) -> None:
        self._programs = _newest_programs()
        self._as_owner: tuple[str, ...] = ()
        # Not under pytest's folder: a socket's path has 107 bytes (unix(7)), and root's folders are closed to others.
        self.folder = Path(tempfile.mkdtemp(prefix="jt-pg-"))
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            owner = _unprivileged()
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self._as_owner = (f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups")
        self._made = 0
        self._server: subprocess.Popen[bytes] | None = None
        try:
            self._run("initdb", "-D", self._data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
            self.start()
        except BaseException:
            self.stop()
            raise

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start it and return when it answers. It ends when we do, however that comes.

        Call it in the main thread: it ends with the thread that started it (prctl(2), PR_SET_PDEATHSIG).
        """
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "shared_buffers": "32MB",
            "max_connections": "60",
            "recovery_init_sync_method": "syncfs",  # not 10 s of fsync, file by file, after a kill
        }
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                (
                    *("setpriv", "--pdeathsig=INT", *self._as_owner, "--", str(self._programs / "postgres")),
                    *("-D", str(self._data)),
                    *(f"--{name}={value}" for name, value in settings.items()),
                ),
                stdout=log,
                stderr=log,
                cwd="/",
            )
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                psycopg.connect(self.conninfo("postgres")).close()
            except psycopg.OperationalError:
                said = (self.folder / "log").read_text(errors="replace")
                assert self._server.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.02)  # a poll, with a deadline
            else:
                return

    def kill(self) -> None:
        """SIGKILL every process of it, and wait until they are gone."""
        assert self._server is not None
        children = Path(f"/proc/{self._server.pid}/task/{self._server.pid}/children").read_text().split()
        for pid in (self._server.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._server.wait()
        # A new server refuses to start while one of the old one's processes has the shared memory.
        deadline = time.monotonic() + _READY_S
        while any(Path(f"/proc/{pid}").exists() for pid in children):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop it, and take its folder away."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)  # "fast shutdown": it does not wait for clients
            self._server.wait(_READY_S)
        shutil.rmtree(self.folder)

    def create(self) -> str:
        """Make an empty database and return its name."""
        self._made += 1
        name = f"hq_{self._made}"
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return name

    def conninfo(self, database: str) -> str:
        """Return what psycopg and pg_dump call a database."""
        return f"host={self.folder} user={_USER} dbname={database}"

    def url(self, database: str) -> str:
        """Return what `store.url` calls a database."""
        return f"postgresql+psycopg://{_USER}@/{database}?host={self.folder}"

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = ("setpriv", *self._as_owner, "--", self._programs / program, *arguments)
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def _newest_programs() -> Path:
    found = sorted(_PROGRAMS.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise PostgresMissingError("PostgreSQL is not installed: run make setup, or apt-get install postgresql")
    return found[-1].parent


def _unprivileged() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
