"""From presses of panels and buttons to calls, and back: what every panel's lamp and tone show."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agent.device_settings import RELAY
from agent.entry import Clock
from agent.help import HelpDesk
from agent.journal import Journal
from agent.ladder import Alarm
from drivers.device import State
from drivers.panel import Outputs, PressReading

log = logging.getLogger(__name__)

FLOOD = 100
"""More new presses than this within FLOOD_S from one panel are noted: no hand presses so fast."""

FLOOD_S = 10

_NS = 1_000_000_000


class Presses(Protocol):
    """Whatever numbers presses and repeats each until it is acknowledged: a panel, or a button on a GPIO line."""

    @property
    def name(self) -> str:
        """Its name in the settings."""

    def acknowledge(self, epoch: int, number: int) -> None:
        """Hear that a press is safe."""


class Shows(Presses, Protocol):
    """A panel, as far as what it shows goes."""

    @property
    def state(self) -> State:
        """How it stands."""

    def show(self, wished: Outputs) -> None:
        """Wish for lamp, tone and relay."""


@dataclass(slots=True, eq=False)
class _Source:
    """Where presses come from: how fast. `newest` is the highest number; `presses` counts new ones since `since_ns`."""

    device: Presses
    newest: tuple[int, int] = (0, 0)
    presses: int = 0
    since_ns: int = 0
    floods: bool = False


@dataclass(slots=True, eq=False)
class _Panel:
    """A panel, and what it was last asked to show."""

    panel: Shows
    buzzer: bool
    shown: Outputs | None = None


class Panels:
    """What can be pressed, and what shows and sounds, by name.

    `press` is every driver's `on_press`; `add` each of them. Call `show` when the desk has `changed`, or a panel's
    state has. A press of a self-test goes to `on_test` and to nobody else. Everything belongs to the loop.
    """

    def __init__(
        self,
        desk: HelpDesk,
        journal: Journal,
        clock: Clock,
        *,
        second_output: str,
        on_test: Callable[[PressReading], None],
    ) -> None:
        self._desk = desk
        self._journal = journal
        self._clock = clock
        self._second_output = second_output
        self._on_test = on_test
        self._sources: dict[str, _Source] = {}
        self._panels: dict[str, _Panel] = {}
        self._under_way: dict[tuple[str, int, int], asyncio.Task[None]] = {}

    def add(self, panel: Shows, *, buzzer: bool) -> None:
        """Take in a panel, and let it show how things stand."""
        self._panels[panel.name] = _Panel(panel, buzzer)
        self.add_button(panel)
        self.show()

    def add_button(self, button: Presses) -> None:
        """Take in what can only be pressed."""
        self._sources[button.name] = _Source(button)

    def press(self, reading: PressReading) -> None:
        """Take a press, new or repeated: it rings in the loop's next turn; journaled, it is acknowledged to its panel.

        However fast they come nothing grows: one that is under way is let pass, since its answer is coming.
        """
        if reading.test:
            self._on_test(reading)
            return
        source = self._sources[reading.panel]
        self._count(source, reading)
        key = (reading.panel, reading.epoch, reading.number)
        if key not in self._under_way:
            self._under_way[key] = asyncio.create_task(self._deliver(source.device, reading), name="press")

    def show(self) -> None:
        """Let every panel show the worst of all open calls; without a call, whether the journal fails."""
        alarm = self._desk.alarm
        for name, panel in self._panels.items():
            outputs = self._outputs(name, panel, alarm)
            if outputs != panel.shown:
                panel.shown = outputs
                panel.panel.show(outputs)

    async def _deliver(self, device: Presses, reading: PressReading) -> None:
        try:
            if await self._desk.press(reading):
                device.acknowledge(reading.epoch, reading.number)
        finally:
            del self._under_way[reading.panel, reading.epoch, reading.number]

    def _outputs(self, name: str, panel: _Panel, alarm: Alarm) -> Outputs:
        lamp = "fault" if alarm.lamp == "off" and self._journal.failure is not None else alarm.lamp
        is_second = name == self._second_output
        silent = not panel.buzzer or (is_second and not alarm.second_output and self._another_sounds(panel))
        relay = alarm.second_output and (is_second or self._second_output == RELAY)
        return Outputs(lamp=lamp, tone=0 if silent else alarm.tone, relay=relay)

    def _another_sounds(self, panel: _Panel) -> bool:
        """Tell whether a ready panel sounds from the first second: if none does, the second output sounds for it."""
        others = (other for other in self._panels.values() if other is not panel)
        return any(other.buzzer and other.panel.state == "ready" for other in others)

    def _count(self, source: _Source, reading: PressReading) -> None:
        epoch, number = source.newest
        if reading.epoch == epoch and reading.number <= number:
            return  # repeated, until it is acknowledged
        source.newest = reading.epoch, reading.number
        now = self._clock.mono_ns()
        if now - source.since_ns >= FLOOD_S * _NS:
            if source.floods and source.presses <= FLOOD:
                source.floods = False
                log.warning("Panel %s is pressed at a usual pace again.", reading.panel)
            source.since_ns, source.presses = now, 0
        source.presses += 1
        if source.presses > FLOOD and not source.floods:
            source.floods = True
            log.warning(
                "Panel %s sent over %d presses in %d s; all are calls for help until someone has looked at its button.",
                reading.panel,
                FLOOD,
                FLOOD_S,
            )
