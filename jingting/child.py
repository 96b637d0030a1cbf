"""One process of the city."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_STOP_S = 5.0

# The city's own end, however it comes, ends its processes (prctl(2), PR_SET_PDEATHSIG); the second look is for a city
# that ended before the first word was said.
_TIED = ("setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"')


def jingting(*arguments: str | Path) -> tuple[str, ...]:
    """Return the command line that runs `jingting` with these arguments, installed or from its source."""
    return (sys.executable, "-m", "jingting", *map(str, arguments))


class Child:
    """A process with a log file for all it says, and a line to its stdin; started again under the same name."""

    def __init__(self, name: str, command: Sequence[str], *, log: Path) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id. Raises LookupError before the first start."""
        if self._process is None:
            raise LookupError(f"{self.name} was never started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The code it ended with, negative for a signal; None while it runs or before it was started."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it. Raises OSError when its program is not there."""
        tied = (*_TIED, str(os.getpid())) if shutil.which("setpriv") else ()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                (*tied, *self._command),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the demo alone: it stops the rest in order
                env=os.environ | {"PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"},
            )

    def say(self, line: str) -> None:
        """Write a line to its stdin. Raises BrokenPipeError when it has ended."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """Send SIGKILL; nothing happens when it has ended already."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended already."""
        if self._process is not None:
            self._process.send_signal(number)

    async def ended(self, timeout_s: float | None = None) -> None:
        """Wait until it has ended. Raises TimeoutError."""
        if self._process is None:
            return
        try:
            await asyncio.to_thread(self._process.wait, timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} runs on after {timeout_s} s") from None
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def stop(self) -> None:
        """Ask it to end (SIGTERM), and kill it when it has not after 5 s."""
        self.send(signal.SIGTERM)
        try:
            await self.ended(_STOP_S)
        except TimeoutError:
            self.kill()
            await self.ended()

    def last_words(self) -> str:
        """Return the end of its log, for a message."""
        return " ⏎ ".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]) or "nothing"
