"""Run by MicroPython: the Pico's board on pins of our own and a real littlefs in memory; prints what it saw as JSON."""

import json
import os
import sys

NORMAL, PRESSED = 44500, 18000


class Pin:
    IN, OUT, PULL_UP = 0, 1, 2
    levels = {}  # noqa: RUF012 - MicroPython has no typing
    held = {}  # noqa: RUF012

    def __init__(self, number, mode=0, pull=None, value=None):
        self.number = number
        if value is not None:
            self.levels[number] = value

    def value(self, level=None):
        if level is None:
            return self.held.get(self.number, self.levels.get(self.number, 1))
        self.levels[self.number] = int(level)
        return None


class ADC:
    CORE_TEMP = 4
    channels = [NORMAL] * 8
    temperature = 14020

    def __init__(self, what):
        self.what = what

    def read_u16(self):
        if self.what == ADC.CORE_TEMP:
            return self.temperature
        return self.channels[sum(Pin.levels[pin] << bit for bit, pin in enumerate((10, 11, 12)))]


class WDT:
    fed = 0

    def __init__(self, timeout):
        self.timeout = timeout

    def feed(self):
        WDT.fed += 1


class Machine:
    Pin, ADC, WDT, UART = Pin, ADC, WDT, None
    PWRON_RESET, WDT_RESET = 1, 3

    @staticmethod
    def reset_cause():
        return 3


class Flash:
    """Memory that littlefs takes for a flash chip."""

    def __init__(self):
        self.data = bytearray(64 * 4096)

    def readblocks(self, block, buffer, offset=0):
        at = block * 4096 + offset
        buffer[:] = self.data[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = block * 4096 + offset
        self.data[at : at + len(buffer)] = buffer

    def ioctl(self, op, arg):
        return {4: 64, 5: 4096}.get(op, 0)


class Sink:
    def __init__(self):
        self.seen = []

    def level(self, pin, value, ticks):
        self.seen.append([pin, value])

    def hear(self, data):
        self.seen.append(data.decode())

    def take(self):
        seen, self.seen = self.seen, []
        return seen


sys.modules["machine"] = Machine
from drivers.firmware import settings  # noqa: E402
from drivers.firmware.hal_rp2 import Rp2Hal  # noqa: E402

flash = Flash()
os.VfsLfs2.mkfs(flash)
os.umount("/")
os.mount(os.VfsLfs2(flash), "/")

told = {}
sink = Sink()
Pin.levels[15] = 0
buttons = settings.DEFAULTS["buttons"][:3]
buttons.append({"wiring": "closes", "pin": 20})
hal = Rp2Hal(settings.complete({"buttons": buttons}))
told["watchdog_reset"] = hal.watchdog_reset
hal.wait(0, sink)
told["at_first"] = sink.take()
hal.wait(4, sink)
told["nothing_new"] = sink.take()
ADC.channels[2] = NORMAL + 600
hal.wait(4, sink)
told["noise"] = sink.take()
ADC.channels[2] = PRESSED
Pin.levels[20] = 0
Pin.levels[15] = 1
hal.wait(1000, sink)
told["news"] = sink.take()
print("ask", end="\n")
hal.wait(5000, sink)
told["line"] = sink.take()
told["empty_store"] = hal.load().decode()
for number in range(300):
    hal.save(b"press %d" % number)
told["store"] = hal.load().decode()
told["follows"] = []
for held in ({}, {16: 0}):
    Pin.held = held
    hal.drive(0, True)
    told["follows"].append(hal.driven(0))
told["reference"] = [hal.reference_well()]
ADC.temperature = 0
told["reference"].append(hal.reference_well())
hal.feed()
told["fed"] = WDT.fed
hal.send(b"\x00raw\n\x00")
print(json.dumps(told))
