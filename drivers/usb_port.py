"""A serial port named by what is plugged in, not by where: `usb:VID:PID` or `usb:VID:PID:SERIAL`.

Vendor, product and serial number are those of the USB device descriptor (USB 2.0, section 9.6.1, idVendor, idProduct,
iSerialNumber), the first two as four hexadecimal digits, as `lsusb` prints them. The name is looked up at each opening,
so a device may come back under another /dev/ttyUSB number, or in another socket.
"""

import errno
import os
import re
from typing import Final

PREFIX: Final = "usb:"

PATTERN: Final = r"usb:[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}(:[!-~]{1,126})?"
"""How such a name is written; a serial number is printable ASCII here, and may have colons of its own."""

AMBIGUOUS_TO_DO: Final = "several devices have this USB id: add its serial number to `port`, or use /dev/serial/by-path"
"""What to do about the reason `ambiguous`."""


def check(port: str) -> None:
    """Raise ValueError for a name that begins as one of these and is none."""
    if port.startswith(PREFIX) and not re.fullmatch(PATTERN, port):
        raise ValueError(f"{port!r} is no USB port: write usb:VID:PID or usb:VID:PID:SERIAL, such as usb:0403:6001")


def find(port: str) -> str:
    """Return the device path that a name stands for now; any other port is returned as it is. Looks into /sys.

    Raises OSError: ENODEV when nothing of that kind is plugged in, ENOTUNIQ when several are.
    """
    if not port.startswith(PREFIX):
        return port
    from serial.tools import list_ports  # noqa: PLC0415 - only those who name a port so pay for it

    vid, pid, *serial = port.removeprefix(PREFIX).split(":", 2)
    wanted = (int(vid, 16), int(pid, 16))
    try:
        plugged = list_ports.comports()
    except (TypeError, ValueError):  # pyserial 3.5 reads a device that goes away meanwhile as None
        plugged = []
    found = sorted(
        info.device
        for info in plugged
        if (info.vid, info.pid) == wanted and (not serial or info.serial_number == serial[0])
    )
    if not found:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), port)
    if len(found) > 1:
        raise OSError(errno.ENOTUNIQ, f"{', '.join(found)} all are it", port)
    path: str = found[0]
    return path
