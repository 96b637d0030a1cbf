"""The firmware's config.json: what is connected to which pin. `docs/panel.md` tells each setting.

This file also runs in the panel, under MicroPython.
"""

from drivers.firmware.button import Bands, Button, Contact

TYPE_CHECKING = False  # MicroPython has no typing
if TYPE_CHECKING:
    from typing import Any

WIRINGS = ("loop", "closes", "opens")
# A loop of 10 kΩ at its end, 2.2 kΩ behind the button, 4.7 kΩ up to the supply: 0, 277, 680, 1000 thousandths.
BANDS = {"short_below": 120, "pressed_below": 480, "normal_below": 850, "hysteresis": 20}
# A loop's `pin` is its channel of the multiplexer.
DEFAULTS = {
    "buttons": [{"wiring": "loop", "pin": channel} for channel in range(4)],
    "bands": BANDS,
    "tamper": True,
    "line": "usb",
}


class SettingsError(Exception):
    """A setting is wrong; the words say which and what it may be."""


def complete(given: "dict[str, Any]") -> "dict[str, Any]":
    """Return the settings with defaults for those not given. Raises SettingsError."""
    settings = _merged(given, DEFAULTS, "")
    bands = settings["bands"] = _merged(settings["bands"], BANDS, "bands.")
    borders = [bands["short_below"], bands["pressed_below"], bands["normal_below"]]
    gap = 2 * bands["hysteresis"]
    if not all(isinstance(border, int) for border in borders + [gap]):
        raise SettingsError("bands: whole numbers, in thousandths of the supply")
    if not (min(gap, borders[0] - 1) >= 0 and borders[0] + gap < borders[1] and borders[1] + gap < borders[2] < 1000):
        raise SettingsError("bands: 0 < short_below < pressed_below < normal_below < 1000, twice the hysteresis apart")
    if settings["line"] not in ("usb", "uart"):
        raise SettingsError("line: usb or uart")
    if not settings["buttons"]:
        raise SettingsError("buttons: at least one")
    for number, button in enumerate(settings["buttons"]):
        if (
            not isinstance(button, dict)
            or button.get("wiring") not in WIRINGS
            or not isinstance(button.get("pin"), int)
        ):
            raise SettingsError(f"buttons[{number}]: wiring ({', '.join(WIRINGS)}) and pin (a number)")
    return settings


def buttons(settings: "dict[str, Any]") -> "list[Button]":
    """Return the buttons of complete settings."""
    bands = settings["bands"]
    borders = (bands["short_below"], bands["pressed_below"], bands["normal_below"], bands["hysteresis"])
    return [
        Button(Bands(*borders) if button["wiring"] == "loop" else Contact(button["wiring"] == "closes"))
        for button in settings["buttons"]
    ]


def _merged(given: "dict[str, Any]", defaults: "dict[str, Any]", where: str) -> "dict[str, Any]":
    if not isinstance(given, dict):
        raise SettingsError(f"{where or 'the file'}: an object")
    for key in given:
        if key not in defaults:
            raise SettingsError(f"{where}{key}: there is no such setting; there are: {', '.join(sorted(defaults))}")
    settings = dict(defaults)
    settings.update(given)
    return settings
