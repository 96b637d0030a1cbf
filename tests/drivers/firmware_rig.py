"""The firmware in this process, on a board and a clock of the test: a day takes as long as a test wants."""

import random

from drivers.firmware import frames
from drivers.firmware.button import Bands, Button
from drivers.firmware.panel import BUZZER, LAMP, RELAY, HelpPanel
from drivers.firmware.settings import BANDS

NORMAL, PRESSED, SHORT, CUT = 44500, 18000, 0, 65535
CASE = 4
OFF = frames.Outputs("off", 0, False)
RAISED = frames.Outputs("raised", 2, True)


class PlayedBoard:
    """A `Hal` without a wire: what is sent is kept, what is driven is noted with its moment."""

    def __init__(self, ticks: int = 0) -> None:
        self.watchdog_reset = False
        self.ticks = ticks
        self.sent = []
        self.flash = b""
        self.saves = 0
        self.flash_fails = False
        self.outputs = {LAMP: False, BUZZER: False, RELAY: False}
        self.stuck_outputs = set()
        self.reference = True
        self.driven_at = []
        self._decoder = frames.Decoder()

    def ticks_ms(self):
        return self.ticks % (1 << 30)

    def wait(self, timeout_ms, sink):
        raise AssertionError("the test turns the panel itself")

    def send(self, data):
        self.sent += [frames.decode(payload) for payload in self._decoder.feed(data)]

    def drive(self, output, on):
        if output not in self.stuck_outputs:
            self.outputs[output] = on
        self.driven_at.append((self.ticks, output, on))

    def driven(self, output):
        return self.outputs[output]

    def reference_well(self):
        return self.reference

    def load(self):
        return self.flash

    def save(self, data):
        self.saves += 1
        if self.flash_fails:
            raise OSError(5)
        self.flash = data

    def random(self):
        return random.randrange(1 << 32)

    def feed(self):
        pass


class Bench:
    """A panel of four loops whose time passes only in `run`."""

    def __init__(self, board: PlayedBoard | None = None) -> None:
        self.board = board or PlayedBoard()
        self.sequence = 0
        self.start()

    def start(self, finger_on: int | None = None) -> None:
        """Power up, with what the flash keeps, and perhaps a finger on a button."""
        self.panel = HelpPanel(self.board, [Button(Bands(**BANDS)) for _ in range(4)], tamper=True)
        for pin in range(4):
            self.set(pin, PRESSED if pin == finger_on else NORMAL)
        self.set(CASE, 0)

    def run(self, ms: int) -> None:
        """Let time pass, turning the panel exactly when it asks for it."""
        end = self.board.ticks + ms
        while True:
            due = self.panel.turn()
            if self.board.ticks + due > end:
                break
            self.board.ticks += max(1, due)
        self.board.ticks = end

    def set(self, pin: int, value: int) -> None:
        self.panel.level(pin, value, self.board.ticks_ms())

    def press(self, pin: int = 0, hold_ms: int = 60) -> None:
        """Press, let go, and wait until the button is at rest."""
        self.set(pin, PRESSED)
        self.run(hold_ms)
        self.set(pin, NORMAL)
        self.run(60)

    def say(self, message) -> None:
        self.panel.hear(frames.encode(message, self.sequence))
        self.sequence = frames.following(self.sequence)

    def take(self, kind=None):
        """Return what was sent since the last time, of one kind."""
        sent, self.board.sent = self.board.sent, []
        return [message for message in sent if kind is None or isinstance(message, kind)]

    def presses(self) -> list[int]:
        """The numbers of all PRESS frames since the last time."""
        return [press.number for press in self.take(frames.Press)]

    @property
    def status(self):
        """What a STATUS would say now."""
        return self.panel._status(self.panel._now())
