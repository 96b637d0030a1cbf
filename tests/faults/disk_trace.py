"""What a program did to a folder's files, in order, as the kernel saw it (strace): writes, flushes, and names.

So the product's own code runs, with Python's own SQLite, and nothing is put between it and the disk.
"""

import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

CALLS: Final = (
    "openat,creat,pwrite64,pwritev,pwritev2,write,writev,lseek,fsync,fdatasync,sync_file_range,ftruncate,truncate,"
    "fallocate,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir"
)
TOLD: Final = "told"
"""A file beside the folder: what is written to it was told to somebody, when it was."""
UNSEEN: Final = ("-shm",)
"""Names of files that say nothing after a power cut: SQLite makes its index of the WAL anew."""

Kind: TypeAlias = Literal["create", "write", "truncate", "flush", "flush names", "rename", "unlink", "told"]

_HEX: Final = r"((?:\\x[0-9a-f]{2})*)"
_LINE: Final = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+|\?)(?:<.*>)?(?: .*)?$")
_UNFINISHED: Final = re.compile(r"^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_RESUMED: Final = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
_FD: Final = re.compile(rf"^(\d+)<{_HEX}>(?:\(deleted\))?")
_STRING: Final = re.compile(rf'"{_HEX}"')


@dataclass(frozen=True, slots=True)
class Op:
    """One thing done to a name in the folder: `data` at `offset` of a write, `offset` also the size of a truncation.

    `other` is the new name of a rename; `began`: how many operations had ended when this one, a flush, began.
    """

    kind: Kind
    name: str
    data: bytes = b""
    offset: int = 0
    other: str = ""
    began: int = 0


@functools.cache
def why_not() -> str | None:
    """Tell why nothing can be traced here; None where it can: it is tried."""
    if shutil.which("strace") is None:
        return "strace is missing: run scripts/setup"
    with tempfile.TemporaryDirectory(prefix="jingting-") as folder:
        command = ["strace", "-f", "-o", str(Path(folder) / "trace"), "true"]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            return "this machine lets nobody trace a process (ptrace)"
    return None


def traced(command: Sequence[str | Path], folder: Path) -> list[Op]:
    """Run a command to its end and return what it did to the files of `folder`. Raises CalledProcessError."""
    output = folder.with_name(f"{folder.name}.trace")
    tracer = ["strace", "-f", "-y", "-xx", "-s", str(2**24), "-e", f"trace={CALLS}", "-e", "signal=none", "-o", output]
    reader = _Reader(folder)
    subprocess.run([*tracer, *command], check=True)
    with output.open(encoding="ascii") as lines:
        return list(reader.read(lines))


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._told = str(folder.with_name(TOLD))
        self._there = {file.name for file in folder.iterdir()}
        self._at: dict[str, int] = {}  # where each descriptor stands
        self._done = 0

    def read(self, lines: Iterator[str]) -> Iterator[Op]:
        pending: dict[str, tuple[str, int]] = {}
        for line in lines:
            if unfinished := _UNFINISHED.match(line):
                pending[unfinished[1]] = (f"{unfinished[1]} {unfinished[2]}({unfinished[3]}", self._done)
                continue
            began = self._done
            if resumed := _RESUMED.match(line):
                begun, began = pending.pop(resumed[1])
                line = begun + resumed[2]  # noqa: PLW2901
            call = _LINE.match(line.rstrip("\n"))
            if call is None:
                assert "+++" in line or "<detached" in line, line[:200]
                continue
            if call[4] == "?" or int(call[4]) < 0:
                continue
            for op in self._ops(call[2], call[3], int(call[4]), began):
                self._done += 1
                yield op

    def _ops(self, call: str, words: str, result: int, began: int) -> Iterator[Op]:
        fd = _FD.match(words)
        strings = [_text(match) for match in _STRING.findall(words)]
        if call in ("openat", "creat"):
            yield from self._opened(strings[0], words, result)
        elif call in ("rename", "renameat", "renameat2"):
            before, after = (self._name(path) for path in strings[-2:])
            if before is not None or after is not None:
                assert before is not None, "a file came from elsewhere"
                assert after is not None, "a file went elsewhere"
                self._there = self._there - {before} | {after}
                yield Op("rename", before, other=after)
        elif call in ("unlink", "unlinkat"):
            name = self._name(strings[0])
            if name is not None:
                self._there.discard(name)
                yield Op("unlink", name)
        elif fd is not None:
            yield from self._on_descriptor(call, fd, words, result, began)
        else:
            assert self._folder not in strings, f"{call} is not understood"

    def _opened(self, path: str, words: str, result: int) -> Iterator[Op]:
        self._at[str(result)] = 0
        name = self._name(path)
        if name is None:
            return
        if "O_CREAT" in words and name not in self._there:
            self._there.add(name)
            yield Op("create", name)
        if "O_TRUNC" in words:
            yield Op("truncate", name)

    def _on_descriptor(self, call: str, fd: re.Match[str], words: str, result: int, began: int) -> Iterator[Op]:
        path = _text(fd[2])
        if call == "lseek":
            self._at[fd[1]] = result
        if path == self._told and call == "write":
            yield Op("told", "", data=_bytes(_STRING.findall(words)[0]))
        if path == self._folder and call in ("fsync", "fdatasync"):
            yield Op("flush names", "", began=began)
        name = self._name(path)
        if name is None or call == "lseek" or "(deleted)" in fd[0]:
            return
        numbers = [int(number) for number in re.findall(r", (\d+)(?=,|$)", words)]
        if call == "pwrite64":
            yield Op("write", name, data=_bytes(_STRING.findall(words)[0])[:result], offset=numbers[-1])
        elif call == "write":
            yield Op("write", name, data=_bytes(_STRING.findall(words)[0])[:result], offset=self._at[fd[1]])
            self._at[fd[1]] += result
        elif call in ("fsync", "fdatasync"):
            yield Op("flush", name, began=began)
        elif call == "ftruncate":
            yield Op("truncate", name, offset=numbers[-1])
        elif call == "fallocate":  # posix_fallocate(3): the file becomes longer
            yield Op("write", name, data=b"", offset=numbers[-2] + numbers[-1])
        else:
            raise AssertionError(f"{call} is not understood")

    def _name(self, path: str) -> str | None:
        if not path.startswith(self._folder + "/") or path.endswith(UNSEEN):
            return None
        name = path.removeprefix(self._folder + "/")
        assert "/" not in name, "only a flat folder is understood"
        return name


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def _text(escaped: str) -> str:
    return os.fsdecode(_bytes(escaped))
