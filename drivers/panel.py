"""The help panel on a serial line, as the station sees it: presses come in, wished outputs go out.

The line is `docs/panel-line.md`. Nothing here decides anything: a press repeated by the panel is handed on each time
until somebody acknowledges it, and what lamp and tone show is wished from outside and repeated to the panel.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from drivers import device
from drivers.firmware import frames
from drivers.serial_line import SerialLine
from drivers.serving import keep_serving
from drivers.standing import Standing

_HEARTBEAT_S = frames.HEARTBEAT_MS / 1000
_SILENT_S = frames.GONE_MS / 1000
# A line that stays silent is opened anew: after a wedged adapter's reset only a new descriptor hears it.
_REOPEN_S = 15.0
_RETRY_BASE_S = 0.2
_RETRY_CAP_S = 2.0
# Acknowledgements waiting for a stalled line; those beyond are dropped, and asked for again by the panel's repetition.
_MAX_ACKS = 256
# A self-test that a panel does not answer is not asked for again for ever: older firmware knows of none.
_MAX_ASKED = 10
_FAULTS = (
    (frames.SHORT, "loop_short"),
    (frames.CUT, "loop_cut"),
    (frames.STUCK, "button_stuck"),
    (frames.TAMPER, "case_open"),
    (frames.SELF_TEST, "self_test_failed"),
    (frames.STORE, "cannot_keep"),
    (frames.FULL, "latch_full"),
    (frames.WATCHDOG, "watchdog_reset"),
)
_TESTS = (
    (frames.TEST_LAMP, "the lamp's output does not follow"),
    (frames.TEST_BUZZER, "the buzzer's output does not follow"),
    (frames.TEST_ADC, "the converter reads nonsense"),
    (frames.TEST_STORE, "what it stores cannot be read back"),
    (frames.TEST_WAITS, "the test press before still waits to be acknowledged"),
)
_TO_DO = {
    "not_found": "check that the panel is plugged in and that `port` names it",
    "busy": "another program holds the port: stop it",
    "no_permission": "let this user open the port (group dialout)",
    "cannot_open": "check cable, adapter and `port`",
    "hung_up": "check the panel's cable",
    "silent": "check the panel's power and cable",
    "garbled": "check the cable's shield and ground; 115200 baud, 8N1",
    "loop_short": "check the button's wires",
    "loop_cut": "check the button's wires",
    "button_stuck": "free the button: it has been held for over 30 s",
    "case_open": "close the panel's case; find out who opened it",
    "self_test_failed": "see above what failed; repair or change the panel",
    "cannot_keep": "the panel's flash cannot be written, a power cut would lose its latched presses: change the panel",
    "watchdog_reset": "the panel hung and restarted itself within the last minute: if it does so again, change it",
    "latch_full": "presses wait unacknowledged: see why the station cannot record",
}

Lamp: TypeAlias = Literal["off", "raised", "acknowledged", "fault"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PressReading:
    """One press as the panel numbered it; it comes again until acknowledged.

    `age_ms`: how long it has waited there, at least: a panel without power counts no time. `test`: no hand pressed, but
    a self-test; it is acknowledged like any other.
    """

    panel: str
    epoch: int
    number: int
    button: int
    age_ms: int
    test: bool = False


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the panel shall show. `tone`: 0 silent, 1 sounding, 2 louder; `relay`: the second output closed."""

    lamp: Lamp = "off"
    tone: Literal[0, 1, 2] = 0
    relay: bool = False


