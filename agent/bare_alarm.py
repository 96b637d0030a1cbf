"""What still works while the journal cannot be opened: a press rings, and is not acknowledged.

A dead card must not silence the button. Nothing is recorded here, so nothing is confirmed: the panel keeps its press
latched, and hands it over again once there is a journal. A button on a GPIO line has its memory for that.
"""

import time
from collections.abc import Mapping, Sequence

from agent.buttons import drive
from agent.device_settings import GpioButtonSettings, PanelSettings
from agent.supervisor import Supervisor
from drivers.button_memory import ButtonMemory
from drivers.panel import Outputs, Panel, PressReading

_WAITING = Outputs(lamp="fault")
_RINGING = Outputs(lamp="raised", tone=2, relay=True)
"""At its loudest from the first second: nobody else hears of this press."""


class BareAlarm:
    """Panels and buttons alone. `rings` once a press has come; keep them running with `keep`."""

    def __init__(
        self,
        panels: Sequence[PanelSettings],
        buttons: Sequence[GpioButtonSettings],
        memories: Mapping[str, ButtonMemory],
    ) -> None:
        self.rings = False
        self._panels = [
            Panel(
                panel.name,
                panel.port,
                monotonic=time.monotonic,
                on_press=self._ring,
                on_state=lambda _state, _reason: None,
            )
            for panel in panels
        ]
        self._buttons = drive(buttons, memories, on_press=self._ring, on_state=lambda _state, _reason: None)
        for panel in self._panels:
            panel.show(_WAITING)

    def keep(self, supervisor: Supervisor) -> None:
        """Keep every driver running."""
        for panel in self._panels:
            supervisor.keep(f"panel {panel.name}", panel.run)
        for button in self._buttons:
            supervisor.keep(f"button {button.name}", button.run)

    def _ring(self, reading: PressReading) -> None:
        if reading.test:
            return  # it stays latched; whoever has a journal will see to it
        self.rings = True
        for panel in self._panels:
            panel.show(_RINGING)
