"""A serial line played on a pseudo-terminal, which a driver opens through a link."""

import os
import tty
from pathlib import Path

_CHUNK = 4096


class PtyLine:
    """The device's end of a line; the driver opens `link`, which is there only while the line is plugged in.

    The driver's end is kept open here too, so that drivers may come and go. The link leads through /proc to this very
    process's descriptor and not to /dev/pts/N: after a kill -9 it leads nowhere, where /dev/pts/N would soon be
    another simulator's line, or somebody's terminal.
    """

    def __init__(self, link: Path) -> None:
        self._link = link
        self.master = -1
        self._slave = -1

    def plug(self) -> None:
        """Make a new line in raw mode and let the link lead to it. Raises OSError."""
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        beside = self._link.with_name(f"{self._link.name}.{os.getpid()}")
        beside.unlink(missing_ok=True)
        beside.symlink_to(f"/proc/{os.getpid()}/fd/{self._slave}")
        beside.replace(self._link)

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