class Panel:
    """One help panel; lives through unplugging, noise and restarts of either side.

    `on_press` gets every press that arrives, repetitions too. `on_state(state, reason)` is told when either changed;
    `state` is one of device.State, `reason` empty when ready, else one of not_found, ambiguous, busy, no_permission,
    cannot_open, hung_up, opening, silent, garbled, loop_short, loop_cut, button_stuck, case_open, self_test_failed,
    cannot_keep, latch_full, watchdog_reset. Both are called on the loop and must not wait. `firmware` is what the panel
    calls its version, empty until it has said so. `monotonic` in seconds. Raises ValueError when `port_url` is of no
    kind that pyserial knows.
    """

    def __init__(
        self,
        name: str,
        port_url: str,
        *,
        monotonic: Callable[[], float],
        on_press: Callable[[PressReading], None],
        on_state: Callable[[device.State, str], None],
    ) -> None:
        self.name = name
        self.firmware = ""
        self.not_understood = 0
        self._standing = Standing(f"panel {name} at {port_url}", to_do=_TO_DO, on_state=on_state, log=_log)
        self._monotonic = monotonic
        self._on_press = on_press
        self._line = SerialLine(port_url, on_bytes=self._read, on_room=self._flush)
        self._decoder = frames.Decoder()
        self._retry = device.Retry(_RETRY_BASE_S, _RETRY_CAP_S)
        self._wished: Outputs | None = None
        self._outputs_due = False
        self._acks: dict[tuple[int, int], None] = {}
        self._sequence = 0
        self._heard_at = 0.0
        self._bad_before = 0
        self._test: frames.SelfTest | None = None
        self._test_asked = 0
        self._test_due = False

    @property
    def state(self) -> device.State:
        """How it stands."""
        return self._standing.state

    @property
    def reason(self) -> str:
        """Why it stands so; empty when ready."""
        return self._standing.reason

    @property
    def frames_bad(self) -> int:
        """How many runs between two zeros were no frame; none of them was acted on."""
        return self._decoder.bad

    @property
    def noise_bytes(self) -> int:
        """How many bytes those runs had."""
        return self._decoder.noise

    @property
    def frames_lost(self) -> int:
        """How many frames the panel's sequence numbers say never arrived."""
        return self._decoder.lost

    def show(self, wished: Outputs) -> None:
        """Wish for lamp, tone and relay: sent at once, repeated each second and whenever the panel comes back.

        Until the first wish nothing is sent, and the panel keeps what it shows.
        """
        self._wished = wished
        self._outputs_due = True
        self._flush()

    def acknowledge(self, epoch: int, number: int) -> None:
        """Tell the panel that this press is safe, so that it stops repeating it. Harmless when the panel is away."""
        if len(self._acks) < _MAX_ACKS:
            self._acks[epoch, number] = None
        self._flush()

    def self_test(self) -> None:
        """Ask the panel to test itself, with a test press at the end: a PressReading with `test` comes, or none does.

        Asked for again with each heartbeat until the panel says how it went, at most ten times.
        """
        self._test = frames.SelfTest(secrets.randbits(32))
        self._test_asked = 0
        self._test_due = True
        self._flush()

    async def run(self) -> None:
        """Serve the panel until cancelled; may be run again after that."""
        await keep_serving(self._line, self._standing, self._retry, self._serve)

    async def _serve(self) -> None:
        """Keep the heartbeat until the line is lost, or so long silent that it shall be opened anew."""
        # Half a frame from before must not be glued to the first one now; the counters go on.
        self._decoder.feed(b"\x00")
        opened_at = self._heard_at = self._monotonic()
        self._bad_before = self._decoder.bad
        while not self._line.lost.done():
            self._outputs_due = self._wished is not None
            self._test_due = self._test is not None
            self._flush()
            await asyncio.wait([self._line.lost], timeout=_HEARTBEAT_S)
            silent_s = self._monotonic() - max(self._heard_at, opened_at)
            if not self._line.lost.done() and silent_s >= _SILENT_S:
                self._standing.become("silent", "garbled" if self._decoder.bad > self._bad_before else "silent")
                if silent_s >= _REOPEN_S:
                    return

    def _read(self, data: bytes) -> None:
        for payload in self._decoder.feed(data):
            message = frames.decode(payload)
            if isinstance(message, frames.Press):
                self._hear()
                self._on_press(PressReading(self.name, *message))
            elif isinstance(message, frames.Status):
                self._hear()
                fault = next((word for bit, word in _FAULTS if message.faults & bit), "")
                self._standing.become("ailing" if fault else "heard", fault)
            elif isinstance(message, frames.Hello):
                self._hear()
                self._know(message.firmware)
            elif isinstance(message, frames.TestResult):
                self._hear()
                self._tested(message)
            else:
                self.not_understood += 1

    def _hear(self) -> None:
        self._heard_at = self._monotonic()
        self._bad_before = self._decoder.bad
        self._retry.reset()

    def _know(self, firmware: str) -> None:
        if firmware != self.firmware:
            self.firmware = firmware
            _log.info("panel %s has firmware %s", self.name, firmware)

    def _tested(self, result: frames.TestResult) -> None:
        if self._test is None or result.number != self._test.number:
            return  # said twice, or to an earlier host
        self._test = None
        failed = [words for bit, words in _TESTS if result.failed & bit]
        if failed:
            _log.warning("panel %s has tested itself, and not all is well: %s", self.name, "; ".join(failed))

    def _flush(self) -> None:
        """Send what is due, acknowledgements first, as far as the line takes it; the rest goes when there is room."""
        while self._acks:
            press = next(iter(self._acks))
            if not self._send(frames.PressAck(*press)):
                return
            del self._acks[press]
        if self._outputs_due and self._wished is not None:
            wished = self._wished
            if not self._send(frames.Outputs(wished.lamp, wished.tone, wished.relay)):
                return
            self._outputs_due = False
        if self._test_due and self._test is not None and self._send(self._test):
            self._test_due = False
            self._test_asked += 1
            if self._test_asked >= _MAX_ASKED:
                self._test = None

    def _send(self, message: frames.PressAck | frames.Outputs | frames.SelfTest) -> bool:
        if not self._line.send(frames.encode(message, self._sequence)):
            return False
        self._sequence = frames.following(self._sequence)
        return True
