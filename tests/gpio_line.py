"""A GPIO line faked at libgpiod's own types, for machines without one."""

import contextlib
import errno
import os
import time

import gpiod
from gpiod.line import Value


class FakeLine:
    """What `gpiod.request_lines` returns: edges wait in it as in the kernel, and its descriptor is readable then."""

    def __init__(self, *, pressed=False) -> None:
        self.pressed = pressed
        self.fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.waiting = []
        self.seqno = 0
        self.gone = self.released = False

    def turn(self, *pressed, told=True) -> None:
        for now in pressed:
            self.pressed = now
            self.seqno += 1
            if told:
                kind = gpiod.EdgeEvent.Type.RISING_EDGE if now else gpiod.EdgeEvent.Type.FALLING_EDGE
                event = gpiod.EdgeEvent(kind.value, time.monotonic_ns(), 17, self.seqno, self.seqno)
                self.waiting.append(event)
        if told:
            os.eventfd_write(self.fd, 1)

    def vanish(self) -> None:
        self.gone = True
        os.eventfd_write(self.fd, 1)

    def read_edge_events(self):
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.fd)
        self._check()
        waiting, self.waiting = self.waiting, []
        return waiting

    def get_value(self, line):
        assert line == 17
        self._check()
        return Value.ACTIVE if self.pressed else Value.INACTIVE

    def release(self) -> None:
        assert not self.released
        self.released = True
        os.close(self.fd)

    def _check(self) -> None:
        if self.gone:
            raise OSError(errno.ENODEV, "No such device")
