"""The process that plays a help panel on a pty: real firmware, its pins and its line, and the commands on stdin.

Nothing here latches, numbers or repeats a press: what the log says of presses was read off the firmware's line.
"""

import json
import os
import random
import select
import signal
import stat
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from drivers.firmware import frames
from drivers.simulators.board import BUTTONS, CASE, CASE_OPEN, CASE_SHUT, LOOP, OUTPUTS, Board
from drivers.simulators.hand import NEVER_NS, Fingers, Hand
from drivers.simulators.panel_log import PanelLog, now_ns
from drivers.simulators.pty_line import PtyLine

_MS = 1_000_000
_CHUNK = 4096
_MAX_NOISE = 100_000_000
_MAX_MS = 600_000
_STDIN, _STDOUT = 0, 1
_ANSWER_MS = 5000
# After so long, what the firmware was given has come out of it again, as a STATUS.
_SETTLE_MS = 80

_Command: TypeAlias = Callable[..., dict[str, Any] | None]


class FirmwareError(Exception):
    """The firmware does not come up."""


class Player:
    """Plays one panel until it is told to quit. `seed` also makes the noise and the bounces."""

    def __init__(
        self, line: PtyLine, log: PanelLog, board: Board, *, seed: int, every_s: float | None, seconds: float | None
    ) -> None:
        rng = random.Random(seed)  # noqa: S311 - a played hand and played noise, no secrets
        self._line = line
        self._log = log
        self._board = board
        self._rng = rng
        self._fingers = Fingers(rng, self._set, self._touch)
        self._hand = Hand(rng, every_s, seconds, now_ns()) if every_s else None
        self._to_host = frames.Decoder()
        self._to_panel = frames.Decoder()
        self._hello: frames.Hello | None = None
        self._status: frames.Status | None = None
        self._wished = frames.Outputs("off", 0, relay=False)
        self._touched: dict[int, int] = {}
        self._sent: set[tuple[int, int]] = set()
        self._outputs = dict.fromkeys(OUTPUTS, False)
        self._changes = dict.fromkeys(OUTPUTS, 0)
        self._stirred_ns = 0
        self._status_due_ns: int | None = None
        self._asked: int | None = None
        self._ask_until_ns = 0
        self._noise = 0
        self._garble = 0.0
        self._last = b""
        self._typed = b""
        self._lines: list[bytes] = []
        self._stdin_open = True
        self._is_ready = False
        self._playing = True
        self._commands: dict[str, _Command] = {
            "press": self._press,
            "bounce": self._bounce,
            "hold": self._hold,
            "release": self._release,
            "loop": self._loop,
            "tamper": self._tamper,
            "selftest": self._selftest,
            "fail": self._fail,
            "reset": self._reset,
            "hang": self._hang,
            "noise": self._make_noise,
            "garble": self._make_garble,
            "unplug": self._unplug,
            "replug": self._replug,
            "status": self._ask_status,
            "quit": self._quit,
        }

    def play(self) -> None:
        """Play until `quit`, SIGTERM, SIGINT, or the end of a pipe on stdin.

        Raises OSError when the log fails, FirmwareError when the firmware does not come up.
        """
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self._line.plug()
        self._board.start()
        try:
            while self._playing:
                for fd, _ in self._wait(wake):
                    if fd == wake:
                        self._playing = False
                    elif fd == _STDIN:
                        self._listen()
                    elif fd == self._line.master:
                        self._hear_host(self._line.read())
                self._attend(now_ns())
                self._obey_next()
        finally:
            self._board.stop()
            if self._line.master >= 0:
                self._line.unplug()

    def _wait(self, wake: int) -> list[tuple[int, int]]:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        poll.register(self._board.line, select.POLLIN)
        poll.register(self._board.pins, select.POLLIN)
        if self._stdin_open and self._is_ready and not self._busy:
            poll.register(_STDIN, select.POLLIN)
        if self._line.master >= 0:
            poll.register(self._line.master, select.POLLIN | (select.POLLOUT if self._noise else 0))
        due_ns = min(self._fingers.next_ns, self._hand.next_ns if self._hand else NEVER_NS)
        if self._asked is not None:
            due_ns = min(due_ns, self._ask_until_ns)
        if self._status_due_ns is not None:
            due_ns = min(due_ns, self._status_due_ns)
        watch_ns = now_ns() + int(max(0.0, self._board.watchdog_left_s) * 1000) * _MS
        return poll.poll(max(0, -(-(min(due_ns, watch_ns) - now_ns()) // _MS)))

    def _attend(self, now: int) -> None:
        """Carry on what the firmware has done, and do what is due."""
        changes = self._board.sense()
        self._hear_panel(self._board.read())
        if changes is None or self._board.watchdog_left_s <= 0:
            self._power_up("power" if changes is None else "watchdog")
        for output, on in changes or ():
            self._outputs[output] = on
            self._changes[output] += 1
        self._fingers.turn(now)
        if self._hand and now >= self._hand.next_ns:
            button = self._hand.choose(self._fingers.free(now))
            if button is not None:
                self._fingers.press(button, now)
        if self._status_due_ns is not None and now >= self._status_due_ns:
            self._status_due_ns = None
            self._answer(self._told_status())
        if self._asked is not None and now >= self._ask_until_ns:
            self._refuse(f"no press after {_ANSWER_MS / 1000:g} s: the firmware made none of it")
        if self._noise and self._line.master >= 0:
            self._noise -= self._line.send(self._rng.randbytes(min(self._noise, _CHUNK)))

    def _power_up(self, cause: str) -> None:
        if self._hello is None:
            raise FirmwareError("the firmware ended, or hung, before it said hello; what it said stands above")
        self._board.stop()
        self._log.write("restarted", cause=cause)
        self._hello = None
        self._to_host.feed(b"\x00")
        self._board.start(cause)

    def _hear_panel(self, data: bytes) -> None:
        if not data:
            return
        for payload in self._to_host.feed(data):
            message = frames.decode(payload)
            if isinstance(message, frames.Press):
                self._note_press(message)
            elif isinstance(message, frames.Hello):
                if self._hello is None:
                    self._log.write("started", firmware=message.firmware, epoch=message.epoch)
                self._hello = message
            elif isinstance(message, frames.TestResult):
                self._log.write("tested", number=message.number, failed=message.failed)
            elif isinstance(message, frames.Status):
                self._note_status(message)
        # Written down before the host can have it: the log knows of every press that anybody knows of.
        self._last = data
        if self._line.master >= 0:
            self._line.send(self._garbled(data))

    def _note_status(self, status: frames.Status) -> None:
        was, self._status = self._status, status
        gone = status.lamp == "host_gone"
        if was is not None and gone != (was.lamp == "host_gone"):
            self._log.write("host_gone" if gone else "host_back")
        if status.faults & frames.FULL and self._asked in self._touched:
            self._refuse("the latch is full: start the host, so that it acknowledges")
        if not self._is_ready and self._hello is not None:
            self._is_ready = True
            self._answer(self._ready(self._hello, status))

    def _note_press(self, press: frames.Press) -> None:
        key = (press.epoch, press.number)
        what = {"epoch": press.epoch, "number": press.number, "button": press.button}
        if key not in self._log.seen:
            if press.test:
                self._log.write("test_pressed", **what)
            else:
                at = self._touched.pop(press.button, time.time_ns() - press.age_ms * _MS)
                self._log.write("pressed", at=at, **what)
                if self._asked == press.button:
                    self._asked = None
                    self._answer({"event": "pressed"} | what)
        if key not in self._sent and self._line.master >= 0 and not press.test:
            self._sent.add(key)
            self._log.write("sent", **what)

    def _hear_host(self, data: bytes) -> None:
        data = self._garbled(data)
        for payload in self._to_panel.feed(data):
            message = frames.decode(payload)
            if isinstance(message, frames.PressAck):
                self._stirred_ns = now_ns()
                self._log.acknowledge(message.epoch, message.number)
            elif isinstance(message, frames.Outputs) and message != self._wished:
                self._stirred_ns = now_ns()
                self._wished = message
                self._log.write("outputs", **message._asdict())
        self._board.write(data)

    def _garbled(self, data: bytes) -> bytes:
        if not self._garble:
            return data
        return bytes(byte ^ (self._rng.random() < self._garble and self._rng.randrange(1, 256)) for byte in data)

    def _listen(self) -> None:
        typed = os.read(_STDIN, _CHUNK)
        if not typed:
            # A pipe that ends means that whoever started this is gone; /dev/null only means that nobody types.
            self._stdin_open = False
            self._playing = stat.S_ISCHR(os.fstat(_STDIN).st_mode)
            return
        *lines, self._typed = (self._typed + typed).split(b"\n")
        self._lines += lines

    @property
    def _busy(self) -> bool:
        return self._asked is not None or self._status_due_ns is not None

    def _obey_next(self) -> None:
        """Obey what was typed, one line after the other: a press has its answer only when it is on the line."""
        while self._lines and not self._busy and self._playing:
            words = self._lines.pop(0).decode(errors="replace").split()
            command = self._commands.get(words[0], _unknown) if words else _unknown
            try:
                answer = command(*words[1:])
            except (ValueError, TypeError):
                answer = {"error": f"unknown: {' '.join(words)!r}; there are: {', '.join(self._commands)}"}
            if answer is not None:
                self._answer(answer)

    def _refuse(self, why: str) -> None:
        self._asked = None
        self._answer({"error": why})

    def _answer(self, answer: dict[str, Any]) -> None:
        try:
            os.write(_STDOUT, json.dumps(answer).encode() + b"\n")
        except BrokenPipeError:
            self._playing = False

    def _set(self, pin: int, value: int) -> None:
        self._stirred_ns = now_ns()
        self._board.set(pin, value)

    def _touch(self, button: int) -> None:
        self._touched[button] = time.time_ns()
        self._log.write("contact", button=button)

    def _press(self, button: str = "0", hold_ms: str = "60", *, bounces: int = 0) -> dict[str, Any] | None:
        if int(button) not in range(BUTTONS):
            return {"error": f"there is no button {button}: this panel has 0 to {BUTTONS - 1}"}
        now = now_ns()
        self._asked = int(button)
        self._fingers.press(int(button), now, hold_ms=min(int(hold_ms), _MAX_MS), bounces=bounces)
        self._ask_until_ns = now + _ANSWER_MS * _MS
        return None

    def _bounce(self, button: str = "0", hold_ms: str = "60") -> dict[str, Any] | None:
        return self._press(button, hold_ms, bounces=6)

    def _hold(self, button: str = "0") -> dict[str, Any]:
        self._fingers.hold(int(button), now_ns())
        return {"event": "held", "button": int(button)}

    def _release(self, button: str = "0") -> dict[str, Any]:
        self._fingers.release(int(button), now_ns())
        return {"event": "released", "button": int(button)}

    def _loop(self, state: str, button: str = "0") -> dict[str, Any]:
        if state not in LOOP or int(button) not in range(BUTTONS):
            raise ValueError
        self._set(int(button), LOOP[state])
        return {"event": "loop", "state": state, "button": int(button)}

    def _tamper(self, case: str = "open") -> dict[str, Any]:
        if case not in ("open", "shut"):
            raise ValueError
        self._set(CASE, CASE_OPEN if case == "open" else CASE_SHUT)
        return {"event": "tamper", "case": case}

    def _selftest(self, number: str = "1") -> dict[str, Any]:
        self._board.write(frames.encode(frames.SelfTest(int(number)), 0))
        return {"event": "selftest", "number": int(number)}

    def _fail(self, *parts: str) -> dict[str, Any]:
        self._board.fail(*parts)
        return {"event": "fail", "parts": list(parts)}

    def _reset(self) -> dict[str, Any]:
        self._power_up("power")
        return {"event": "reset", "pid": self._board.pid}

    def _hang(self) -> dict[str, Any]:
        self._board.hang()
        return {"event": "hung"}

    def _quit(self) -> dict[str, Any]:
        self._playing = False
        return {"event": "quit"}

    def _make_noise(self, count: str) -> dict[str, Any]:
        self._noise = min(int(count), _MAX_NOISE)
        return {"event": "noise", "bytes": self._noise}

    def _make_garble(self, percent: str = "0") -> dict[str, Any]:
        self._garble = int(percent) / 100
        return {"event": "garble", "percent": int(percent)}

    def _unplug(self) -> dict[str, Any]:
        if self._line.master >= 0:
            # In the middle of a frame, as it happens.
            self._line.send(self._last[:6])
            self._line.unplug()
        return {"event": "unplugged"}

    def _replug(self) -> dict[str, Any]:
        if self._line.master < 0:
            self._board.write(b"\x00")
            self._line.plug()
        return {"event": "replugged"}

    def _ready(self, hello: frames.Hello, status: frames.Status) -> dict[str, Any]:
        return {
            "event": "ready",
            "epoch": hello.epoch,
            "latched": status.latched,
            "interpreter": self._board.interpreter,
            "pid": self._board.pid,
        }

    def _ask_status(self) -> None:
        """Answer when the firmware has said what it made of the last that it was given."""
        now = now_ns()
        self._status_due_ns = min(max(now, self._stirred_ns + _SETTLE_MS * _MS), now + _SETTLE_MS * _MS)

    def _told_status(self) -> dict[str, Any]:
        assert self._status is not None
        return self._status._asdict() | {
            "event": "status",
            "host": "gone" if self._status.lamp == "host_gone" else "here",
            "plugged": self._line.master >= 0,
            "frames_good": self._to_panel.good,
            "frames_bad": self._to_panel.bad,
            "pid": self._board.pid,
            "driven": self._outputs,
            "changes": self._changes,
        }


def _unknown(*_: str) -> dict[str, Any]:
    raise ValueError
