"""From panel readings to the help desk and back (first cut)."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from agent.help import HelpDesk
from agent.journal import Journal
from agent.settings import PanelSettings
from agent.supervisor import Supervisor
from agent.view import DeviceView
from drivers.panel import Outputs, Panel, PressReading


class Devices:
    def __init__(
        self,
        panels: Sequence[PanelSettings],
        desk: HelpDesk,
        journal: Journal,
        *,
        second_output: str,
        changed: Callable[[], None],
    ) -> None:
        self._desk = desk
        self._changed = changed
        self._second = second_output
        self._tasks: set[asyncio.Task[Any]] = set()
        self.panels = {
            p.name: Panel(p.name, p.port, monotonic=time.monotonic, on_press=self._press, on_state=lambda *_: changed())
            for p in panels
        }

    def keep(self, supervisor: Supervisor) -> None:
        for name, panel in self.panels.items():
            supervisor.keep(f"panel {name}", panel.run)

    def alive(self) -> bool:
        return True

    def views(self) -> list[DeviceView]:
        return [DeviceView(name=p.name, kind="panel", state=p.state, reason=p.reason) for p in self.panels.values()]

    def show(self) -> None:
        alarm = self._desk.alarm
        for panel in self.panels.values():
            panel.show(Outputs(lamp=alarm.lamp, tone=alarm.tone, relay=alarm.second_output))

    def _press(self, reading: PressReading) -> None:
        task = asyncio.create_task(self._take(reading))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, reading: PressReading) -> None:
        if await self._desk.press(reading):
            self.panels[reading.panel].acknowledge(reading.epoch, reading.number)
