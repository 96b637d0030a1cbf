"""So much memory for one process and its children, and a true kill when they take more: a memory cgroup of our own.

cgroups(7); Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst. What the kernel can give back (files that it
remembers) counts too, but kills nobody.
"""

import contextlib
import os
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Final, Self

MIB: Final = 2**20
_V1, _V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
_GONE_S: Final = 5.0
_ENTER = 'echo $$ > "$0" && exec "$@"'


class NoMemoryLimitError(Exception):
    """This machine lets us make no memory cgroup; the message says why."""


class MemoryLimit:
    """A group of processes that may take `limit` bytes of memory together, as long as the block lasts."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._v1 = (_V1 / "memory.limit_in_bytes").exists()
        self._group = (_V1 if self._v1 else _V2) / f"jingting-{uuid.uuid4()}"

    def __enter__(self) -> Self:
        """Make the group. Raises NoMemoryLimitError."""
        try:
            if not self._v1:
                (_V2 / "cgroup.subtree_control").write_text("+memory")
            self._group.mkdir()
            self._write("memory.limit_in_bytes" if self._v1 else "memory.max", self._limit)
            # No swap beside it, where there is any: a kiosk has none.
            with contextlib.suppress(FileNotFoundError):
                self._write(*(("memory.memsw.limit_in_bytes", self._limit) if self._v1 else ("memory.swap.max", 0)))
        except OSError as error:
            self._remove()
            raise NoMemoryLimitError(f"no memory cgroup can be made here: {error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def inside(self, command: tuple[str, ...]) -> tuple[str, ...]:
        """Return the command that runs this one inside the group, from its first byte on."""
        return ("sh", "-c", _ENTER, str(self._group / "cgroup.procs"), *command)

    @property
    def kills(self) -> int:
        """How many processes the kernel killed because there was no more memory for them."""
        lines = self._read("memory.oom_control" if self._v1 else "memory.events").splitlines()
        return next(int(count) for name, count in map(str.split, lines) if name == "oom_kill")

    @property
    def taken(self) -> int:
        """Bytes that the group's processes hold and the kernel could not take back: not what it remembers of files."""
        lines = dict(map(str.split, self._read("memory.stat").splitlines()))
        return int(lines["rss"] if self._v1 else lines["anon"])

    def _read(self, name: str) -> str:
        return (self._group / name).read_text(encoding="ascii")

    def _write(self, name: str, value: int) -> None:
        (self._group / name).write_text(str(value), encoding="ascii")

    def _remove(self) -> None:
        deadline = time.monotonic() + _GONE_S
        while self._group.exists():
            try:
                self._group.rmdir()
            except OSError:  # who was killed in it is not quite gone
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def why_not() -> str | None:
    """Why there can be no such limit here; None where there can."""
    if os.geteuid() != 0:
        return "only root may make a memory cgroup"
    try:
        with MemoryLimit(16 * MIB):
            return None
    except NoMemoryLimitError as error:
        return str(error)
