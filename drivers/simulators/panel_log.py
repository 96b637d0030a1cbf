"""The simulated panel's own truth: an append-only file of JSON lines, from which it goes on after a kill."""

import contextlib
import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from drivers.simulators.panel import Latched


class PanelLogError(Exception):
    """The log is in use or damaged; the words say what to do."""


class PanelLog:
    """The log at `path`: what it says of an earlier life, and appending to it.

    `epoch` is that of the earlier life, or a new one drawn by chance; `last_number` its last press; `latched` its
    unacknowledged presses. Raises PanelLogError when another simulator uses the log or a line inside is damaged. A
    torn last line is cut off: what it says was never synced, so no frame of it has left.
    """

    def __init__(self, path: Path) -> None:
        # By chance and not from a seed: with the log gone, numbers begin again, and must not look like the old ones.
        self.epoch = int.from_bytes(os.urandom(4))
        self.last_number = 0
        self._latched: dict[tuple[int, int], Latched] = {}
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PanelLogError(f"{path}: another simulator plays with this log; stop it or take another") from None
        whole = path.read_bytes()
        whole = whole[: whole.rfind(b"\n") + 1]
        os.ftruncate(self._fd, len(whole))
        for count, line in enumerate(whole.splitlines(), start=1):
            try:
                self._remember(json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise PanelLogError(f"{path}, line {count}: not a panel's log; move the file away") from None

    @property
    def latched(self) -> tuple[Latched, ...]:
        """The presses that no host has acknowledged yet, oldest first."""
        return tuple(self._latched.values())

    def write(self, event: str, press: Latched | None = None, *, sync: bool = False, **more: Any) -> None:
        """Append one event; with `sync` it is on the disk when this returns. Raises OSError."""
        entry: dict[str, Any] = {"at": time.time_ns(), "mono_ns": now_ns(), "event": event}
        if press is not None:
            entry |= {"epoch": press.epoch, "number": press.number, "button": press.button}
        os.write(self._fd, json.dumps(entry | more).encode() + b"\n")
        if sync:
            os.fdatasync(self._fd)

    def _remember(self, entry: dict[str, Any]) -> None:
        if entry["event"] == "pressed":
            press = Latched(entry["epoch"], entry["number"], entry["button"], entry["mono_ns"])
            self.epoch, self.last_number = press.epoch, press.number
            self._latched[press.epoch, press.number] = press
        elif entry["event"] == "acknowledged":
            with contextlib.suppress(KeyError):
                del self._latched[entry["epoch"], entry["number"]]


def now_ns() -> int:
    """Return the clock that the log's `mono_ns` shows: nanoseconds since boot, sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
