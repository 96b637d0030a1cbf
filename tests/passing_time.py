"""A process whose time passes when nobody has anything to do: `python passing_time.py FILE PLACE WHAT ARGUMENTS…`.

WHAT is a module or a file, and PLACE a number of the process's own, from 0. All clocks that Python has, and every event
loop, follow the clock in FILE, which one driver puts forward (`Time`): to the next moment for which some loop waits, as
soon as all of them wait. What takes real time (a disk, a socket, a computation) takes next to none of this time, so
that days pass in minutes, and every timer, heartbeat and sweep still comes when it is due.
"""

import mmap
import runpy
import selectors
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_WORD: Final = struct.Struct("<q")
_PLACES: Final = 16
"""Loops of one process, one after the other or at a time."""
_ROOM: Final = 4096
_BEGAN_AT: Final = _ROOM - _WORD.size
"""Where the file says what the wall clock was when its time began (Unix ns)."""
_NONE, _BUSY, _FOR_EVER = 0, -1, 2**62
"""What stands at a place: no loop; one that has something to do; that waits for others alone; or until when (ns)."""
_LOOK_S: Final = 0.0005
_DAY_NS: Final = 24 * 3600 * 1_000_000_000
_CALM_NS: Final = 300_000
"""Real time for which nobody has had anything to do before time passes."""

real_ns: Final = time.monotonic_ns


class Time:
    """The clock in a file, for who puts it forward. It begins when it is made, and follows the real one at first."""

    def __init__(self, file: Path) -> None:
        file.write_bytes(bytes(_ROOM))
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), _ROOM)
        self._began_ns = time.time_ns()
        _WORD.pack_into(self._map, _BEGAN_AT, self._began_ns)
        self._until_ns = 0
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="passing-time", daemon=True)
        self._thread.start()

    @property
    def now_ns(self) -> int:
        """Nanoseconds that have passed."""
        return int(_WORD.unpack_from(self._map)[0])

    @property
    def wall_ms(self) -> int:
        """The wall clock of those who follow, in milliseconds since 1970."""
        return (self._began_ns + self.now_ns) // 1_000_000

    def hurry(self, seconds: float) -> None:
        """Let so much time pass as fast as it can; then it follows the real one again. Returns at once."""
        self._until_ns = self.now_ns + int(seconds * 1e9)

    @property
    def hurries(self) -> bool:
        """Whether it is on its way to where it was told to hurry."""
        return self.now_ns < self._until_ns

    def end(self) -> None:
        """Stop it where it stands."""
        self._ended = True
        self._thread.join()

    def _run(self) -> None:
        last, since = b"", real_ns()
        while not self._ended:
            time.sleep(_LOOK_S / 5)
            now = real_ns()
            if not self.hurries:
                self._forward(now - since)
                since = now
                continue
            waits = self._map[_WORD.size : _BEGAN_AT]
            places = [word for (word,) in _WORD.iter_unpack(waits) if word != _NONE]
            if waits != last or _BUSY in places:
                last, since = waits, now
            elif now - since >= _CALM_NS:
                # Timers within a second come together. Nobody counts finer, but pages, and those are looked at when
                # time is real.
                due = min(places, default=_FOR_EVER) - self.now_ns
                self._forward(min(max(due, 1_000_000_000), 2_000_000_000, self._until_ns - self.now_ns))
                last, since = b"", now

    def _forward(self, ns: int) -> None:
        _WORD.pack_into(self._map, 0, self.now_ns + ns)


class _Selector(selectors.EpollSelector):
    """A loop's selector: its timeouts are of the passing time, and it says until when it has nothing to do."""

    _passing: mmap.mmap
    _free: Iterator[int]
    _lock = threading.Lock()

    def __init__(self) -> None:
        super().__init__()
        with self._lock:
            self._place = next(self._free)

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        until = _FOR_EVER if timeout is None else passed_ns() + int(timeout * 1e9) + 1
        self._say(until)
        ready: list[Any] = []
        while not ready and passed_ns() < until:
            ready = super().select(_LOOK_S)
        self._say(_BUSY)
        return ready

    def close(self) -> None:
        self._say(_NONE)
        super().close()

    def _say(self, word: int) -> None:
        _WORD.pack_into(self._passing, self._place * _WORD.size, word)


def passed_ns() -> int:
    return int(_WORD.unpack_from(_Selector._passing)[0])


def follow(file: Path, place: int) -> None:
    """Let all of Python's clocks in this process follow that file, before anybody has taken hold of one."""
    with file.open("r+b") as opened:
        _Selector._passing = mmap.mmap(opened.fileno(), _ROOM)
    _Selector._free = iter(range(1 + place * _PLACES, 1 + (place + 1) * _PLACES))
    began_ns = int(_WORD.unpack_from(_Selector._passing, _BEGAN_AT)[0])
    time.time_ns = lambda: began_ns + passed_ns()
    time.monotonic_ns = lambda: _DAY_NS + passed_ns()  # this machine was started yesterday
    time.time, time.monotonic = (lambda: time.time_ns() / 1e9), (lambda: time.monotonic_ns() / 1e9)
    real_of = time.clock_gettime_ns
    time.clock_gettime_ns = lambda clock: time.monotonic_ns() if clock == time.CLOCK_BOOTTIME else real_of(clock)
    selectors.DefaultSelector = _Selector  # type: ignore[misc]


if __name__ == "__main__":
    follow(Path(sys.argv[1]), int(sys.argv[2]))
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from common.clock import Clock

    Clock.trusted = lambda _: True  # type: ignore[method-assign] # by a clock that may lie nothing is forgotten
    sys.argv = sys.argv[3:]
    if sys.argv[0].endswith(".py"):
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
