"""What is plugged into this machine, and of what a station's settings name, what is there."""

import contextlib
from collections.abc import Mapping
from glob import glob
from pathlib import Path
from typing import Any, Final

from drivers import usb_port
from jingting.one_device import Address, Told

_REMOTE: Final = "://"


def lines() -> list[Told]:
    """Return every serial port and GPIO chip: what to write as `port`, or as `chip`, and what is known of it."""
    from serial.tools import list_ports  # noqa: PLC0415 - it looks at every bus when it is imported

    lasting = {str(Path(link).resolve()): link for link in glob("/dev/serial/by-id/*")}  # noqa: PTH207
    ports = [
        {
            "port": lasting.get(port.device, port.device),
            "device": port.device,
            "usb": f"usb:{port.vid:04x}:{port.pid:04x}" if port.vid is not None else None,
            "description": port.description,
        }
        for port in sorted(list_ports.comports())
    ]
    return ports + _chips()


def there(address: Address) -> bool | None:
    """Tell whether a device's port is there; None for one that only an attempt could tell (`socket://`)."""
    if address.driver == "gpio_button":
        return any(chip["chip"] == address.port.rpartition(":")[0] for chip in _chips())
    if _REMOTE in address.port:
        return None
    try:
        return Path(usb_port.find(address.port)).exists()
    except OSError:
        return False


def named(devices: list[Address], states: Mapping[str, Mapping[str, Any]]) -> list[Told]:
    """Return what settings name, with what is there, and how the running station says that it stands."""
    return [
        {
            "name": address.name,
            "driver": address.driver,
            "port": address.port,
            "there": there(address),
            "state": states.get(address.name, {}).get("state"),
            "reason": states.get(address.name, {}).get("reason"),
        }
        for address in devices
    ]


def _chips() -> list[Told]:
    paths = sorted(glob("/dev/gpiochip*"))  # noqa: PTH207
    if not paths:
        return []
    import gpiod  # noqa: PLC0415 - only where there is a chip

    chips = []
    for path in paths:
        with contextlib.suppress(OSError), gpiod.Chip(path) as chip:
            info = chip.get_info()
            chips.append({"chip": info.label, "device": path, "lines": info.num_lines})
    return chips
