"""A tap on the line between a panel's firmware and its host: carries the bytes, and writes down what they say."""

import random
import time
from typing import Any

from drivers.firmware import frames
from drivers.simulators.panel_log import PanelLog, now_ns
from drivers.simulators.pty_line import PtyLine

_MS = 1_000_000
_CHUNK = 4096


class Tap:
    """The line, tapped. `hello` and `status` are the firmware's last ones, `wished` is the host's.

    `touched` is when each button was touched last, in Unix ns, until its PRESS has come; `stirred_ns` when the firmware
    was last given something that its next STATUS may tell of. `noise` bytes are still to be sent to the host, `garble`
    is the part of all bytes, of both directions, that arrives changed.
    """

    def __init__(self, line: PtyLine, log: PanelLog, rng: random.Random) -> None:
        self.line = line
        self.hello: frames.Hello | None = None
        self.status: frames.Status | None = None
        self.wished: frames.Outputs | None = None
        self.touched: dict[int, int] = {}
        self.stirred_ns = 0
        self.noise = 0
        self.garble = 0.0
        self._log = log
        self._rng = rng
        self._to_host = frames.Decoder()
        self._to_panel = frames.Decoder()
        self._sent: set[tuple[int, int]] = set()
        self._last = b""

    @property
    def plugged(self) -> bool:
        """Whether the cable is in."""
        return self.line.master >= 0

    @property
    def frames_good(self) -> int:
        """How many whole frames the host has sent."""
        return self._to_panel.good

    @property
    def frames_bad(self) -> int:
        """How many runs of the host's bytes were none."""
        return self._to_panel.bad

    def from_panel(self, data: bytes) -> list[dict[str, Any]]:
        """Carry the firmware's bytes to the host; return the presses of people that nobody had seen before.

        They are written down before the host can have them: the log knows of every press that anybody knows of.
        """
        presses = []
        for payload in self._to_host.feed(data):
            message = frames.decode(payload)
            if isinstance(message, frames.Press):
                presses += self._note_press(message)
            elif isinstance(message, frames.Hello):
                if self.hello is None:
                    self._log.write("started", firmware=message.firmware, epoch=message.epoch)
                self.hello = message
            elif isinstance(message, frames.Status):
                self._note_status(message)
            elif isinstance(message, frames.TestResult):
                self._log.write("tested", number=message.number, failed=message.failed)
        self._last = data or self._last
        if data and self.plugged:
            self.line.send(self._garbled(data))
        return presses

    def from_host(self) -> bytes:
        """Return what the host has sent, as it arrives at the firmware."""
        data = self._garbled(self.line.read())
        for payload in self._to_panel.feed(data):
            message = frames.decode(payload)
            if isinstance(message, frames.PressAck):
                self.stirred_ns = now_ns()
                self._log.acknowledge(message.epoch, message.number)
            elif isinstance(message, frames.Outputs) and message != self.wished:
                self.stirred_ns = now_ns()
                self.wished = message
                self._log.write("outputs", **message._asdict())
        return data

    def make_noise(self) -> None:
        """Send as much of the noise as the line takes."""
        if self.noise and self.plugged:
            self.noise -= self.line.send(self._rng.randbytes(min(self.noise, _CHUNK)))

    def forget(self) -> None:
        """Expect firmware that has been started anew."""
        self.hello = None
        self._to_host.feed(b"\x00")

    def unplug(self) -> None:
        """Pull the cable in the middle of a frame, as it happens."""
        if self.plugged:
            self.line.send(self._last[:6])
            self.line.unplug()

    def _note_press(self, press: frames.Press) -> list[dict[str, Any]]:
        key = (press.epoch, press.number)
        what = {"epoch": press.epoch, "number": press.number, "button": press.button}
        new = key not in self._log.seen
        if new and press.test:
            self._log.write("test_pressed", **what)
        elif new:
            at = self.touched.pop(press.button, time.time_ns() - press.age_ms * _MS)
            self._log.write("pressed", at=at, **what)
        if key not in self._sent and self.plugged and not press.test:
            self._sent.add(key)
            self._log.write("sent", **what)
        return [what] if new and not press.test else []

    def _note_status(self, status: frames.Status) -> None:
        was, self.status = self.status, status
        gone = status.lamp == "host_gone"
        if was is not None and gone != (was.lamp == "host_gone"):
            self._log.write("host_gone" if gone else "host_back")

    def _garbled(self, data: bytes) -> bytes:
        if not self.garble:
            return data
        return bytes(byte ^ (self._rng.random() < self.garble and self._rng.randrange(1, 256)) for byte in data)
