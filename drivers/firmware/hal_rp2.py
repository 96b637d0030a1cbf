"""A panel's board that is a Raspberry Pi Pico (RP2040). `docs/panel.md` draws what hangs on which pin.

Loops come through an analogue multiplexer (74HC4051) to one converter, since a Pico has pins for three only; with one
loop the multiplexer can be left out, and the loop goes to the converter's pin itself.
"""

import os
import select
import sys
import time

from machine import ADC, UART, WDT, WDT_RESET, Pin, reset_cause

TYPE_CHECKING = False  # MicroPython has no typing
if TYPE_CHECKING:
    from typing import Any

    from drivers.firmware.hal import Sink

ADC_PIN, SELECT_PINS = 26, (10, 11, 12)
CASE_PIN = 15
OUTPUT_PINS = (16, 17, 18)  # lamp, buzzer, relay
UART_TX_PIN, UART_RX_PIN = 0, 1

WATCHDOG_MS = 3000
_SAMPLE_MS = 2
_SETTLE_US = 20  # the multiplexer's and the loop's own, before the converter looks
_NOISE = 650  # a hundredth: less is no news, and half of the bands' hysteresis
_AT_ONCE = 128
# The chip's temperature, 27 °C - (V - 0.706 V) / 1.721 mV (RP2040 datasheet, 4.9.5), between -40 and 105 °C.
_REFERENCE_LEAST, _REFERENCE_MOST = 11300, 16400
_STORE = "/latch"


class Rp2Hal:
    """A Pico; `settings` are complete ones of `settings.py`. The watchdog runs from now on."""

    def __init__(self, settings: "dict[str, Any]") -> None:
        self.watchdog_reset = reset_cause() == WDT_RESET
        self._adc = ADC(Pin(ADC_PIN))
        self._select = [Pin(pin, Pin.OUT, value=0) for pin in SELECT_PINS]
        self._reference = ADC(ADC.CORE_TEMP)
        self._outputs = [Pin(pin, Pin.OUT, value=0) for pin in OUTPUT_PINS]
        # A channel of the multiplexer, or a pin of its own.
        self._inputs: list[int | Pin] = []
        for button in settings["buttons"]:
            on_loop = button["wiring"] == "loop"
            self._inputs.append(button["pin"] if on_loop else Pin(button["pin"], Pin.IN, Pin.PULL_UP))
        if settings["tamper"]:
            self._inputs.append(Pin(CASE_PIN, Pin.IN, Pin.PULL_UP))
        self._read = [-_NOISE - 1] * len(self._inputs)
        self._line = _Uart() if settings["line"] == "uart" else _Usb()
        self._watchdog = WDT(timeout=WATCHDOG_MS)

    def ticks_ms(self) -> int:
        """Return a clock in ms that begins anew every 2**30."""
        # To the stubs ticks are no numbers, since they begin anew; clock.py knows that they do.
        ticks: int = time.ticks_ms()  # type: ignore[assignment]
        return ticks

    def wait(self, timeout_ms: int, sink: "Sink") -> None:
        """Look at everything every 2 ms until something has come, at most so long, and hand it on."""
        began = time.ticks_ms()
        while True:
            data = self._line.read()
            if self._sense(sink) or data or time.ticks_diff(time.ticks_ms(), began) >= timeout_ms:
                break
            time.sleep_ms(_SAMPLE_MS)
        if data:
            sink.hear(data)

    def send(self, data: bytes) -> None:
        """Send as much as the line takes without waiting; the rest is lost, as on a wire."""
        self._line.write(data)

    def drive(self, output: int, on: bool) -> None:
        """Switch lamp, buzzer or relay."""
        self._outputs[output].value(on)

    def driven(self, output: int) -> bool:
        """Read back whether an output's pin really is high."""
        return bool(self._outputs[output].value())

    def reference_well(self) -> bool:
        """Whether the chip's temperature, as the converter reads it, is one at which anybody presses buttons."""
        return _REFERENCE_LEAST <= self._reference.read_u16() <= _REFERENCE_MOST

    def load(self) -> bytes:
        """Return what was saved last; empty when nothing ever was. Raises OSError."""
        if _STORE[1:] not in os.listdir("/"):
            return b""
        with open(_STORE, "rb") as store:
            data: bytes = store.read()
        return data

    def save(self, data: bytes) -> None:
        """Keep these bytes instead of the last, whole or not at all: littlefs renames atomically. Raises OSError."""
        with open(_STORE + ".new", "wb") as store:
            store.write(data)
        os.rename(_STORE + ".new", _STORE)

    def random(self) -> int:
        """Return 32 bits of the chip's ring oscillator."""
        return int.from_bytes(os.urandom(4), "big")

    def feed(self) -> None:
        """Tell the watchdog that all is well."""
        self._watchdog.feed()

    def _sense(self, sink: "Sink") -> bool:
        """Read every input; True when one has news."""
        news = False
        for pin, source in enumerate(self._inputs):
            if isinstance(source, int):
                for bit, selector in enumerate(self._select):
                    selector.value(source >> bit & 1)
                time.sleep_us(_SETTLE_US)
                value = self._adc.read_u16()
            else:
                value = 0xFFFF if source.value() else 0
            if abs(value - self._read[pin]) > _NOISE:
                self._read[pin] = value
                sink.level(pin, value, self.ticks_ms())
                news = True
        return news


class _Usb:
    """USB serial, which is the REPL's: nothing may print."""

    def __init__(self) -> None:
        self._in = select.poll()
        self._in.register(sys.stdin, select.POLLIN)
        self._out = select.poll()
        self._out.register(sys.stdout, select.POLLOUT)

    def read(self) -> bytes:
        data = b""
        # A read of more than there is would wait.
        while len(data) < _AT_ONCE and self._in.poll(0):
            data += sys.stdin.buffer.read(1)
        return data

    def write(self, data: bytes) -> None:
        # A host that has the port open and does not read would hold a write for 500 ms.
        if self._out.poll(0):
            sys.stdout.buffer.write(data)


class _Uart:
    """The first UART, 115200 8N1; its buffer holds eight presses and a STATUS."""

    def __init__(self) -> None:
        self._uart = UART(0, 115200, tx=Pin(UART_TX_PIN), rx=Pin(UART_RX_PIN), txbuf=512, rxbuf=512, timeout=0)

    def read(self) -> bytes:
        return self._uart.read(_AT_ONCE) or b""

    def write(self, data: bytes) -> None:
        self._uart.write(data)
