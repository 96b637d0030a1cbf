"""The station's drivers and who hears them: made from its settings, wired once, kept running beside each other."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from zoneinfo import ZoneInfo

from agent import nightly
from agent.buttons import drive
from agent.devices import Devices
from agent.either_reader import EitherReader
from agent.entry import Clock
from agent.help import HelpDesk
from agent.journal import Journal
from agent.panels import Panels
from agent.self_tests import SelfTests
from agent.settings import StationSettings
from agent.supervisor import Supervisor
from agent.view import DeviceView
from agent.visits import Reader
from drivers.button_memory import ButtonMemory
from drivers.card_reader import CardReader
from drivers.panel import Panel


class Equipment:
    """Every device of a station: its driver, and the room, the panels and the self-tests that hear it.

    `changed()` is called when `views` are others than before. Raises JournalError.
    """

    def __init__(
        self,
        settings: StationSettings,
        journal: Journal,
        clock: Clock,
        desk: HelpDesk,
        memories: Mapping[str, ButtonMemory],
        *,
        changed: Callable[[], None],
    ) -> None:
        self.room = room = Devices(journal)
        self.tests = tests = SelfTests(
            journal,
            clock,
            due_ms=partial(
                nightly.last_due_ms,
                at=settings.self_test.at,
                zone=ZoneInfo(settings.station.zone),
                shift_s=nightly.shift_s(settings.station.id),
            ),
            is_calm=lambda: not desk.views(clock.mono_ns()),
        )
        room.changed = tests.changed = changed
        second = settings.help.second_output
        self.shown = shown = Panels(desk, journal, clock, second_output=second, on_test=tests.pressed)

        def panel_state(state: str, reason: str) -> None:
            room.state(state, reason)
            shown.show()  # another panel may have to sound in its place

        self._panels = [
            Panel(panel.name, panel.port, monotonic=time.monotonic, on_press=shown.press, on_state=panel_state)
            for panel in settings.panel
        ]
        self._buttons = drive(settings.gpio_button, memories, on_press=shown.press, on_state=room.state)
        self._card_reader: CardReader | None = None
        if (card := settings.card_reader) is not None:
            self._card_reader = CardReader(card.name, card.port, monotonic=time.monotonic, on_state=room.state)
        for panel, its in zip(self._panels, settings.panel, strict=True):
            room.watch(panel, "panel")
            shown.add(panel, buzzer=its.buzzer)
            tests.add(panel)
        for button in self._buttons:
            room.watch(button, "gpio_button")
            shown.add_button(button)
        if self._card_reader is not None:
            room.watch(self._card_reader, "card_reader")

    @property
    def reader(self) -> Reader | None:
        """What reads documents for a visit; None when the station has nothing that does."""
        readers: list[Reader] = [reader for reader in (self._card_reader,) if reader is not None]
        return EitherReader(readers) if readers else None

    @property
    def frames_bad(self) -> int:
        """How many frames on the panels' lines were none."""
        return sum(panel.frames_bad for panel in self._panels)

    @property
    def noise_bytes(self) -> int:
        """How many bytes on all lines belonged to nothing that could be understood."""
        noise = sum(panel.noise_bytes for panel in self._panels)
        return noise + (0 if self._card_reader is None else self._card_reader.noise_bytes)

    def views(self) -> tuple[DeviceView, ...]:
        """Return the devices as they stand, and how their self-tests went."""
        return self.tests.shown(self.room.views())

    def keep(self, supervisor: Supervisor) -> None:
        """Keep every driver running, and who hears them."""
        for panel in self._panels:
            supervisor.keep(f"panel {panel.name}", panel.run)
        for button in self._buttons:
            supervisor.keep(f"button {button.name}", button.run)
        if self._card_reader is not None:
            supervisor.keep("card reader", self._card_reader.run)
        supervisor.keep("devices", self.room.run)
        supervisor.keep("self-tests", self.tests.run)

    def can_be_pressed(self, supervisor: Supervisor) -> bool:
        """Tell whether the tasks of everything that can be pressed run."""
        names = [f"panel {panel.name}" for panel in self._panels]
        names += [f"button {button.name}" for button in self._buttons]
        return all(supervisor.alive(name) for name in names)
