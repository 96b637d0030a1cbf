"""What was done to a played panel and what came of it on its line: an append-only file of JSON lines."""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any, TypeAlias

_WAIT_S = 1.0
_LOOK_S = 0.005

Key: TypeAlias = tuple[int, int]
"""Epoch, number."""


class PanelLogError(Exception):
    """The log is in use; the words say what to do."""


class PanelLog:
    """The log at `path`, appended to; `seen` are the presses that it tells of.

    Raises PanelLogError when another simulator uses the log. `fd` is the lock as well: whoever inherits it holds it,
    so that a firmware that outlives its killed parent by a moment never has company. A torn last line is cut off.
    """

    def __init__(self, path: Path) -> None:
        self.seen: dict[Key, dict[str, Any]] = {}
        self.fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        deadline = time.monotonic() + _WAIT_S
        while not _locked(self.fd):
            if time.monotonic() > deadline:
                raise PanelLogError(f"{path}: another simulator plays with this log; stop it or take another")
            time.sleep(_LOOK_S)
        whole = path.read_bytes()
        whole = whole[: whole.rfind(b"\n") + 1]
        os.ftruncate(self.fd, len(whole))
        for count, line in enumerate(whole.splitlines(), start=1):
            try:
                self._remember(json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise PanelLogError(f"{path}, line {count}: not a panel's log; move the file away") from None

    def write(self, event: str, *, at: int | None = None, **more: Any) -> None:
        """Append one event, which was at `at` (Unix ns) or is now. Raises OSError."""
        entry: dict[str, Any] = {"at": time.time_ns() if at is None else at, "mono_ns": now_ns(), "event": event} | more
        os.write(self.fd, json.dumps(entry).encode() + b"\n")
        self._remember(entry)

    def acknowledge(self, epoch: int, number: int) -> None:
        """Append that a press was acknowledged, the first time that one that was seen is. Raises OSError."""
        pressed = self.seen.get((epoch, number))
        if pressed:
            event = "acknowledged" if pressed["event"] == "pressed" else "test_acknowledged"
            self.write(event, epoch=epoch, number=number, button=pressed["button"])

    def _remember(self, entry: dict[str, Any]) -> None:
        if entry["event"] in ("pressed", "test_pressed"):
            self.seen[entry["epoch"], entry["number"]] = entry
        elif entry["event"] in ("acknowledged", "test_acknowledged"):
            self.seen[entry["epoch"], entry["number"]] = {}


def now_ns() -> int:
    """Return the clock that the log's `mono_ns` shows: nanoseconds since boot, sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
