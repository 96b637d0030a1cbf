"""The station's buttons on GPIO lines: a memory each for the life of the process, a driver for whoever hears it."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from agent.device_settings import GpioButtonSettings
from drivers.button_memory import ButtonMemory
from drivers.device import State
from drivers.panel import PressReading

if TYPE_CHECKING:
    from drivers.gpio_button import GpioButton


def remember(buttons: Sequence[GpioButtonSettings]) -> dict[str, ButtonMemory]:
    """Return a memory for each button, by name.

    Whoever serves the buttons takes them over with the presses that wait, so that none is lost when the journal can be
    opened at last. The epoch is drawn by chance and kept nowhere: presses of another life cannot be taken for these,
    and no disk is needed to press a button.
    """
    return {button.name: ButtonMemory(button.name, secrets.randbits(32)) for button in buttons}


def drive(
    buttons: Sequence[GpioButtonSettings],
    memories: Mapping[str, ButtonMemory],
    *,
    on_press: Callable[[PressReading], None],
    on_state: Callable[[State, str], None],
) -> "list[GpioButton]":
    """Return a driver for each button, to be kept running."""
    if not buttons:
        return []
    from drivers.gpio_button import GpioButton, LineSettings  # noqa: PLC0415 - few stations have one: memory

    return [
        GpioButton(
            button.name,
            LineSettings(
                chip=button.chip,
                line=button.line,
                active_low=button.active_low,
                bias=button.bias,
                debounce_ms=button.debounce_ms,
            ),
            memory=memories[button.name],
            on_press=on_press,
            on_state=on_state,
        )
        for button in buttons
    ]
