"""What people use today, in a venv of its own (`make peers`), each driven in a process of its own by its interpreter.

A script of this folder whose name begins with `peer_` runs there; it is told what to do by lines of JSON on stdin and
answers each with one on stdout.
"""

import functools
import json
import subprocess
from pathlib import Path
from typing import Any, Final, Self

_ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = _ROOT / ".venv/peers/bin/python"
_VERSIONS: Final = (
    "import importlib.metadata as m, json; print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
)


class Missing(Exception):
    """A peer is not on this machine; says what to do."""


@functools.cache
def versions() -> dict[str, str]:
    """Return the peers that are installed, by their names in lower case."""
    try:
        said = subprocess.run([PYTHON, "-c", _VERSIONS], check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    versions: dict[str, str] = json.loads(said)
    return versions


def named(package: str) -> str:
    """Return a peer's name and version. Raises Missing."""
    if (version := versions().get(package)) is None:
        raise Missing(f"{package} is not in .venv/peers: make peers")
    return f"{package} {version}"


class Worker:
    """One script with the peers' interpreter, for as long as the block lasts."""

    def __init__(self, script: str, *arguments: str | Path) -> None:
        self._command = [str(PYTHON), str(Path(__file__).with_name(f"{script}.py")), *map(str, arguments)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, **question: Any) -> dict[str, Any]:
        """Say one line and return the answer. Raises ChildProcessError when it has ended instead."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise ChildProcessError(f"{' '.join(self._command)} ended with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer
