"""From a contact to the first byte of its PRESS, with the real firmware; and what the firmware costs.

The contact's moment is that at which the pin changes, the byte's that at which a reader at the driver's end of the pty
has it. The baseline is a contact's own debounce time, below which nothing can be. Size and memory are of what goes on
a Pico; memory is measured under the unix port, whose words are twice as long.
"""

import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import psutil

from drivers.firmware import frames
from drivers.firmware.button import PRESS_MS
from drivers.simulators.board import micropython
from tests.drivers.panel_rig import ROOT, Simulator

SECONDS = 20.0
AIM_MS = 60.0
AIM_RAM_KIB = 180  # about what MicroPython leaves of an RP2040's 264 KiB
NOT_ON_A_PICO = ("hal.py", "hal_unix.py", "unix.py")
_PAUSE_S = 0.12  # a finger has to be off again before it can press
_IDLE_S = 5.0

_MEMORY = """
import gc, os
gc.collect()
before = gc.mem_alloc()
from drivers.firmware import button, latch, settings, hal_unix
from drivers.firmware.panel import HelpPanel
class Hal(hal_unix.UnixHal):
    def __init__(self):
        self.watchdog_reset = False
        self._fed_at = 0
    def load(self): return b""
    def save(self, data): pass
    def send(self, data): pass
    def drive(self, output, on): pass
    def _tell(self, pin, value): pass
panel = HelpPanel(Hal(), settings.buttons(settings.complete({})), tamper=True)
most = 0
for press in range(latch.CAPACITY):
    panel._press(press % 4, press)
    panel.turn()
gc.collect()
print(gc.mem_alloc() - before)
"""


def _press_ms(simulator: Simulator, count: int) -> list[float]:
    """Press so often; return how long each took to the line."""
    port = os.open(simulator.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        took = []
        for press in range(count):
            simulator.process.stdin.write(f"press {press % 4}\n".encode())
            simulator.process.stdin.flush()
            number, read_ns = _first_byte(port)
            simulator._answer()
            contact_ns = simulator.log("contact")[-1]["mono_ns"]
            took.append((read_ns - contact_ns) / 1e6)
            os.write(port, frames.encode(frames.PressAck(*number), 0))
            time.sleep(_PAUSE_S)
        return took
    finally:
        os.close(port)


def _first_byte(port: int) -> tuple[tuple[int, int], int]:
    """Return the next PRESS and when its first byte was read."""
    decoder = frames.Decoder()
    while True:
        select.select([port], [], [])
        now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        for payload in decoder.feed(os.read(port, 4096)):
            message = frames.decode(payload)
            if isinstance(message, frames.Press) and message.age_ms == 0:
                return (message.epoch, message.number), now_ns


def _cpu_ms(processes: list[psutil.Process]) -> float:
    return (
        sum(
            int(Path(f"/proc/{process.pid}/task/{process.pid}/schedstat").read_text().split()[0])
            for process in processes
        )
        / 1e6
    )


@contextmanager
def _played() -> Iterator[tuple[Simulator, float]]:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with Simulator(Path(folder)) as simulator:
            yield simulator, time.perf_counter() - began


def _size_kib() -> float:
    files = [file for file in (ROOT / "drivers/firmware").glob("*.py") if file.name not in NOT_ON_A_PICO]
    return sum(file.stat().st_size for file in files) / 1024


def _ram_kib() -> float:
    interpreter = micropython()
    if interpreter is None:
        return float("nan")
    told = subprocess.run(
        [interpreter, "-c", _MEMORY],
        env=os.environ | {"MICROPYPATH": f"{ROOT}:.frozen"},
        capture_output=True,
        check=True,
    )
    return int(told.stdout) / 1024


def rows(seconds: float) -> list[dict[str, object]]:
    """Press four buttons in turns for about `seconds`."""
    with _played() as (simulator, start_s):
        took = _press_ms(simulator, max(20, int(seconds / (_PAUSE_S + 0.03))))
        processes = [psutil.Process(simulator.process.pid), psutil.Process(simulator.ready["pid"])]
        before = _cpu_ms(processes)
        time.sleep(_IDLE_S)
        idle = (_cpu_ms(processes) - before) / _IDLE_S
        resident = processes[1].memory_info().rss / 2**20
        under = "MicroPython" if simulator.ready["interpreter"] else f"CPython {sys.version_info.major}"
    found = [
        _row(f"panel, {name}: contact to its PRESS on the line ({under})", value, "ms", PRESS_MS, AIM_MS)
        for name, value in (("p50", median(took)), ("p99", quantiles(took, n=100)[98]))
    ]
    return [
        *found,
        _row("panel, firmware: source on a Pico", _size_kib(), "KiB"),
        _row("panel, firmware: heap with a full latch", _ram_kib(), "KiB", aim=AIM_RAM_KIB),
        _row("panel, played: until ready", start_s * 1000, "ms"),
        _row("panel, played: idle CPU, both processes", idle, "ms/s"),
        _row("panel, played: resident memory of the firmware's process", resident, "MiB"),
    ]


def _row(
    name: str, value: float, unit: str, baseline: float | None = None, aim: float | None = None
) -> dict[str, object]:
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "baseline": baseline,
        "ratio": round(value / baseline, 2) if baseline else None,
        "aim": aim,
        "met": value <= aim if aim else None,
    }
