"""One serial line on the asyncio loop: opened and closed beside the loop, read and written in it without waiting.

`port_url` is a device path, `usb:VID:PID` (`drivers.usb_port`), or any URL of pyserial's `serial_for_url`:
`socket://host:port`, whose server sets the speed of the line, or `rfc2217://host:port` (RFC 2217), where we do; a port
without a file descriptor gets one (`port_pump`).
"""

import asyncio
import contextlib
import errno
import io
import os
import termios
from collections.abc import Callable

import serial

from drivers import usb_port
from drivers.beside import beside
from drivers.port_pump import LOOK_S, PortPump

_CHUNK = 4096
# A flood is read at 4096 bytes in 20 ms, 17 times what 115200 baud can carry: the loop belongs to others too.
_WINDOW_S = 0.02
_WITHOUT_SPEED = ("socket:", "loop:")

# What opening, configuring or closing a port may raise; termios.error is no OSError.
PORT_ERRORS = (OSError, termios.error)


def why(error: BaseException) -> str:
    """Return a word for what keeps a port from opening: not_found, ambiguous, busy, no_permission or cannot_open."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR):
        return "not_found"
    if number == errno.ENOTUNIQ:
        return "ambiguous"
    if number in (errno.EAGAIN, errno.EBUSY):
        return "busy"
    if number in (errno.EACCES, errno.EPERM):
        return "no_permission"
    return "cannot_open"


class SerialLine:
    """A line that is opened, used until it is lost, closed, and opened again. Not for two users at a time.

    `on_bytes` gets what was read, at most 4096 bytes at a time; `on_room` is called when a write that had to wait has
    left. 8N1 at `baud`, which may be another when it is opened next. Raises ValueError when `port_url` is of no kind
    that pyserial knows.
    """

    def __init__(
        self, port_url: str, *, on_bytes: Callable[[bytes], None], on_room: Callable[[], None], baud: int = 115200
    ) -> None:
        usb_port.check(port_url)
        self.baud = baud
        self._port_url = port_url
        if not port_url.startswith(usb_port.PREFIX):
            self._closed_port(port_url)  # so that an unknown kind is told now
        self._port: serial.Serial | PortPump | None = None
        self._on_bytes = on_bytes
        self._on_room = on_room
        self._fd = -1
        self._unsent = b""
        self._window_at = 0.0
        self._in_window = 0
        self._pause: asyncio.TimerHandle | None = None
        self.lost: asyncio.Future[None]

    @property
    def has_speed(self) -> bool:
        """Whether `baud` reaches the line."""
        return not self._port_url.startswith(_WITHOUT_SPEED)

    async def open(self) -> None:
        """Open the port, drop what waited in it, and begin to read. Raises one of PORT_ERRORS."""
        opened: list[serial.Serial] = []

        def work() -> None:
            port = self._closed_port(usb_port.find(self._port_url))
            _open(port)
            opened.append(port)

        await beside(work, lambda: _close(opened[0]))
        port = opened[0]
        try:
            self._fd = port.fileno()
            self._port = port
        except io.UnsupportedOperation:
            self._port = PortPump(port)
            self._fd = self._port.fileno()
        self._unsent = b""
        loop = asyncio.get_running_loop()
        self.lost = loop.create_future()
        loop.add_reader(self._fd, self._read)

    async def close(self) -> None:
        """Stop reading and close the port; what had to wait is thrown away."""
        self._detach()
        port, self._port = self._port, None
        if port is not None:
            await beside(lambda: _close(port), lambda: None)

    def send(self, frame: bytes) -> bool:
        """Write a frame without waiting; False when an earlier one still waits or the line is lost: nothing is taken.

        At most the rest of one frame is ever kept.
        """
        if self._fd < 0 or self._unsent:
            return False
        self._unsent = frame
        self._write()
        if self._unsent:
            asyncio.get_running_loop().add_writer(self._fd, self._drain)
        return True

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._detach()
            return
        loop = asyncio.get_running_loop()
        if loop.time() - self._window_at >= _WINDOW_S:
            self._window_at, self._in_window = loop.time(), 0
        self._in_window += len(data)
        if self._in_window >= _CHUNK:
            loop.remove_reader(self._fd)
            self._pause = loop.call_at(self._window_at + _WINDOW_S, self._resume)
        self._on_bytes(data)

    def _resume(self) -> None:
        self._pause = None
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    def _write(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._fd, self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self._detach()

    def _drain(self) -> None:
        self._write()
        if self._fd >= 0 and not self._unsent:
            asyncio.get_running_loop().remove_writer(self._fd)
            self._on_room()

    def _detach(self) -> None:
        """Let the loop forget the line before its descriptor closes, and tell whoever waits that it is lost."""
        if self._fd < 0:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._fd)
        loop.remove_writer(self._fd)
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self._fd = -1
        self._unsent = b""
        if not self.lost.done():
            self.lost.set_result(None)

    def _closed_port(self, port_url: str) -> serial.Serial:
        # 8N1; pyserial's own reading, and its timeout, is for the pump alone. The lock keeps a second program away.
        return serial.serial_for_url(port_url, baudrate=self.baud, timeout=LOOK_S, exclusive=True, do_not_open=True)


def _open(port: serial.Serial) -> None:
    try:
        port.open()
    except ValueError as refusal:  # an RFC 2217 server that will not do what it is asked
        raise serial.SerialException(str(refusal)) from refusal


def _close(port: serial.Serial | PortPump) -> None:
    # A driver may wait for unsent bytes to drain before it closes; nobody is going to read them.
    if not isinstance(port, PortPump):
        with contextlib.suppress(*PORT_ERRORS, ValueError):
            port.reset_output_buffer()
    with contextlib.suppress(*PORT_ERRORS):
        port.close()
