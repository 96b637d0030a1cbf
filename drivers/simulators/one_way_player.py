"""The process that plays a device which only speaks, on a pty: a swipe reader for passports, or a code scanner.

No answer tells more of what was said than how many bytes it was.
"""

import os
import random
import select
import signal
from collections.abc import Callable
from typing import Any

from drivers.simulators.console import Console
from drivers.simulators.pty_line import PtyLine

_CHUNK = 4096
_MAX_NOISE = 1_000_000
_ENDS = len("\r\n\x03")


class Misuse(Exception):
    """A command that cannot be obeyed; the words say why."""


class OneWayPlayer:
    """Plays one device until it is told to quit.

    `verb` is what one does with it, as `swipe`; `bytes_of(words)` what it then says, and raises Misuse for words that
    mean nothing; `about` goes into the first answer. `seed` makes noise and damage.
    """

    def __init__(
        self, line: PtyLine, verb: str, bytes_of: Callable[[list[str]], bytes], *, about: dict[str, Any], seed: int
    ) -> None:
        self._line = line
        self._verb = verb
        self._bytes_of = bytes_of
        self._about = about
        self._rng = random.Random(seed)  # noqa: S311 - played noise, no secrets
        self._console = Console()
        self._noise = 0
        self._said = 0
        self._playing = True
        self._commands: dict[str, Callable[[list[str]], dict[str, Any]]] = {
            verb: lambda words: self._say(verb, self._bytes_of(words)),
            "partial": lambda words: self._say("partial", self._partial(self._bytes_of(words))),
            "garble": lambda words: self._say("garble", self._garbled(self._bytes_of(words))),
            "noise": self._make_noise,
            "unplug": self._unplug,
            "replug": self._replug,
            "status": self._status,
            "quit": self._quit,
        }

    def play(self) -> None:
        """Play until `quit`, SIGTERM, SIGINT, or the end of a pipe on stdin. Raises OSError."""
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self._line.plug()
        self._console.answer({"event": "ready"} | self._about)
        while self._playing and not self._console.over:
            for fd in self._wait(wake):
                if fd == wake:
                    self._playing = False
                elif fd == Console.fd:
                    for words in self._console.commands():
                        self._obey(words)
                elif fd == self._line.master:
                    self._line.read()  # nobody asks such a device anything
            if self._noise and self._line.master >= 0:
                self._noise -= self._line.send(self._rng.randbytes(min(self._noise, _CHUNK)))
        if self._line.master >= 0:
            self._line.unplug()

    def _wait(self, wake: int) -> list[int]:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        if self._console.open:
            poll.register(Console.fd, select.POLLIN)
        if self._line.master >= 0:
            poll.register(self._line.master, select.POLLIN | (select.POLLOUT if self._noise else 0))
        return [fd for fd, _ in poll.poll()]

    def _obey(self, words: list[str]) -> None:
        command = self._commands.get(words[0] if words else "", self._not_understood)
        try:
            self._console.answer(command(words[1:]))
        except Misuse as error:
            self._console.answer({"error": str(error)})

    def _not_understood(self, _: list[str]) -> dict[str, Any]:
        raise Misuse(f"there are: {', '.join(self._commands)}")

    def _say(self, event: str, said: bytes) -> dict[str, Any]:
        if self._line.master < 0:
            raise Misuse("it is unplugged: replug it first")
        self._said += 1
        return {"event": event, "bytes": self._line.send(said)}

    def _partial(self, whole: bytes) -> bytes:
        """Return what is said of it when it stops in the middle, and not just before what ends it."""
        return whole[: self._rng.randrange(1, max(2, len(whole) - _ENDS))]

    def _garbled(self, whole: bytes) -> bytes:
        """Drop a byte and bring in another, somewhere."""
        drop, insert = self._rng.randrange(len(whole)), self._rng.randrange(len(whole))
        kept = whole[:drop] + whole[drop + 1 :]
        return kept[:insert] + self._rng.randbytes(1) + kept[insert:]

    def _make_noise(self, words: list[str]) -> dict[str, Any]:
        if words and not words[0].isdecimal():
            raise Misuse(f"{words[0]!r} is no number")
        self._noise = min(int(words[0]) if words else 100, _MAX_NOISE)
        return {"event": "noise", "bytes": self._noise}

    def _unplug(self, words: list[str]) -> dict[str, Any]:
        """Tear the cable out now, or in the middle of what the words mean."""
        said = self._partial(self._bytes_of(words)) if words else b""
        if self._line.master >= 0:
            self._line.send(said)
            self._line.unplug()
        return {"event": "unplugged", "bytes": len(said)}

    def _replug(self, _: list[str]) -> dict[str, Any]:
        if self._line.master < 0:
            self._line.plug()
        return {"event": "replugged"}

    def _status(self, _: list[str]) -> dict[str, Any]:
        return {"event": "status", "plugged": self._line.master >= 0, self._verb: self._said}

    def _quit(self, _: list[str]) -> dict[str, Any]:
        self._playing = False
        return {"event": "quit"}
