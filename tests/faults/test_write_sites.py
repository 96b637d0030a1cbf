"""Each place at which a station writes a file fails by itself, at each of its system calls: full, read-only, I/O error.

What fails is told, nothing half-written is believed, and the same done again succeeds. Every such place is known here.
"""

import ast
import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from disk_trace import why_not
from write_sites import ELSEWHERE, NEW, OLD, SITES

ROOT = Path(__file__).parents[2]
ROOMS = ("agent", "common", "drivers", "sync")
PLAYED = ("drivers/simulators/", "drivers/firmware/", "common/web/templates.py")  # no part of a running kiosk

_NAMES = {"write_bytes", "write_text", "rename", "unlink", "mkdir", "symlink_to", "makedirs", "rmtree", "rmdir"}
_NAMES |= {"posix_fallocate", "ftruncate", "truncate", "pwrite", "copy", "copyfile", "copytree", "mkstemp"}

ERRORS = {"openat": "EROFS", "mkdir": "ENOSPC", "symlink": "ENOSPC", "write": "ENOSPC", "pwrite64": "ENOSPC"}
ERRORS |= {"fallocate": "ENOSPC", "fsync": "EIO", "fdatasync": "EIO", "rename": "EROFS", "unlink": "EROFS"}
ERRORS |= {"ftruncate": "EIO"}


def writing(file: Path) -> Iterator[str]:
    """The functions of a file that write to the disk."""
    for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and any(
            isinstance(call, ast.Call) and _writes(call) for call in ast.walk(function)
        ):
            yield function.name


def _writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in {"open", "fdopen"}:
        words = " ".join(map(ast.unparse, call.args))
        modes = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        return bool(re.search("O_CREAT|O_WRONLY|O_RDWR", words)) or any(
            re.fullmatch("[rb]*[wax+][bt+]*", m) for m in modes
        )
    if name == "replace":  # of a path; of a text it has two arguments, of a struct names
        return len(call.args) == 1 and not call.keywords
    if name == "touch":
        return not call.args and "_suspected" in ast.unparse(call.func)
    if name == "copy":
        return isinstance(call.func, ast.Attribute) and ast.unparse(call.func).startswith("shutil")
    return name in _NAMES


def test_every_place_at_which_a_station_writes_files_is_known_here():
    found = {
        (file.relative_to(ROOT).as_posix(), function)
        for room in ROOMS
        for file in (ROOT / room).rglob("*.py")
        if not file.relative_to(ROOT).as_posix().startswith(PLAYED)
        for function in writing(file)
    }
    known = {one for site in SITES.values() for one in site.functions}
    assert found - known - ELSEWHERE.keys() == set()
    assert ELSEWHERE.keys() - found == set()


async def act(site: str, folder: Path, *inject: str) -> tuple[str, list[str]]:
    """Act at a site, in a process of its own; return what it said and its system calls, as strace writes them."""
    log = folder.with_name("log")
    calls = ",".join(ERRORS)
    command = ["strace", "-f", "-y", "-o", log, "-e", f"trace={calls}", "-e", "signal=none", *inject]
    command += [sys.executable, "-B", Path(__file__).with_name("write_sites.py"), site, folder]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"it was not told, it broke: {done.stderr[-2000:]}"
    return done.stdout.strip(), log.read_text(errors="replace").splitlines()


def failing(lines: list[str], folder: Path) -> Iterator[tuple[str, int]]:
    """Each system call that writes to the folder, as (name, which of the thread's calls of that name it is)."""
    counts: dict[tuple[str, str], int] = {}
    for line in lines:
        match = re.match(r"(\d+) +(\w+)\(", line)
        if match is None:
            continue
        counts[match.groups()] = number = counts.get(match.groups(), 0) + 1
        reads = match[2] == "openat" and not re.search("O_CREAT|O_WRONLY|O_RDWR", line)
        if str(folder) in line and not reads and "-shm" not in line:
            yield match[2], number


def first_and_last(calls: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Of each system call the first time and the last: in between it is the same again."""
    times: dict[str, list[int]] = {}
    for call, which in calls:
        times.setdefault(call, []).append(which)
    return [(call, which) for call, found in times.items() for which in sorted({found[0], found[-1]})]


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
@pytest.mark.parametrize("name", SITES)
async def test_every_write_that_fails_at_a_site_is_told_and_nothing_half_written_is_believed(name, tmp_path):
    site, broken = SITES[name], 0

    def fresh(number: int) -> Path:
        folder = tmp_path / str(number) / "data"
        os.makedirs(folder)  # noqa: PTH103
        site.prepare(folder)
        return folder

    folder = fresh(0)
    said, lines = await act(name, folder)
    assert (said, site.believed(folder)) == ("done", NEW)
    for number, (call, which) in enumerate(first_and_last(failing(lines, folder)), 1):
        folder = fresh(number)
        said, again = await act(name, folder, "-e", f"inject={call}:error={ERRORS[call]}:when={which}")
        assert any("INJECTED" in line and str(folder) in line for line in again), f"{call} {which} was another's"
        broken += 1
        assert site.believed(folder) in ({NEW} if said == "done" else {OLD, NEW}), f"{call} {which}: {said}"
        site.act(folder)
        assert site.believed(folder) == NEW, f"after {call} {which}"
    assert broken >= 2
