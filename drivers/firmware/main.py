"""The firmware on a Pico: this file lies there as /main.py, the others under /drivers/firmware. See `docs/panel.md`.

A jumper from GP22 to ground at power-up leaves the board to mpremote: once the firmware runs, it takes every byte of
USB serial for the line's.
"""

import json
import sys

import machine
import micropython

from drivers.firmware.hal_rp2 import Rp2Hal
from drivers.firmware.panel import HelpPanel
from drivers.firmware.settings import buttons, complete

_SERVICE_PIN = 22


def main() -> None:
    """Be a panel; with wrong settings or the jumper set, say so and leave."""
    if not machine.Pin(_SERVICE_PIN, machine.Pin.IN, machine.Pin.PULL_UP).value():
        print("GP22 is grounded: the firmware does not start")
        return
    try:
        with open("/config.json") as config:
            given = json.load(config)
    except OSError:
        given = {}
    settings = complete(given)
    micropython.kbd_intr(-1)  # 0x03 is a byte of the line, not Ctrl-C
    try:
        HelpPanel(Rp2Hal(settings), buttons(settings), tamper=settings["tamper"]).run()
    except Exception as error:  # noqa: BLE001 - whatever it was: the panel must work again, and somebody shall know
        with open("/crash.txt", "w") as crash:
            sys.print_exception(error, crash)
        machine.reset()


main()
