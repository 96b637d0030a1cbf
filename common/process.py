"""The manners of a daemon: stopping when asked, telling systemd how it stands, and logging one line at a time."""

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence

_log = logging.getLogger(__name__)

_M_ARENA_MAX = -8
_PR_SET_DUMPABLE = 4
_PRIORITIES = {"CRITICAL": 2, "ERROR": 3, "WARNING": 4, "INFO": 6, "DEBUG": 7}


def leave_no_trace() -> None:
    """Keep this process's memory to itself: no core dump, and nobody but root may trace it or read its /proc.

    getrlimit(2), RLIMIT_CORE; prctl(2), PR_SET_DUMPABLE. What the service manager has forbidden already stays so.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # Linux alone has it
    if prctl is not None:
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def stop_requested() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; to be called once, in the running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    return stop


def started() -> None:
    """Throw away what the start left behind, and keep the rest out of the collector's rounds from here on.

    It would stay in memory for weeks; and what stays anyway (code, settings) is not worth 25 ms of every full round, in
    which a call for help would have to wait.
    """
    gc.collect()
    gc.freeze()


def notify(state: str) -> bool:
    """Tell the service manager a state such as `READY=1` or `STOPPING=1`; False when nobody listens.

    The protocol is sd_notify(3): one datagram to the socket in NOTIFY_SOCKET, whose name may be abstract.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as datagram:
        try:
            datagram.sendto(state.encode(), address)
        except OSError as error:
            # A manager that does not listen must not stop the daemon it manages.
            _log.debug("the service manager does not take %s: %s", state, error)
            return False
    return True


async def watchdog(checks: Mapping[str, Callable[[], bool]]) -> None:
    """Send `WATCHDOG=1` every half of WATCHDOG_USEC for as long as every check passes; never returns.

    Without a watchdog set for this process (sd_watchdog_enabled(3)) it only waits. That it runs at all shows that
    the loop turns; the checks tell the rest, by name.
    """
    period = _watchdog_seconds() / 2
    if not period:
        await asyncio.Event().wait()
    failing: list[str] = []
    while True:
        failed = [name for name, passes in checks.items() if not passes()]
        if failed and not failing:
            _log.error("watchdog withheld, systemd will restart this process: %s failed", ", ".join(failed))
        if failing and not failed:
            _log.info("watchdog goes on: %s well again", ", ".join(failing))
        if not failed:
            notify("WATCHDOG=1")
        failing = failed
        await asyncio.sleep(period)


def set_up_logging(*, quiet: Sequence[str] = ()) -> None:
    """Log to stderr, a line for each record; journald gets priorities (sd-daemon(3)) and adds the time itself.

    `quiet`: libraries of which only warnings are of interest.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine(journald="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in quiet:
        logging.getLogger(name).setLevel(logging.WARNING)


class _OneLine(logging.Formatter):
    """A record is one line whatever text is in it: nobody can write a second record through a value."""

    def __init__(self, *, journald: bool) -> None:
        line = "%(levelname)s %(name)s: %(message)s"
        super().__init__(line if journald else "%(asctime)s " + line)
        self._journald = journald

    def format(self, record: logging.LogRecord) -> str:
        line = " ⏎ ".join(super().format(record).splitlines())
        return f"<{_PRIORITIES.get(record.levelname, 6)}>{line}" if self._journald else line


def _watchdog_seconds() -> float:
    """Return the watchdog's time limit in seconds, 0 when none is set for this process."""
    usec, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not usec.isdecimal() or (pid and pid != str(os.getpid())):
        return 0
    return int(usec) / 1_000_000


def share_one_heap() -> None:
    """Let all threads of this process take memory from one heap (mallopt(3), M_ARENA_MAX); call it before any starts.

    A heap for each thread would only hold what a kiosk could use: our threads wait, they do not compute.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def trim_memory() -> None:
    """Give memory that was freed back to the system; glibc keeps it otherwise (malloc_trim(3)). About a millisecond."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # another C library than glibc has none
    if trim is not None:
        trim(0)
