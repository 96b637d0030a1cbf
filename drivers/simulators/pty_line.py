"""A serial line played on a pseudo-terminal, which a driver opens through a link."""

import fcntl
import os
import resource
import secrets
import termios
import tty
from pathlib import Path

_BAUD = termios.B115200
_BAUDS = {getattr(termios, f"B{baud}"): baud for baud in (9600, 19200, 38400, 57600, 115200)}
_OUTPUT_SPEED = 5  # in what tcgetattr returns
_CHUNK = 4096
_MAX_FD = 1024


def open_line() -> tuple[int, int, str]:
    """Open a line in raw mode; return the device's end, the driver's end, and a path that leads a driver to the latter.

    The path is /proc/<this process>/fd/<driver's end>, for as long as that is open. It is not /dev/pts/N: the kernel
    gives that number to the next line at once, and a driver that looks for its own would take a stranger's presses and
    acknowledge them. The descriptor's number is drawn by chance, since process ids come again too. Raises OSError.
    """
    device, end = os.openpty()
    try:
        tty.setraw(end)
        most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], _MAX_FD)
        driver = fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, most // 2 + secrets.randbelow(most // 4))
    except OSError:
        os.close(device)
        raise
    finally:
        os.close(end)
    os.set_blocking(device, False)
    return device, driver, f"/proc/{os.getpid()}/fd/{driver}"


def baud_of(end: int) -> int:
    """Return the speed that was set at a line's end, 0 for one that no reader here has: a pty keeps and ignores it."""
    return _BAUDS.get(termios.tcgetattr(end)[_OUTPUT_SPEED], 0)


class PtyLine:
    """The device's end of a line; the driver opens `link`, which is there only while the line is plugged in.

    The driver's end is kept open here too, so that drivers may come and go. After a kill -9 the link leads nowhere.
    """

    def __init__(self, link: Path) -> None:
        self._link = link
        self.master = -1
        self._slave = -1

    def plug(self) -> None:
        """Make a new line in raw mode, at 115200 baud, and let the link lead to it. Raises OSError."""
        self.master, self._slave, port = open_line()
        settings = termios.tcgetattr(self._slave)
        settings[4:6] = [_BAUD, _BAUD]
        termios.tcsetattr(self._slave, termios.TCSANOW, settings)
        beside = self._link.with_name(f"{self._link.name}.{os.getpid()}")
        beside.unlink(missing_ok=True)
        beside.symlink_to(port)
        beside.replace(self._link)

    @property
    def baud(self) -> int:
        """The speed the driver has set."""
        return baud_of(self._slave)

    def unplug(self) -> None:
        """Take the line away: whoever has it open finds it hung up."""
        self._link.unlink(missing_ok=True)
        os.close(self.master)
        os.close(self._slave)
        self.master = self._slave = -1

    def read(self) -> bytes:
        """Return what has come, at most 4096 bytes; empty when there is nothing."""
        try:
            return os.read(self.master, _CHUNK)
        except BlockingIOError:
            return b""

    def send(self, data: bytes) -> int:
        """Send as much as the line takes and return how many bytes that were; the rest is lost, as on a wire."""
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0
