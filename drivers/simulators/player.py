"""The process that plays a help panel on a pty: wires, timers, the commands on stdin and a hand that presses."""

import json
import os
import random
import select
import signal
import stat
from typing import Any

from drivers.firmware import frames
from drivers.simulators.panel import BUTTONS, NEVER_NS, HelpPanel, Latched
from drivers.simulators.panel_log import PanelLog, now_ns
from drivers.simulators.pty_line import PtyLine

_S = 1_000_000_000
_CHUNK = 4096
_MAX_NOISE = 100_000_000
_STDIN, _STDOUT = 0, 1


class Hand:
    """Presses at random moments, `every_s` seconds apart on average, for `seconds` (None: for ever)."""

    def __init__(self, rng: random.Random, every_s: float, seconds: float | None, now_ns: int) -> None:
        self._rng = rng
        self._every_s = every_s
        self._end_ns = NEVER_NS if seconds is None else now_ns + int(seconds * _S)
        self.next_ns = now_ns
        self._move()

    def press(self) -> int:
        """Return the button to press now, and choose the next moment."""
        self._move()
        return self._rng.randrange(BUTTONS)

    def _move(self) -> None:
        self.next_ns += int(self._rng.expovariate(1 / self._every_s) * _S)
        if self.next_ns >= self._end_ns:
            self.next_ns = NEVER_NS


class Player:
    """Plays one panel until it is told to quit. `seed` also makes the noise."""

    def __init__(
        self, line: PtyLine, log: PanelLog, *, seed: int, every_s: float | None, seconds: float | None
    ) -> None:
        now = now_ns()
        rng = random.Random(seed)  # noqa: S311 - a played hand and played noise, no secrets
        self._line = line
        self._log = log
        self._rng = rng
        self._hand = Hand(rng, every_s, seconds, now) if every_s else None
        self._panel = HelpPanel(epoch=log.epoch, last_number=log.last_number, latched=log.latched, now_ns=now)
        self._decoder = frames.Decoder()
        self._sequence = 0
        self._noise = 0
        self._sent: set[tuple[int, int]] = set()
        self._typed = b""
        self._stdin_open = True
        self._playing = True
        self._commands = {
            "press": self._press,
            "quit": self._quit,
            "noise": self._make_noise,
            "unplug": self._unplug,
            "replug": self._replug,
            "status": self._status,
        }

    def play(self) -> None:
        """Play until `quit`, SIGTERM, SIGINT, or the end of a pipe on stdin. Raises OSError when the log fails."""
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self._line.plug()
        self._answer({"event": "ready", "epoch": self._panel.epoch, "latched": len(self._log.latched)})
        while self._playing:
            for fd, _ in self._wait(wake):
                if fd == wake:
                    self._playing = False
                elif fd == _STDIN:
                    self._listen()
                elif fd == self._line.master:
                    self._hear(self._line.read())
            self._turn(now_ns())
        if self._line.master >= 0:
            self._line.unplug()

    def _wait(self, wake: int) -> list[tuple[int, int]]:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        if self._stdin_open:
            poll.register(_STDIN, select.POLLIN)
        if self._line.master >= 0:
            poll.register(self._line.master, select.POLLIN | (select.POLLOUT if self._noise else 0))
        due_ns = min(self._panel.next_due_ns, self._hand.next_ns if self._hand else NEVER_NS)
        return poll.poll(max(0, -(-(due_ns - now_ns()) // 1_000_000)))

    def _turn(self, now: int) -> None:
        was_here = self._panel.host_here
        for message in self._panel.due(now):
            self._send(message)
        if was_here and not self._panel.host_here:
            self._log.write("host_gone")
        if self._hand and now >= self._hand.next_ns:
            self._press(self._hand.press())
        if self._noise and self._line.master >= 0:
            self._noise -= self._line.send(self._rng.randbytes(min(self._noise, _CHUNK)))

    def _send(self, message: frames.Hello | frames.Press | frames.Status) -> None:
        if self._line.master < 0:
            return
        if isinstance(message, frames.Press) and (message.epoch, message.number) not in self._sent:
            self._sent.add((message.epoch, message.number))
            self._log.write("sent", Latched(message.epoch, message.number, message.button, 0))
        self._line.send(frames.encode(message, self._sequence))
        self._sequence = frames.following(self._sequence)

    def _hear(self, data: bytes) -> None:
        for payload in self._decoder.feed(data):
            message = frames.decode(payload)
            if isinstance(message, frames.PressAck):
                press = self._panel.acknowledged(message)
                if press is not None:
                    self._sent.discard((press.epoch, press.number))
                    self._log.write("acknowledged", press, sync=True)
            elif isinstance(message, frames.Outputs):
                was_here = self._panel.host_here
                changed = self._panel.wish(message, now_ns())
                if not was_here:
                    self._log.write("host_back")
                if changed:
                    self._log.write("outputs", **message._asdict())

    def _listen(self) -> None:
        typed = os.read(_STDIN, _CHUNK)
        if not typed:
            # A pipe that ends means that whoever started this is gone; /dev/null only means that nobody types.
            self._stdin_open = False
            self._playing = stat.S_ISCHR(os.fstat(_STDIN).st_mode)
            return
        *lines, self._typed = (self._typed + typed).split(b"\n")
        for line in lines:
            self._obey(line.decode(errors="replace").split())

    def _obey(self, words: list[str]) -> None:
        command = self._commands.get(words[0]) if words else None
        argument = words[1] if len(words) > 1 else "0"
        if command is None or not argument.isdecimal():
            self._answer({"error": f"unknown: {' '.join(words)!r}; there are: {', '.join(self._commands)}"})
        else:
            self._answer(command(int(argument)))

    def _answer(self, answer: dict[str, Any]) -> None:
        try:
            os.write(_STDOUT, json.dumps(answer).encode() + b"\n")
        except BrokenPipeError:
            self._playing = False

    def _press(self, button: int) -> dict[str, Any]:
        if button >= BUTTONS:
            return {"error": f"there is no button {button}: this panel has 0 to {BUTTONS - 1}"}
        now = now_ns()
        press = self._panel.press(button, now)
        if press is None:
            return {"error": "the latch is full: start the host, so that it acknowledges"}
        self._log.write("pressed", press, sync=True)
        self._send(self._panel.message(press, now))
        return {"event": "pressed", "epoch": press.epoch, "number": press.number, "button": button}

    def _quit(self, _: int) -> dict[str, Any]:
        self._playing = False
        return {"event": "quit"}

    def _make_noise(self, count: int) -> dict[str, Any]:
        self._noise = min(count, _MAX_NOISE)
        return {"event": "noise", "bytes": self._noise}

    def _unplug(self, _: int) -> dict[str, Any]:
        if self._line.master >= 0:
            # In the middle of a frame, as it happens.
            self._line.send(frames.encode(self._panel.status(), self._sequence)[:6])
            self._line.unplug()
        return {"event": "unplugged"}

    def _replug(self, _: int) -> dict[str, Any]:
        if self._line.master < 0:
            self._decoder.feed(b"\x00")
            self._line.plug()
        return {"event": "replugged"}

    def _status(self, _: int) -> dict[str, Any]:
        return self._panel.status()._asdict() | {
            "event": "status",
            "host": "here" if self._panel.host_here else "gone",
            "plugged": self._line.master >= 0,
            "frames_good": self._decoder.good,
            "frames_bad": self._decoder.bad,
        }
