"""The clocks of this machine. The wall clock may lie: durations are taken from the monotonic one."""

import ctypes
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


class _Timex(ctypes.Structure):
    """`struct timex` as far as the status word (adjtimex(2)); the rest is room for the kernel to write in."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_byte * 512),
    )


class Clock:
    """Wall time, monotonic time, which boot this is, and whether the wall time can be trusted."""

    def __init__(self) -> None:
        self.boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # PyDLL keeps the interpreter's lock: the call takes less time than getting it back from the journal's thread.
        self._adjtimex = ctypes.PyDLL(None).adjtimex

    def wall_ms(self) -> int:
        """Return the wall clock in milliseconds since 1970-01-01T00:00:00Z."""
        return time.time_ns() // 1_000_000

    def mono_ns(self) -> int:
        """Return CLOCK_BOOTTIME in nanoseconds: it never jumps, and goes on in suspend (clock_gettime(2))."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def trusted(self) -> bool:
        """Tell whether the kernel says that something keeps the wall clock synchronised (adjtimex(2), STA_UNSYNC).

        A kernel that does not answer is not trusted.
        """
        timex = _Timex()  # modes 0: only ask
        state = self._adjtimex(ctypes.byref(timex))
        return state not in (-1, _TIME_ERROR) and not timex.status & _STA_UNSYNC


def rfc3339(wall_ms: int) -> str:
    """Write milliseconds since 1970 as RFC 3339 UTC with exactly three fraction digits and `Z`.

    Raises OverflowError outside the years 1 to 9999.
    """
    return (_EPOCH + timedelta(milliseconds=wall_ms)).isoformat(timespec="milliseconds")[:-6] + "Z"
