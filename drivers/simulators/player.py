"""The process that plays a help panel on a pty: real firmware, fingers on its buttons, and the commands on stdin.

Nothing here latches, numbers or repeats a press: what is told of presses was read off the firmware's line.
"""

import os
import random
import select
import signal
import time
from collections.abc import Callable, Container
from typing import Any, TypeAlias

from drivers.firmware import frames
from drivers.simulators.board import BUTTONS, CASE, CASE_OPEN, CASE_SHUT, LOOP, OUTPUTS, Board
from drivers.simulators.console import Console
from drivers.simulators.hand import NEVER_NS, Fingers, Hand
from drivers.simulators.panel_log import PanelLog, now_ns
from drivers.simulators.panel_tap import Tap
from drivers.simulators.pty_line import PtyLine

_MS = 1_000_000
_MAX_NOISE = 100_000_000
_MAX_MS = 600_000
_BOUNCES = 6
_ANSWER_MS = 5000
# After so long, what the firmware was given has come out of it again, as a STATUS.
_SETTLE_MS = 80

_Answer: TypeAlias = dict[str, Any]
_Command: TypeAlias = Callable[..., _Answer | None]


class FirmwareError(Exception):
    """The firmware does not come up."""


class Player:
    """Plays one panel until it is told to quit. `seed` also makes the noise and the bounces."""

    def __init__(
        self, line: PtyLine, log: PanelLog, board: Board, *, seed: int, every_s: float | None, seconds: float | None
    ) -> None:
        rng = random.Random(seed)  # noqa: S311 - a played hand and played noise, no secrets
        self._log = log
        self._board = board
        self._tap = Tap(line, log, rng)
        self._fingers = Fingers(rng, self._move, self._touch)
        self._hand = Hand(rng, every_s, seconds, now_ns()) if every_s else None
        self._outputs = dict.fromkeys(OUTPUTS, False)
        self._changes = dict.fromkeys(OUTPUTS, 0)
        self._console = Console()
        self._typed: list[list[str]] = []
        # The button whose press is to be answered, and when a state is: until then nothing else is obeyed.
        self._asked: int | None = None
        self._ask_until_ns = 0
        self._status_due_ns: int | None = None
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
        line = self._tap.line
        line.plug()
        self._board.start()
        try:
            while self._playing and not self._console.over:
                for fd, _ in self._wait(wake):
                    if fd == wake:
                        self._playing = False
                    elif fd == Console.fd:
                        self._typed += self._console.commands()
                    elif fd == line.master:
                        self._board.write(self._tap.from_host())
                self._carry()
                self._do_due(now_ns())
                self._obey()
        finally:
            self._board.stop()
            if self._tap.plugged:
                line.unplug()

    @property
    def _busy(self) -> bool:
        return not self._is_ready or self._asked is not None or self._status_due_ns is not None

    def _wait(self, wake: int) -> list[tuple[int, int]]:
        poll = select.poll()
        for fd in (wake, self._board.line.fileno(), self._board.pins.fileno()):
            poll.register(fd, select.POLLIN)
        if self._console.open and not self._busy:
            poll.register(Console.fd, select.POLLIN)
        if self._tap.plugged:
            poll.register(self._tap.line.master, select.POLLIN | (select.POLLOUT if self._tap.noise else 0))
        now = now_ns()
        due_ns = min(
            self._fingers.next_ns,
            self._hand.next_ns if self._hand else NEVER_NS,
            self._ask_until_ns if self._asked is not None else NEVER_NS,
            NEVER_NS if self._status_due_ns is None else self._status_due_ns,
            now + int(max(0.0, self._board.watchdog_left_s) * 1000) * _MS,
        )
        return poll.poll(max(0, -(-(due_ns - now) // _MS)))

    def _carry(self) -> None:
        """Carry on what the firmware has done, and power it up again if it has ended or hangs."""
        changes = self._board.sense()
        for told in self._tap.from_panel(self._board.read()):
            if told["button"] == self._asked:
                self._settle({"event": "pressed"} | told)
        for output, on in changes or ():
            self._outputs[output] = on
            self._changes[output] += 1
        if changes is None or self._board.watchdog_left_s <= 0:
            if self._tap.hello is None:
                raise FirmwareError("the firmware ended, or hung, before it said hello; what it said stands above")
            self._power_up("power" if changes is None else "watchdog")
        hello, status = self._tap.hello, self._tap.status
        if not self._is_ready and hello is not None and status is not None:
            self._is_ready = True
            told = {"event": "ready", "epoch": hello.epoch, "latched": status.latched}
            self._console.answer(told | {"interpreter": self._board.interpreter, "pid": self._board.pid})
        if self._asked in self._tap.touched and status is not None and status.faults & frames.FULL:
            self._settle({"error": "the latch is full: start the host, so that it acknowledges"})

    def _power_up(self, cause: str) -> None:
        self._board.stop()
        self._log.write("restarted", cause=cause)
        self._tap.forget()
        self._board.start(cause)

    def _do_due(self, now: int) -> None:
        self._fingers.turn(now)
        if self._hand and now >= self._hand.next_ns:
            button = self._hand.choose(self._fingers.free(now))
            if button is not None:
                self._fingers.press(button, now)
        if self._status_due_ns is not None and now >= self._status_due_ns:
            self._status_due_ns = None
            self._console.answer(self._told_status())
        if self._asked is not None and now >= self._ask_until_ns:
            self._settle({"error": f"no press after {_ANSWER_MS / 1000:g} s: the firmware made none of it"})
        self._tap.make_noise()

    def _obey(self) -> None:
        """Obey what was typed, one line after the other: a press has its answer only when it is on the line."""
        while self._typed and not self._busy and self._playing:
            words = self._typed.pop(0)
            command = self._commands.get(words[0], _unknown) if words else _unknown
            try:
                answer = command(*words[1:])
            except (ValueError, TypeError):
                answer = {"error": f"unknown: {' '.join(words)!r}; there are: {', '.join(self._commands)}"}
            except IndexError:
                answer = {"error": f"there is no such button: this panel has 0 to {BUTTONS - 1}"}
            if answer is not None:
                self._console.answer(answer)

    def _settle(self, answer: _Answer) -> None:
        self._asked = None
        self._console.answer(answer)

    def _set(self, pin: int, value: int) -> None:
        self._move(pin, ((value, 0),))

    def _move(self, pin: int, values: tuple[tuple[int, int], ...]) -> None:
        self._tap.stirred_ns = now_ns()
        self._board.play(pin, values)

    def _touch(self, button: int) -> None:
        self._tap.touched[button] = time.time_ns()
        self._log.write("contact", button=button)

    def _press(self, button: str = "0", hold_ms: str = "60", *, bounces: int = 0) -> None:
        number, now = _button(button), now_ns()
        self._fingers.press(number, now, hold_ms=min(int(hold_ms), _MAX_MS), bounces=bounces)
        self._asked = number
        self._ask_until_ns = now + _ANSWER_MS * _MS

    def _bounce(self, button: str = "0", hold_ms: str = "60") -> None:
        self._press(button, hold_ms, bounces=_BOUNCES)

    def _hold(self, button: str = "0") -> _Answer:
        self._fingers.hold(_button(button), now_ns())
        return {"event": "held", "button": int(button)}

    def _release(self, button: str = "0") -> _Answer:
        self._fingers.release(_button(button), now_ns())
        return {"event": "released", "button": int(button)}

    def _loop(self, state: str, button: str = "0") -> _Answer:
        self._set(_button(button), LOOP[_one_of(state, LOOP)])
        return {"event": "loop", "state": state, "button": int(button)}

    def _tamper(self, case: str = "open") -> _Answer:
        self._set(CASE, CASE_OPEN if _one_of(case, ("open", "shut")) == "open" else CASE_SHUT)
        return {"event": "tamper", "case": case}

    def _selftest(self, number: str = "1") -> _Answer:
        self._board.write(frames.encode(frames.SelfTest(int(number) % (1 << 32)), 0))
        return {"event": "selftest", "number": int(number)}

    def _fail(self, *parts: str) -> _Answer:
        self._board.fail(*parts)
        return {"event": "fail", "parts": list(parts)}

    def _reset(self) -> _Answer:
        self._power_up("power")
        return {"event": "reset", "pid": self._board.pid}

    def _hang(self) -> _Answer:
        self._board.hang()
        return {"event": "hung"}

    def _quit(self) -> _Answer:
        self._playing = False
        return {"event": "quit"}

    def _make_noise(self, count: str) -> _Answer:
        self._tap.noise = min(int(count), _MAX_NOISE)
        return {"event": "noise", "bytes": self._tap.noise}

    def _make_garble(self, percent: str = "0") -> _Answer:
        self._tap.garble = int(percent) / 100
        return {"event": "garble", "percent": int(percent)}

    def _unplug(self) -> _Answer:
        self._tap.unplug()
        return {"event": "unplugged"}

    def _replug(self) -> _Answer:
        if not self._tap.plugged:
            self._board.write(b"\x00")
            self._tap.line.plug()
        return {"event": "replugged"}

    def _ask_status(self) -> None:
        """Answer when the firmware has said what it made of the last that it was given."""
        now = now_ns()
        self._status_due_ns = min(max(now, self._tap.stirred_ns + _SETTLE_MS * _MS), now + _SETTLE_MS * _MS)

    def _told_status(self) -> _Answer:
        status = self._tap.status
        assert status is not None
        return status._asdict() | {
            "event": "status",
            "host": "gone" if status.lamp == "host_gone" else "here",
            "plugged": self._tap.plugged,
            "frames_good": self._tap.frames_good,
            "frames_bad": self._tap.frames_bad,
            "pid": self._board.pid,
            "driven": self._outputs,
            "changes": self._changes,
        }


def _button(word: str) -> int:
    """Return a button's number. Raises ValueError for no number, IndexError for a button there is not."""
    button = int(word)
    if button not in range(BUTTONS):
        raise IndexError(word)
    return button


def _one_of(word: str, words: Container[str]) -> str:
    """Return the word. Raises ValueError when it is not one of those."""
    if word not in words:
        raise ValueError(word)
    return word


def _unknown(*_: str) -> None:
    raise ValueError
