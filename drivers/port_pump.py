"""A file descriptor for a port that has none: the event loop waits on a socket, and two threads carry bytes to and fro.

For `rfc2217://` and `loop://`; pyserial's ports of that kind can only be read by waiting in a call.
"""

import contextlib
import socket
import threading

import serial

_CHUNK = 4096

LOOK_S = 0.2
"""The read timeout, in seconds, that the port must have."""


class PortPump:
    """Carries bytes between an open port and `fileno()` until one of them ends; the port is closed by the pump alone.

    Holds no more than the socket does: bytes that nobody reads in time are dropped, as on a wire. Its threads are
    daemons and end within a fraction of a second after `close()`, or when the port has gone: then the socket ends too.
    """

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)  # noqa: FBT003 - its only argument
        self._threads = [
            threading.Thread(target=work, name="serial-pump", daemon=True) for work in (self._bring, self._take)
        ]
        for thread in self._threads:
            thread.start()

    def fileno(self) -> int:
        """Return what the loop may wait on, read from and write to."""
        return self._near.fileno()

    def close(self) -> None:
        """End both ways, wait for the threads, close the port."""
        self._near.close()
        for thread in self._threads:
            thread.join()
        self._far.close()
        self._port.close()

    def _bring(self) -> None:
        """Carry what the port says; a port that has gone ends the socket, which is how a device hangs up."""
        with contextlib.suppress(OSError):
            while True:
                data = self._port.read(max(1, min(self._port.in_waiting, _CHUNK)))
                if not data and self._near.fileno() < 0:
                    return
                with contextlib.suppress(BlockingIOError):
                    self._far.send(data, socket.MSG_DONTWAIT)
        self._hang_up()

    def _take(self) -> None:
        """Carry what the loop sends."""
        with contextlib.suppress(OSError):
            while data := self._far.recv(_CHUNK):
                self._port.write(data)
        self._hang_up()

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._far.shutdown(socket.SHUT_RDWR)
