"""The board's own word that its supply voltage is too low; only some boards have one.

A Raspberry Pi's firmware tells it by the hwmon device `rpi_volt` as `in0_lcrit_alarm`, 1 if the voltage was under its
limit since it was last asked (Linux kernel, Documentation/hwmon/raspberrypi-hwmon.rst).
"""

import contextlib
from pathlib import Path
from typing import Final

HOLDS_S: Final = 60
"""For how many seconds after the last word it still counts as low: it comes and goes with every load."""

_NS: Final = 1_000_000_000


class Supply:
    """The supply, as the devices of a hwmon folder tell of it."""

    def __init__(self, hwmon: Path) -> None:
        self._hwmon = hwmon
        self._low_ns: int | None = None

    def look(self, now_ns: int) -> None:
        """Ask the board, at a time of CLOCK_BOOTTIME; it blocks for a moment. A board without a word is well."""
        for device in self._hwmon.glob("hwmon*"):
            with contextlib.suppress(OSError):
                if (device / "name").read_text(encoding="ascii").strip() != "rpi_volt":
                    continue
                if (device / "in0_lcrit_alarm").read_text(encoding="ascii").strip() == "1":
                    self._low_ns = now_ns

    def is_low(self, now_ns: int) -> bool:
        """Tell whether it was low within HOLDS_S."""
        return self._low_ns is not None and now_ns - self._low_ns < HOLDS_S * _NS
