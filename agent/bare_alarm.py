"""What still works while the journal cannot be opened: a press rings, and is not acknowledged.

A dead card must not silence the button. Nothing is recorded here, so nothing is confirmed: the panel keeps its press
latched, and hands it over again once there is a journal.
"""

import time
from collections.abc import Sequence

from agent.settings import PanelSettings
from agent.supervisor import Supervisor
from drivers.panel import Outputs, Panel, PressReading

_WAITING = Outputs(lamp="fault")
_RINGING = Outputs(lamp="raised", tone=2, relay=True)
"""At its loudest from the first second: nobody else hears of this press."""


class BareAlarm:
    """The panels alone. `rings` once a press has come; keep the panels running with `keep`."""

    def __init__(self, panels: Sequence[PanelSettings]) -> None:
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
        for panel in self._panels:
            panel.show(_WAITING)

    def keep(self, supervisor: Supervisor) -> None:
        """Keep every panel's driver running."""
        for panel in self._panels:
            supervisor.keep(f"panel {panel.name}", panel.run)

    def _ring(self, _: PressReading) -> None:
        self.rings = True
        for panel in self._panels:
            panel.show(_RINGING)
